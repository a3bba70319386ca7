"""How much memory processes hold over time."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from demo.processes import RunningSystem

_EVERY_S = 0.5
_PAGE_BYTES = 4096


class MemoryWatch(threading.Thread):
    """Samples the resident memory of services with their children until it is stopped."""

    def __init__(self, running: RunningSystem, names: tuple[str, ...]) -> None:
        super().__init__(name="memory", daemon=True)
        self._running, self._names = running, names
        self._over = threading.Event()
        self.samples: dict[str, list[tuple[float, float]]] = defaultdict(list)
        """Service to (monotonic seconds, MiB)."""

    def run(self) -> None:
        """Sample until told to stop."""
        while not self._over.wait(_EVERY_S):
            for name in self._names:
                pid = self._running.pid(name)
                if pid is not None:
                    self.samples[name].append((time.monotonic(), _resident_mib(pid)))

    def stop(self) -> Mapping[str, list[tuple[float, float]]]:
        """End, and return the samples."""
        self._over.set()
        self.join()
        return self.samples


def quarters(samples: list[tuple[float, float]]) -> list[float]:
    """Return the largest value in each quarter of the time."""
    if not samples:
        return []
    first_s, last_s = samples[0][0], samples[-1][0]
    step_s = max((last_s - first_s) / 4, 1e-9)
    parts: list[list[float]] = [[], [], [], []]
    for at_s, mib in samples:
        parts[min(int((at_s - first_s) / step_s), 3)].append(mib)
    return [max(part, default=0.0) for part in parts]


def _resident_mib(pid: int) -> float:
    total = 0.0
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        try:
            total += int(Path(f"/proc/{one}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES / 2**20
            waiting += map(int, Path(f"/proc/{one}/task/{one}/children").read_text(encoding="ascii").split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total
