"""What lets the background process's steps run again and again."""

from __future__ import annotations

import threading
import time
from typing import Protocol

LONGEST_STOP_S = 15.0
"""So long a step may go on when the process is told to stop; its case's lease runs out by itself."""


class Step(Protocol):
    """Something that is done every so often. It raises nothing."""

    @property
    def name(self) -> str:
        """Of its thread."""
        ...

    @property
    def every_s(self) -> float:
        """Seconds from its end to its next beginning."""
        ...

    def __call__(self) -> None:
        """Do whatever is due now."""
        ...


class Clock:
    """Runs steps, each in a thread of its own: a slow one holds up no other, and none runs twice at a time."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    def why_still(self) -> str:
        """Why nothing is done; empty while it runs."""
        if self.over:
            return "It has stopped."
        return "" if self._threads else "It has not begun: the database or the archive is waited for."

    @property
    def over(self) -> bool:
        """Whether nothing shall begin any more."""
        return self._over.is_set()

    def start(self) -> None:
        """Begin to tick."""
        self._threads = [
            threading.Thread(target=self._repeat, args=(step,), name=step.name, daemon=True) for step in self.steps
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let no step begin again, and wait for those under way."""
        self._over.set()
        deadline = time.monotonic() + LONGEST_STOP_S
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0.0))

    def _repeat(self, step: Step) -> None:
        while not self._over.wait(step.every_s):
            step()
