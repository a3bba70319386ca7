"""A worker as on another machine: broker and archive over TLS, and nobody is believed whom the site does not name."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography.x509 import IPAddress

from demo.installation import REPOSITORY, Ports, System, listens
from demo.processes import RunningSystem, Service
from gateway.admin.checks import check_certificates, check_clocks
from gateway.admin.findings import Finding, Verdict
from gateway.admin.neighbours import check_archives, check_broker
from gateway.settings import Settings
from processing.authorities import believed
from processing.broker import verified
from processing.dicom.archive import DicomWebArchive
from processing.domain.messages import OutcomeStatus
from tests.certificates import Authority, Identity
from tests.integration.deploy.archive import PASSWORD, archive
from tests.integration.worker.gateway_side import WAIT_S, Gateway, order_of_a_ball

pytestmark = pytest.mark.integration

if not Path("/usr/lib/nginx/modules/ngx_stream_module.so").exists() and "CI" not in os.environ:
    pytest.skip("needs Debian's libnginx-mod-stream", allow_module_level=True)

CANT_CONNECT = '"level": "error", "logger": "celery.worker.consumer.consumer"'
ORDERS = re.compile(r"^interval_worker_orders_total\{.*\} (\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Machine:
    """The gateway's machine as others see it, by the address that its certificate names."""

    folder: Path
    broker: str
    research: str
    authority: Path
    stranger: Path


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("machine")
    authority = Authority(folder, "site")
    own = authority.identity("machine", hosts=(IPAddress(ip_address("127.0.0.1")),))
    ports = Ports.free()
    with archive(folder / "research", "research") as research:
        behind = (_redis(ports.redis), _door(folder, own, ports, research.http.removeprefix("http://")))
        with RunningSystem(System(folder / "services", ports), only=(), before=behind):
            yield Machine(
                folder,
                f"rediss://:{PASSWORD}@127.0.0.1:{ports.reports}/0",
                f"https://127.0.0.1:{ports.gateway}",
                authority.certificate,
                Authority(folder, "stranger").certificate,
            )


def _redis(port: int) -> Service:
    options = ("--bind", "127.0.0.1", "--port", str(port), "--requirepass", PASSWORD, "--save", "")
    return Service("redis", ("redis-server", *options), dict(os.environ), lambda: listens(port), (port,))


def _door(folder: Path, own: Identity, ports: Ports, research: str) -> Service:
    """The installation's own way in for workers, as compose.yaml starts it."""
    environment = dict(os.environ) | {
        "PROXY_CERTIFICATE": str(own.certificate),
        "PROXY_KEY": str(own.key),
        "PROXY_ARCHIVE": research,
        "PROXY_BROKER": f"127.0.0.1:{ports.redis}",
        "PROXY_HTTPS_PORT": str(ports.gateway),
        "PROXY_BROKER_PORT": str(ports.reports),
        "PROXY_STATE": str(folder / "state"),
    }
    script = str(REPOSITORY / "deploy" / "proxy" / "start.sh")
    return Service("door", (script, "workers"), environment, lambda: listens(ports.reports))


@pytest.fixture
def believing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """Let this process believe one authority, as a process does that is started with its file."""

    def believe(authority: Path) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        believed.cache_clear()

    yield believe
    believed.cache_clear()


@contextmanager
def worker(machine: Machine, authority: Path) -> Iterator[str]:
    """Start a worker of two processes; yield the address of its figures."""
    port = Ports.free().gateway
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INTERVAL_")}
    told = {
        "PYTHONPATH": str(REPOSITORY),
        "TMPDIR": str(machine.folder),
        "SSL_CERT_FILE": str(authority),
        "INTERVAL_BROKER_URL": machine.broker,
        "INTERVAL_RESEARCH_URL": machine.research,
        "INTERVAL_RESEARCH_USER": "gateway",
        "INTERVAL_RESEARCH_PASSWORD_FILE": str(machine.folder / "research" / "password"),
        "INTERVAL_WORKER_PROCESSES": "2",
        "INTERVAL_WORKER_THREADS": "1",
        "INTERVAL_METRICS_PORT": str(port),
    }
    with (machine.folder / f"{authority.stem}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "processing.worker"],
            cwd=REPOSITORY,
            env=kept | told,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=WAIT_S)


def components(figures: str) -> Mapping[str, str]:
    """Ask what is wrong with each, as soon as somebody answers."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            said: Mapping[str, str] = httpx.get(f"{figures}/ready", timeout=10).json()["components"]
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return said


def wait_for_line(log: Path, words: str) -> None:
    """Wait until a process has said something: Celery tries to reach the broker for ever."""
    deadline = time.monotonic() + WAIT_S
    while words not in log.read_text(encoding="utf-8"):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_orders_are_carried_out_over_tls_and_both_processes_are_counted(
    machine: Machine, believing: Callable[[Path], None], tmp_path: Path
) -> None:
    believing(machine.authority)
    with DicomWebArchive(f"{machine.research}/dicom-web", "gateway", PASSWORD) as research:
        order = order_of_a_ball(research, tmp_path)
    gateway = Gateway(verified(machine.broker))
    with worker(machine, machine.authority) as figures, worker(machine, machine.stranger) as deceived:
        for job in ("job-tls-1", "job-tls-2"):
            gateway.send(order.model_copy(update={"job_id": job}))
        outcomes = [gateway.outcome() for _ in range(2)]
        assert {outcome.job_id for outcome in outcomes} == {"job-tls-1", "job-tls-2"}
        assert all(outcome.status is not OutcomeStatus.TRANSIENT for outcome in outcomes), "the archive was read"
        counted = ORDERS.findall(httpx.get(f"{figures}/metrics", timeout=10).text)
        assert sum(map(int, counted)) == 2
        assert len(list(machine.folder.glob("interval-metrics-*/counter_*.db"))) == 2, "each process took one"
        assert set(components(figures).values()) == {"well"}
        assert dict(components(deceived)) == {
            "broker": "The broker's certificate is not believed.",
            "research archive": "The archive's certificate is not believed.",
        }
        wait_for_line(machine.folder / "stranger.log", CANT_CONNECT)
    gateway.close()


def test_a_gateway_believes_the_site_s_authority_and_nobody_else(
    machine: Machine, believing: Callable[[Path], None], tmp_path: Path
) -> None:
    def findings(host: str = "127.0.0.1") -> list[Finding]:
        (tmp_path / "key").write_text("a key that is long enough for a test", encoding="utf-8")
        archives = machine.research.replace("127.0.0.1", host)
        password = machine.folder / "research" / "password"
        settings = Settings.model_validate(
            {
                "broker_url": machine.broker.replace("127.0.0.1", host),
                "clinical_url": archives,
                "research_url": archives,
                "clinical_password_file": password,
                "research_password_file": password,
                "pseudonym_key_file": tmp_path / "key",
            }
        )
        return [check(settings) for check in (check_archives, check_broker, check_clocks)] + [
            check_certificates(settings)
        ]

    believing(machine.authority)
    # One password for two archives, no append-only file, certificates of a day: all answered.
    verdicts = [finding.verdict for finding in findings()]
    assert verdicts == [Verdict.WARNING, Verdict.WARNING, Verdict.GOOD, Verdict.WARNING]
    by_another_name = findings("localhost")
    believing(machine.stranger)
    for archives, broker, *_ in (by_another_name, findings()):
        assert (archives.verdict, broker.verdict) == (Verdict.BAD, Verdict.BAD)
        assert archives.says.count("The archive's certificate is not believed.") == 2
        assert broker.says == "The broker's certificate is not believed."
