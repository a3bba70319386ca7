"""How much memory processes hold over time, and how much processor time they took."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
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


def processor_s(running: RunningSystem, names: tuple[str, ...]) -> dict[str, float]:
    """Return the processor seconds that services and their children took since they started."""
    pids = {name: running.pid(name) for name in names}
    return {name: sum(map(_processor_s, _family(pid))) for name, pid in pids.items() if pid is not None}


def _resident_mib(pid: int) -> float:
    return sum(int(_read(one, "statm").split()[1]) * _PAGE_BYTES / 2**20 for one in _family(pid))


def _processor_s(pid: int) -> float:
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> Iterator[int]:
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        try:
            waiting += map(int, _read(one, f"task/{one}/children").split())
        except (FileNotFoundError, ProcessLookupError):
            continue
        yield one


def _read(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8")
