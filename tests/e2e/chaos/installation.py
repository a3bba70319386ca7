"""The system that is hurt: shorter waits, its folders on small disks, and the PACS behind a switch."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from demo.installation import System, listens
from demo.processes import Service
from tests.integration.postgres import SERVER_USER

JOB_LEASE_S = 90
_FULL_BLOCK_BYTES = 1 << 20
_DISKS_MIB = {"orthanc-clinical": 512, "orthanc-research": 2048, "redis": 128, "database": 512}


@dataclass(frozen=True)
class ChaosSystem(System):
    """A system that notices sooner what got lost, so that a run takes minutes."""

    target_port: int = 0
    """Of the switch before the PACS."""

    def gateway_environment(self) -> dict[str, str]:
        """What the gateway's processes are told."""
        return super().gateway_environment() | {
            "INTERVAL_TARGET_PORT": str(self.target_port),
            "INTERVAL_LEASE_S": "20",
            "INTERVAL_JOB_LEASE_S": str(JOB_LEASE_S),
            "INTERVAL_RETRY_BASE_S": "1",
            "INTERVAL_LEAST_FREE_MB": "64",
        }

    def worker_environment(self) -> dict[str, str]:
        """What the worker is told."""
        return super().worker_environment() | {
            "INTERVAL_JOB_TIME_LIMIT_S": "600",
            "INTERVAL_WORKER_PROCESSES": "2",
            "INTERVAL_WORKER_THREADS": "1",
            "INTERVAL_WORKER_NICENESS": "0",
        }


class SmallDisk:
    """A folder on a file system of its own, which can be filled to the last byte."""

    def __init__(self, folder: Path, mib: int) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(("mount", "-t", "tmpfs", "-o", f"size={mib}m", "interval-chaos", str(folder)), check=True)

    def fill(self) -> None:
        """Leave no room."""
        with (self.folder / "ballast").open("wb", buffering=0) as ballast:
            size = _FULL_BLOCK_BYTES
            while size:
                try:
                    ballast.write(bytes(size))
                except OSError:
                    size //= 2

    def free(self) -> None:
        """Give the room back."""
        (self.folder / "ballast").unlink(missing_ok=True)

    def remove(self) -> None:
        """Unmount it; what it held is gone."""
        subprocess.run(("umount", "--lazy", str(self.folder)), check=True)


def small_disks(home: Path) -> dict[str, SmallDisk]:
    """Mount a small file system for every folder that matters; none where that is not allowed."""
    if os.geteuid() != 0:
        return {}
    mounted: dict[str, SmallDisk] = {}
    try:
        for name, mib in _DISKS_MIB.items():
            mounted[name] = SmallDisk(home / name, mib)
    except subprocess.CalledProcessError:
        for disk in mounted.values():
            disk.remove()
        return {}
    return mounted


def postgres_service(folder: Path) -> tuple[Service, str]:
    """Make an empty PostgreSQL database in a folder; return how its server is run, and its address."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    as_user: tuple[str, ...] = ()
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        account = pwd.getpwnam(SERVER_USER)
        as_user = ("setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups", "--")
        os.chown(folder, account.pw_uid, account.pw_gid)
    data = folder / "data"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    make = (*as_user, str(programs / "initdb"), "--pgdata", str(data), "--username", "interval", "--auth", "trust")
    subprocess.run(make, check=True, stdout=subprocess.DEVNULL, cwd="/")
    command = _server_command(as_user, programs / "postgres", data, folder, port)
    service = Service("postgres", command, dict(os.environ), lambda: listens(port), (port,))
    return service, f"postgresql+psycopg://interval@127.0.0.1:{port}/postgres"


def _server_command(as_user: Sequence[str], server: Path, data: Path, sockets: Path, port: int) -> tuple[str, ...]:
    options = ("-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={sockets}", "-p", str(port))
    return (*as_user, str(server), "-D", str(data), *options)


def postgres_is_installed() -> bool:
    """Whether the database variant can be played here."""
    return any(Path("/usr/lib/postgresql").glob("*/bin/postgres")) and shutil.which("setpriv") is not None
