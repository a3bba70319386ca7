"""A PostgreSQL server of the tests' own, on a free loopback port, as an ordinary user."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SERVER_USER = "postgres"


@contextmanager
def running_postgres(folder: Path) -> Iterator[str]:
    """Start PostgreSQL in a folder and give its address; stop it at the end.

    PostgreSQL refuses to run as root, so that root starts it as Debian's `postgres` user.
    """
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    as_user: tuple[str, ...] = ()
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        as_user = ("runuser", "-u", SERVER_USER, "--")
        account = pwd.getpwnam(SERVER_USER)
        os.chown(folder, account.pw_uid, account.pw_gid)
    data = folder / "data"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    _run(*as_user, str(programs / "initdb"), "--pgdata", str(data), "--username", "interval", "--auth", "trust")
    server = (*as_user, str(programs / "pg_ctl"), "--pgdata", str(data))
    options = f"-c listen_addresses=127.0.0.1 -p {port} -c unix_socket_directories={folder} -c fsync=off"
    _run(*server, "--wait", "--log", str(folder / "log"), "--options", options, "start")
    try:
        yield f"postgresql+psycopg://interval@127.0.0.1:{port}/postgres"
    finally:
        _run(*server, "--wait", "--mode", "immediate", "stop")
        shutil.rmtree(data)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")
