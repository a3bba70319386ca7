"""A container engine that really runs here: Docker with its compose, or Podman behind Debian's docker-compose."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from demo.installation import REPOSITORY
from tests.e2e.compose.base import LOCAL_BASE, LOCAL_VIEWER_BASE, make_bases

_HEALTH_EVERY_S = 2.0


class NoEngine(RuntimeError):
    """No container can run here; the message says why."""


class EngineFailed(RuntimeError):
    """A command failed; the message holds the end of what it said."""


@dataclass(frozen=True)
class Engine:
    """How containers are built, composed and looked at.

    Parameters
    ----------
    container : str
        Program that runs containers.
    compose : sequence of str
        Command that reads compose files.
    environment : mapping
        Of both.
    fresh : bool
        Whether layers of earlier builds are left alone.
    """

    container: str
    compose: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    fresh: bool = False

    @property
    def is_podman(self) -> bool:
        """Whether images are built and health is asked by us, because no service of Podman's does it."""
        return self.container == "podman"

    def run(self, *command: str, stdin: str | None = None, check: bool = True) -> str:
        """Run a program in the engine's environment; return its standard output."""
        answer = subprocess.run(
            command,
            cwd=REPOSITORY,
            env=dict(self.environment),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and answer.returncode != 0:
            raise EngineFailed(f"{' '.join(command[:6])}: {(answer.stderr or answer.stdout)[-2000:]}")
        return answer.stdout

    def build(self, image: str, context: Path, dockerfile: Path, arguments: Mapping[str, str]) -> None:
        """Build one image."""
        options = [item for name, value in arguments.items() for item in ("--build-arg", f"{name}={value}")]
        if self.fresh:
            options.append("--no-cache")
        if self.is_podman:
            options += ["--isolation", "chroot", "--network", "host", "--layers"]
        self.run(self.container, "build", *options, "-t", image, "-f", str(dockerfile), str(context))


def which_engine() -> str:
    """Return the program that would run containers here; quick, for nothing is made or started.

    Raises
    ------
    NoEngine
        If there is none.
    """
    if shutil.which("docker") and _succeeds(("docker", "info"), os.environ):
        if not _succeeds(("docker", "compose", "version"), os.environ):
            raise NoEngine("Docker is here without its compose plugin")
        return "docker"
    missing = [name for name in ("podman", "runc", "docker-compose", "debootstrap") if shutil.which(name) is None]
    if missing:
        raise NoEngine(f"no Docker that answers, and for Podman {', '.join(missing)} is missing")
    if os.geteuid() != 0:
        raise NoEngine("no Docker that answers, and Podman with internal networks is tried as root only")
    return "podman"


@contextlib.contextmanager
def engine(folder: Path, *, fresh: bool = False) -> Iterator[Engine]:
    """Find an engine and hold it ready.

    Parameters
    ----------
    folder : Path
        For its own files; with a short path.
    fresh : bool
        Whether base images and layers are made anew.

    Raises
    ------
    NoEngine
        If there is none.
    """
    if which_engine() == "docker":
        yield Engine("docker", ("docker", "compose"), dict(os.environ), fresh)
        return
    yield from _podman(folder, fresh)


def _podman(folder: Path, fresh: bool) -> Iterator[Engine]:
    environment = dict(os.environ) | {"CONTAINERS_CONF": str(_containers_conf(folder))}
    try:
        make_bases(environment, fresh=fresh)
    except subprocess.CalledProcessError as failed:
        raise NoEngine(f"the base image can't be made: {' '.join(map(str, failed.cmd[:3]))} failed") from failed
    if not _succeeds(("podman", "run", "--rm", LOCAL_BASE, "true"), environment):
        raise NoEngine("Podman can't run a container here")
    # Short: a socket's path has 108 characters at most.
    socket = folder / "podman.sock"
    server = subprocess.Popen(
        ("podman", "system", "service", "--time=0", f"unix://{socket}"),
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    over = threading.Event()
    found = Engine(
        "podman",
        ("docker-compose",),
        environment | {"DOCKER_HOST": f"unix://{socket}", "BASE": LOCAL_BASE, "VIEWER_BASE": LOCAL_VIEWER_BASE},
        fresh,
    )
    health = threading.Thread(target=_ask_for_health, args=(found, over), daemon=True)
    try:
        deadline = time.monotonic() + 60
        while not socket.exists():
            if time.monotonic() > deadline:
                raise NoEngine("Podman's service does not start")
            time.sleep(0.1)
        health.start()
        yield found
    finally:
        over.set()
        server.terminate()
        server.wait()


def _ask_for_health(found: Engine, over: threading.Event) -> None:
    """Run health checks, which Podman leaves to systemd's timers; docker-compose waits for what they say."""
    while not over.wait(_HEALTH_EVERY_S):
        names = found.run("podman", "ps", "--filter", "health=starting", "--format", "{{.Names}}", check=False)
        # Side by side: a worker's answer takes seconds, and others wait for the database's.
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda name: found.run("podman", "healthcheck", "run", name, check=False), names.split()))


def _containers_conf(folder: Path) -> Path:
    """Write what Podman needs where there is neither systemd nor the right to raise limits."""
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    path = folder / "containers.conf"
    path.write_text(
        f"""[containers]
netns = "host"
log_driver = "k8s-file"
default_ulimits = ["nofile={files}:{files}", "nproc=2048:2048"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
""",
        encoding="utf-8",
    )
    return path


def _succeeds(command: Sequence[str], environment: Mapping[str, str]) -> bool:
    answer = subprocess.run(command, env=dict(environment), capture_output=True, check=False)
    return answer.returncode == 0
