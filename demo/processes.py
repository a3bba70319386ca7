"""Runs the same processes as compose.yaml on this machine, without containers.

Used by ``make up``, ``make demo`` and the integration tests, so that what is tested is what runs.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx

from demo.installation import REPOSITORY, System, listens
from processing.domain.messages import FAST_TRACK_QUEUE, PIPELINE_QUEUE

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0


class StartFailed(RuntimeError):
    """A process did not come up; the message names its log."""


@dataclass(frozen=True)
class Service:
    """A process: how to start it and how to see that it is ready."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ready: Callable[[], bool]
    ports: tuple[int, ...] = ()


def services_of(system: System) -> tuple[Service, ...]:
    """Every process of the system, in the order in which they start."""
    return (
        _redis(system),
        _orthanc(
            system,
            "clinical",
            system.ports.clinical_http,
            system.ports.clinical_dicom,
            accounts={"gateway": "clinical-gateway"},
            modalities={
                "scanner": ["SCANNER", "127.0.0.1", 104],
                "pacs": ["PACS", "127.0.0.1", system.ports.pacs_dicom],
            },
        ),
        _orthanc(
            system,
            "research",
            system.ports.research_http,
            0,
            accounts={"gateway": "research-gateway", "worker": "research-worker"},
            modalities={},
        ),
        _orthanc(
            system,
            "demo-pacs",
            system.ports.pacs_http,
            system.ports.pacs_dicom,
            accounts={"demo": "pacs-demo"},
            modalities={
                "interval": ["INTERVAL", "127.0.0.1", system.ports.reports],
                "clinical": ["CLINICAL", "127.0.0.1", system.ports.clinical_dicom],
                "scanner": ["SCANNER", "127.0.0.1", 104],
            },
        ),
        Service(
            "gateway-api",
            (sys.executable, "-m", "gateway.main", "--host", "127.0.0.1", "--port", str(system.ports.gateway)),
            system.gateway_environment(),
            lambda: _answers(f"{system.url}/api/health"),
            (system.ports.gateway,),
        ),
        Service(
            "gateway-tasks",
            (sys.executable, "-m", "gateway.tasks"),
            system.gateway_environment(),
            lambda: True,
        ),
        Service(
            "worker",
            (sys.executable, "-m", "processing.worker"),
            _worker(system, PIPELINE_QUEUE, niceness=5),
            lambda: True,
        ),
        Service(
            "worker-fast-track",
            (sys.executable, "-m", "processing.worker"),
            _worker(system, FAST_TRACK_QUEUE, niceness=0),
            lambda: True,
        ),
    )


class RunningSystem:
    """A started system; leaving the context stops what was started here.

    Parameters
    ----------
    system : System
    only : sequence of str, optional
        Names of services to start, for tests that need a part.
    before : sequence of Service, optional
        Further services, started before all others.
    on_progress : callable, optional
        Called with the name of each service that is ready.
    """

    def __init__(
        self,
        system: System,
        *,
        only: Sequence[str] | None = None,
        before: Sequence[Service] = (),
        on_progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.system = system
        wanted = [service for service in services_of(system) if only is None or service.name in only]
        self._services = {service.name: service for service in (*before, *wanted)}
        self._on_progress = on_progress
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start every service and wait until each is ready.

        Raises
        ------
        StartFailed
            If one ends or is not ready in time; what was started is stopped again.
        """
        self.system.save()
        try:
            for name in self._services:
                self.start_service(name)
        except StartFailed:
            self.stop()
            raise

    def start_service(self, name: str) -> None:
        """Start one service and wait until it is ready."""
        service = self._services[name]
        for port in service.ports:
            if listens(port):
                raise StartFailed(f"{name} can't start: another program listens on port {port}")
        log = self.system.home / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(
                service.command,
                cwd=REPOSITORY,
                env=dict(service.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._children[name] = process
        pid_file = self._pid_file(name)
        pid_file.parent.mkdir(parents=True, exist_ok=True)
        pid_file.write_text(f"{process.pid} {_start_time(process.pid)}", encoding="ascii")
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not service.ready():
            if process.poll() is not None:
                raise StartFailed(f"{name} ended with status {process.returncode}; see {log}")
            if time.monotonic() > deadline:
                raise StartFailed(f"{name} was not ready after {READY_TIMEOUT_S:.0f} s; see {log}")
            time.sleep(0.1)
        self._on_progress(name)

    def stop(self) -> None:
        """Stop every service, the last started first."""
        for name in reversed(list(self._services)):
            self.stop_service(name)

    def stop_service(self, name: str, signal_number: signal.Signals = signal.SIGTERM) -> None:
        """Stop one service with its children and wait for its end."""
        pid = self.pid(name)
        if pid is not None:
            os.killpg(pid, signal_number)
            _wait_for_end(pid, self._children.get(name))
        if name in self._children:
            self._children.pop(name).wait()
        self._pid_file(name).unlink(missing_ok=True)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all services, in the order in which they start."""
        return tuple(self._services)

    def running(self) -> list[str]:
        """Names of the services that run now."""
        return [name for name in self._services if self.pid(name) is not None]

    def _pid_file(self, name: str) -> Path:
        return self.system.home / "pids" / name

    def pid(self, name: str) -> int | None:
        """Process id of a service that runs; a reused id of another process is told apart by its start time."""
        try:
            pid_text, started = self._pid_file(name).read_text(encoding="ascii").split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid_text) if _start_time(int(pid_text)) == started else None


def _worker(system: System, queue: str, *, niceness: int) -> dict[str, str]:
    """What a worker is told; routine work stands back where processors are short."""
    chosen = {"INTERVAL_WORKER_QUEUES": queue, "INTERVAL_WORKER_NICENESS": str(niceness)}
    return chosen | system.worker_environment()


def _redis(system: System) -> Service:
    folder = system.home / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    port = str(system.ports.redis)
    # Without the append-only file a killed Redis forgets its queues.
    options = ("--bind", "127.0.0.1", "--port", port, "--dir", str(folder), "--appendonly", "yes", "--save", "")
    command = ("redis-server", *options)
    return Service("redis", command, dict(os.environ), lambda: listens(system.ports.redis), (system.ports.redis,))


def _orthanc(
    system: System,
    zone: str,
    http_port: int,
    dicom_port: int,
    *,
    accounts: Mapping[str, str],
    modalities: Mapping[str, list[str | int]],
) -> Service:
    users = " ".join(f"{name}={system.secret_file(secret)}" for name, secret in accounts.items())
    environment = dict(os.environ) | {
        "ORTHANC_STORAGE": str(system.home / f"orthanc-{zone}"),
        "ORTHANC_HTTP_PORT": str(http_port),
        "ORTHANC_DICOM_PORT": str(dicom_port or 4242),
        "ORTHANC_USERS": users,
        "ORTHANC_MODALITIES": json.dumps(modalities),
        "ORTHANC_RESTART": "true",
    }
    command = (str(REPOSITORY / "orthanc-config" / "start.sh"), zone)
    ports = tuple(port for port in (http_port, dicom_port) if port)
    ready = f"http://127.0.0.1:{http_port}/system"
    return Service(f"orthanc-{zone}", command, environment, lambda: _answers(ready), ports)


def _answers(url: str) -> bool:
    """Whether somebody speaks HTTP there; an Orthanc that asks for a password is up."""
    try:
        return httpx.get(url, timeout=5).status_code < 500
    except httpx.TransportError:
        return False


def _start_time(pid: int) -> str:
    """Start time of a living process in clock ticks since boot, empty when there is none (proc(5))."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] == "Z" else fields[19]


def _wait_for_end(pid: int, child: subprocess.Popen[bytes] | None) -> None:
    """Wait until a process is gone; kill its group when it does not end by itself."""
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while _start_time(pid):
        if child is not None:
            child.poll()
        if time.monotonic() > deadline:
            os.killpg(pid, signal.SIGKILL)
            deadline += STOP_TIMEOUT_S
        time.sleep(0.05)


def missing_programs() -> Iterator[str]:
    """Programs that the system needs and this machine lacks."""
    for program in ("Orthanc", "redis-server"):
        if shutil.which(program) is None:
            yield program
