"""How soon a study is wanted."""

from __future__ import annotations

from enum import StrEnum


class Priority(StrEnum):
    """How soon a study is wanted, the most pressing first."""

    FAST_TRACK = "fast_track"
    """The patient is still on the table: begun with the first FLAIR series, on workers of its own."""
    URGENT = "urgent"
    """Before everything that is routine."""
    ROUTINE = "routine"

    @property
    def rank(self) -> int:
        """0 for the most pressing."""
        return list(Priority).index(self)
