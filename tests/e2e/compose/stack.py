"""The installation of docs/install.md in containers, with a PACS beside it, under a name and on ports of its own."""

from __future__ import annotations

import json
import secrets
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import httpx
import yaml
from cryptography import x509

from demo.installation import REPOSITORY, Ports
from gateway.dicom_tls import TlsFiles
from tests.certificates import Authority, Identity
from tests.e2e.compose.engine import Engine

_FILES = ("compose.yaml", "tests/e2e/compose/hospital.yaml")
_HOST = "127.0.0.1"
_ANSWERS_WITHIN_S = 120.0


@dataclass(frozen=True)
class Stack:
    """Where the containers are reached, and what their files are.

    Parameters
    ----------
    engine : Engine
    project : str
        Name under which containers, networks and volumes stand.
    folder : Path
        Holds the secrets.
    ports : Ports
        Free ones of this machine.
    scanner : Identity
        Certificate of the hospital's scanner.
    """

    engine: Engine
    project: str
    folder: Path
    ports: Ports
    scanner: Identity

    @property
    def url(self) -> str:
        """Of the viewer."""
        return f"https://{_HOST}:{self.ports.gateway}"

    @property
    def pacs_url(self) -> str:
        """Of the PACS's REST interface."""
        return f"http://{_HOST}:{self.ports.pacs_http}"

    @property
    def authority(self) -> Path:
        """Certificate of whoever signed the installation's certificates."""
        return self.folder / "authority-certificate"

    def secret(self, name: str) -> str:
        """Content of a secret."""
        return (self.folder / name).read_text(encoding="utf-8")

    @cached_property
    def browser_trust(self) -> ssl.SSLContext:
        """What a browser believes that was given the installation's authority."""
        return ssl.create_default_context(cafile=str(self.authority))

    @property
    def broker_for_workers(self) -> str:
        """Address of the broker for workers on other machines."""
        return f"rediss://:{self.secret('broker-password')}@{_HOST}:{self.ports.redis}/0"

    @property
    def research_for_workers(self) -> str:
        """Address of the research archive for workers on other machines."""
        return f"https://{_HOST}:{self.ports.clinical_http}"

    @cached_property
    def scanner_tls(self) -> ssl.SSLContext:
        """What the scanner calls with."""
        return TlsFiles(self.scanner.certificate, self.scanner.key, self.authority).calling()

    def build(self) -> Iterator[str]:
        """Build every image that compose.yaml names; yield each name when it is built."""
        described = yaml.safe_load((REPOSITORY / "compose.yaml").read_text(encoding="utf-8"))
        bases = {name: self.engine.environment.get(name, "") for name in ("BASE", "VIEWER_BASE")}
        built = set()
        for service in described["services"].values():
            if service["image"] in built:
                continue
            built.add(service["image"])
            wanted = {name: base for name, base in bases.items() if name in service["build"]["args"] and base}
            context = REPOSITORY / service["build"]["context"]
            dockerfile = REPOSITORY / service["build"].get("dockerfile", context / "Dockerfile")
            self.engine.build(service["image"], context, dockerfile, wanted)
            yield service["image"]

    def compose(self, *command: str, stdin: str | None = None, check: bool = True) -> str:
        """Run a compose command on the stack."""
        files = [item for file in _FILES for item in ("-f", file)]
        return self.engine.run(*self.engine.compose, *files, "-p", self.project, *command, stdin=stdin, check=check)

    def execute(self, service: str, *command: str, stdin: str | None = None, check: bool = True) -> str:
        """Run a program in a service's container."""
        return self.compose("exec", "-T", service, *command, stdin=stdin, check=check)

    def run_once(self, service: str, *command: str, reading: Path | None = None) -> str:
        """Run a program in a new container of a service, which may read a folder of the host at /elsewhere."""
        mounted = ("--volume", f"{reading}:/elsewhere:ro") if reading is not None else ()
        return self.compose("run", "--rm", "-T", *mounted, service, *command)

    def await_viewer(self) -> None:
        """Wait until the proxy answers: compose is done when it is started, and it starts last."""
        deadline = time.monotonic() + _ANSWERS_WITHIN_S
        while True:
            try:
                httpx.get(self.url, verify=self.browser_trust, timeout=10)
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def containers(self) -> dict[str, dict[str, object]]:
        """Everything that the engine says about each running container, by its service."""
        label = f"label=com.docker.compose.project={self.project}"
        names = self.engine.run(self.engine.container, "ps", "--filter", label, "--format", "{{.Names}}").split()
        found = json.loads(self.engine.run(self.engine.container, "inspect", *names))
        return {str(one["Config"]["Labels"]["com.docker.compose.service"]): one for one in found}


@contextmanager
def stack(engine: Engine, folder: Path) -> Iterator[Stack]:
    """Make secrets and certificates; take everything away in the end."""
    secrets_folder = folder / "secrets"
    subprocess.run(
        (str(REPOSITORY / "deploy" / "secrets.sh"), _HOST, str(secrets_folder)), check=True, capture_output=True
    )
    ports = Ports.free()
    scanner = _hospital(secrets_folder)
    environment = dict(engine.environment) | {
        "INTERVAL_SECRETS": str(secrets_folder),
        "INTERVAL_VIEWER_PORT": str(ports.gateway),
        "INTERVAL_REDIRECT_PORT": str(ports.research_http),
        "INTERVAL_DICOM_PORT": str(ports.clinical_dicom),
        "INTERVAL_REPORTS_PORT": str(ports.reports),
        "COMPOSE_PROFILES": "workers-elsewhere",
        "INTERVAL_WORKERS_ARCHIVE_PORT": str(ports.clinical_http),
        "INTERVAL_WORKERS_BROKER_PORT": str(ports.redis),
        "TEST_PACS_PORT": str(ports.pacs_http),
        "INTERVAL_QUIET_TIME_S": "4",
        "INTERVAL_LONGEST_WAIT_S": "12",
        "INTERVAL_TARGET_HOST": "pacs",
        "INTERVAL_TARGET_PORT": "4242",
        "INTERVAL_TARGET_AET": "PACS",
        "INTERVAL_COMMITMENT_PORT": "4246",
        # From this machine itself a published port is reached through the network's own first address.
        "ORTHANC_MODALITIES": json.dumps({"scanner": ["SCANNER", "10.89.77.1", 104]}),
    }
    running = Stack(
        replace(engine, environment=environment),
        f"interval-test-{secrets.token_hex(3)}",
        secrets_folder,
        ports,
        scanner,
    )
    try:
        yield running
    finally:
        running.compose("down", "--volumes", "--timeout", "10", check=False)
        shutil.rmtree(secrets_folder, ignore_errors=True)


def _hospital(folder: Path) -> Identity:
    """Give the hospital an authority that Interval believes, and PACS and scanner certificates of it."""
    authority = Authority(folder, "hospital")
    pacs = authority.identity("pacs-own", hosts=(x509.DNSName("pacs"),))
    pacs.certificate.rename(folder / "pacs-certificate")
    pacs.key.rename(folder / "pacs-key")
    believed = authority.certificate.read_bytes()
    (folder / "pacs-authorities").write_bytes(believed + (folder / "authority-certificate").read_bytes())
    (folder / "pacs-demo").write_text(secrets.token_urlsafe(24), encoding="utf-8")
    own = folder / "dicom-authorities"
    own.write_bytes(own.read_bytes() + believed)
    for name in ("pacs-certificate", "pacs-key", "pacs-authorities", "pacs-demo"):
        (folder / name).chmod(0o644)
    return authority.identity("scanner")
