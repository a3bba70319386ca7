"""One installation on this machine: its folder, its ports, its secrets, and what each process is told."""

from __future__ import annotations

import json
import os
import secrets
import socket
from dataclasses import dataclass, field, fields
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def listens(port: int) -> bool:
    """Whether somebody listens on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True)
class Ports:
    """Where everything listens on 127.0.0.1."""

    gateway: int = 8080
    clinical_http: int = 8042
    clinical_dicom: int = 4242
    research_http: int = 8043
    pacs_http: int = 8044
    pacs_dicom: int = 4244
    redis: int = 6389
    reports: int = 4246
    """Where the PACS reports to Interval that it keeps what it was sent."""

    @classmethod
    def usual_or_free(cls) -> Ports:
        """The usual ports, or others when another program has one of them."""
        usual = cls()
        taken = any(listens(port) for port in usual.__dict__.values())
        return cls.free() if taken else usual

    @classmethod
    def free(cls) -> Ports:
        """Ports that nobody listens on now."""
        sockets = [socket.socket() for _ in fields(cls)]
        try:
            for one in sockets:
                one.bind(("127.0.0.1", 0))
            return cls(*(one.getsockname()[1] for one in sockets))
        finally:
            for one in sockets:
                one.close()


@dataclass(frozen=True)
class System:
    """One installation on this machine: its folder, ports and secrets.

    Parameters
    ----------
    home : Path
        Holds storage, database, logs, secrets and process ids.
    ports : Ports
    quiet_time_s : float
        See `gateway.settings.Settings.quiet_time_s`.
    database_url : str
        Empty for SQLite in `home`.
    priors_from_pacs : bool
        Whether earlier studies are looked for in the demo PACS too.
    routes : str
        File with the routes; empty for the gateway's own.
    """

    home: Path
    ports: Ports = field(default_factory=Ports)
    quiet_time_s: float = 4.0
    database_url: str = ""
    priors_from_pacs: bool = False
    routes: str = ""

    @classmethod
    def resume(cls, home: Path) -> System:
        """The installation that was started in `home` earlier, with its own ports."""
        described = json.loads((home / "system.json").read_text(encoding="utf-8"))
        return cls(
            home=home,
            ports=Ports(**described["ports"]),
            quiet_time_s=described["quiet_time_s"],
            database_url=described["database_url"],
            priors_from_pacs=described.get("priors_from_pacs", False),
            routes=described.get("routes", ""),
        )

    @property
    def url(self) -> str:
        """Address of the viewer and the API."""
        return f"http://127.0.0.1:{self.ports.gateway}"

    @property
    def clinical_url(self) -> str:
        """Address of the clinical archive's REST interface."""
        return f"http://127.0.0.1:{self.ports.clinical_http}"

    @property
    def research_url(self) -> str:
        """Address of the research archive's REST interface."""
        return f"http://127.0.0.1:{self.ports.research_http}"

    @property
    def pacs_url(self) -> str:
        """Address of the demo PACS's REST interface."""
        return f"http://127.0.0.1:{self.ports.pacs_http}"

    def secret(self, name: str) -> str:
        """A secret of this installation, made at its first use."""
        path = self.secret_file(name)
        return path.read_text(encoding="utf-8")

    def secret_file(self, name: str) -> Path:
        """The file that holds it, readable by the owner only."""
        folder = self.home / "secrets"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / name
        if not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(secrets.token_urlsafe(32))
        return path

    def gateway_environment(self) -> dict[str, str]:
        """What the gateway's processes are told."""
        return (
            _python_environment()
            | ({"INTERVAL_ROUTES": self.routes} if self.routes else {})
            | {
                # Threads come and go with each study: with a heap for each, memory would be kept that nobody uses.
                "MALLOC_ARENA_MAX": "2",
                "DATABASE_URL": self.database_url or f"sqlite:///{self.home / 'gateway.db'}",
                "INTERVAL_BROKER_URL": f"redis://127.0.0.1:{self.ports.redis}/0",
                "INTERVAL_CLINICAL_URL": self.clinical_url,
                "INTERVAL_CLINICAL_PASSWORD_FILE": str(self.secret_file("clinical-gateway")),
                "INTERVAL_RESEARCH_URL": self.research_url,
                "INTERVAL_RESEARCH_PASSWORD_FILE": str(self.secret_file("research-gateway")),
                "INTERVAL_PSEUDONYM_KEY_FILE": str(self.secret_file("pseudonym-key")),
                "INTERVAL_TARGET_PORT": str(self.ports.pacs_dicom),
                "INTERVAL_PACS_KIND": "c-move" if self.priors_from_pacs else "none",
                "INTERVAL_PACS_PORT": str(self.ports.pacs_dicom),
                "INTERVAL_COMMITMENT_PORT": str(self.ports.reports),
                "INTERVAL_COMMITMENT_WAIT_S": "20",
                "INTERVAL_QUIET_TIME_S": str(self.quiet_time_s),
                "INTERVAL_LONGEST_WAIT_S": str(3 * self.quiet_time_s),
                "INTERVAL_SECURE_COOKIES": "false",
                "INTERVAL_VIEWER_DIR": str(REPOSITORY / "viewer" / "dist"),
            }
        )

    def worker_environment(self) -> dict[str, str]:
        """What a processing worker is told: the research archive and the broker, nothing else."""
        return _python_environment() | {
            "INTERVAL_BROKER_URL": f"redis://127.0.0.1:{self.ports.redis}/0",
            "INTERVAL_RESEARCH_URL": self.research_url,
            "INTERVAL_RESEARCH_USER": "worker",
            "INTERVAL_RESEARCH_PASSWORD_FILE": str(self.secret_file("research-worker")),
        }

    def save(self) -> None:
        """Write down what `resume` reads."""
        self.home.mkdir(parents=True, exist_ok=True)
        described = {
            "ports": self.ports.__dict__,
            "quiet_time_s": self.quiet_time_s,
            "database_url": self.database_url,
            "priors_from_pacs": self.priors_from_pacs,
            "routes": self.routes,
        }
        (self.home / "system.json").write_text(json.dumps(described, indent=1), encoding="utf-8")


def _python_environment() -> dict[str, str]:
    """The environment without variables of another installation, with sane limits for two cores."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("INTERVAL_", "DATABASE_URL"))}
    return kept | {"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}
