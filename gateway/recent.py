"""What was just asked of an archive, for the step that asks the same again a moment later."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


class Recent(Generic[Key, Answer]):
    """The last answers, few of them and not for long. Threads may share it.

    Parameters
    ----------
    most : int
        Answers kept; the one that was longest not asked for goes first.
    for_s : float
        Seconds after which an answer is asked for anew, and goes when another one comes: headers take room.
    """

    def __init__(self, most: int, for_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._for_s, self._clock = most, for_s, clock
        self._answers: OrderedDict[Key, tuple[float, Answer]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key, ask: Callable[[], Answer]) -> Answer:
        """Return an answer, asked for now unless it is known; what `ask` raises is not kept."""
        now = self._clock()
        with self._lock:
            kept = self._answers.get(key)
            if kept is not None and now - kept[0] < self._for_s:
                self._answers.move_to_end(key)
                return kept[1]
        answer = ask()
        with self._lock:
            for over in [one for one, (asked, _) in self._answers.items() if now - asked >= self._for_s]:
                del self._answers[over]
            self._answers[key] = (now, answer)
            self._answers.move_to_end(key)
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)
        return answer
