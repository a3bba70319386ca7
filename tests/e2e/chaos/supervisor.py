"""Brings back what ended, as compose's ``restart: unless-stopped`` does: at once, then less and less often."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

from demo.processes import RunningSystem, StartFailed

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 60.0
_STABLE_AFTER_S = 10.0
_LOOK_EVERY_S = 0.2


class Supervisor:
    """Watches every service of a running system, and kills them when told to.

    Parameters
    ----------
    running : RunningSystem
        Started. Leaving the context ends the watch, not the services.
    """

    def __init__(self, running: RunningSystem) -> None:
        self._running = running
        self._over = threading.Event()
        self._keepers = [threading.Thread(target=self._keep, args=(name,), name=name) for name in running.names]

    def __enter__(self) -> Supervisor:
        for keeper in self._keepers:
            keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for keeper in self._keepers:
            keeper.join()

    def kill(self, name: str) -> bool:
        """SIGKILL a service with its children, as the end of a container does; False when it is down anyway."""
        pid = self._running.pid(name)
        if pid is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        return True

    def kill_child(self, name: str) -> bool:
        """SIGKILL the first child of a service; False when it has none now."""
        pid = self._running.pid(name)
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
            os.kill(int(children[0]), signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError, IndexError):
            return False
        return True

    def all_run(self) -> bool:
        """Whether every service has a process now."""
        return set(self._running.running()) == set(self._running.names)

    def _keep(self, name: str) -> None:
        pause_s = _FIRST_PAUSE_S
        started_s = time.monotonic()
        while not self._over.wait(_LOOK_EVERY_S):
            if self._running.pid(name) is not None:
                continue
            pause_s = _FIRST_PAUSE_S if time.monotonic() - started_s > _STABLE_AFTER_S else pause_s
            if self._over.wait(pause_s):
                return
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            started_s = time.monotonic()
            self._running.stop_service(name)  # collects what the system left of it
            with contextlib.suppress(StartFailed):  # it ended again, or was killed: the next round begins
                self._running.start_service(name)
