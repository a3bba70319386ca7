"""What a series is for, and which series of two studies a pipeline gets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SeriesRole(StrEnum):
    """The part that a series plays for a pipeline, by its contrast."""

    FLAIR = "FLAIR"
    T1 = "T1"
    T1C = "T1C"
    T2 = "T2"
    SWI = "SWI"
    DWI = "DWI"
    CT = "CT"

    @property
    def modality(self) -> str:
        """The Modality (0008,0060) of the series that play it."""
        return "CT" if self is SeriesRole.CT else "MR"


class TimePoint(StrEnum):
    """Which of the compared studies a series belongs to."""

    CURRENT = "current"
    PRIOR = "prior"


@dataclass(frozen=True)
class SeriesInput:
    """What a pipeline wants of one role.

    Parameters
    ----------
    role : SeriesRole
    required : bool
        A required role must be present at both time points; another one is used when it is.
    """

    role: SeriesRole
    required: bool
