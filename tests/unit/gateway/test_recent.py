"""Answers that are kept for a moment: few of them, not for long, and none that failed."""

from __future__ import annotations

import gc
import weakref

import pytest

from gateway.recent import Recent


class Archive:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.now_s = 0.0
        self.recent: Recent[str, str] = Recent(2, 10.0, lambda: self.now_s)

    def get(self, key: str) -> str:
        def ask() -> str:
            self.asked.append(key)
            if key == "broken":
                raise ValueError(key)
            return f"{key} at {self.now_s:.0f}"

        return self.recent.get(key, ask)


def test_the_same_is_asked_once_until_it_is_old() -> None:
    archive = Archive()
    assert [archive.get("a"), archive.get("a")] == ["a at 0", "a at 0"]
    archive.now_s = 10.0
    assert archive.get("a") == "a at 10"
    assert archive.asked == ["a", "a"]


def test_the_answer_that_was_longest_not_asked_for_goes_first() -> None:
    archive = Archive()
    for key in ("a", "b", "a", "c", "a", "b"):
        archive.get(key)
    assert archive.asked == ["a", "b", "c", "b"]


def test_an_answer_that_is_over_goes_when_another_one_comes() -> None:
    class Header:
        """Something that takes room."""

    now_s = 0.0
    recent: Recent[str, Header] = Recent(128, 10.0, lambda: now_s)
    first = weakref.ref(recent.get("a", Header))
    now_s = 9.0
    second = weakref.ref(recent.get("b", Header))
    assert first() is not None
    now_s = 10.0
    recent.get("c", Header)
    gc.collect()
    assert (first(), second() is None) == (None, False)


def test_a_failure_is_not_kept() -> None:
    archive = Archive()
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            archive.get("broken")
    assert archive.asked == ["broken", "broken"]
