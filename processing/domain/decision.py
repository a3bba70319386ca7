"""What a reader decides about a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from processing.domain.language import Language


class Verdict(StrEnum):
    """A reader's verdict on one lesion."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Acceptance(StrEnum):
    """A reader's verdict on the whole result (Erasmus MC's EASE): only an acceptable one may show volumes."""

    ACCEPTABLE = "acceptable"
    UNACCEPTABLE = "unacceptable"


class Reading(StrEnum):
    """What a reader concludes from the images: by eye alone, or with the result."""

    STABLE = "no new or growing lesion"
    ACTIVE = "new or growing lesions"


class TumourReading(StrEnum):
    """What a reader concludes of a tumour over three time points: by eye alone, or with the volumes (EASE).

    Progression, stable disease and response there; these words say no more than what is seen.
    """

    LARGER = "tumour larger"
    UNCHANGED = "tumour unchanged"
    SMALLER = "tumour smaller"


Opinion = Reading | TumourReading
"""Of a comparison of two visits, or of a tumour over three."""


@dataclass(frozen=True)
class EyeDiameters:
    """The two perpendicular diameters of a lesion as a reader measured them on a slice (RANO).

    Parameters
    ----------
    longest_mm, perpendicular_mm : float
    """

    longest_mm: float
    perpendicular_mm: float

    def __post_init__(self) -> None:
        if not 0 < self.perpendicular_mm <= self.longest_mm < 300:
            raise ValueError("the perpendicular diameter is the shorter one, and both are of a head's size")


@dataclass(frozen=True)
class SecondReading:
    """What a second reader concluded when the first one's eye and the result disagreed (EASE's protocol).

    Parameters
    ----------
    reader_name : str
    blind : Opinion
        The second reader's own opinion, before they saw the first one's or the lesions.
    consensus : str
        What both agreed to report, where the opinions differed; else empty.
    """

    reader_name: str
    blind: Opinion
    consensus: str


@dataclass(frozen=True)
class SignedReview:
    """A complete review, as it was signed.

    Parameters
    ----------
    reader_name : str
        The reader's name as it shall stand in the report.
    signed_at : datetime
        With time zone.
    acceptance : Acceptance
    rating : int
        1 (worst) to 5 (best).
    comment : str
        Free text; the reason when the result is unacceptable.
    verdicts : mapping of int to Verdict
        For every lesion number of the result.
    report : str
        The report's words, as the reader signed them.
    edition : int
        1, and one more each time that a signed case was reopened and signed again.
    visual : Opinion, optional
        What the reader saw without the result, where that was noted.
    eye_diameters : EyeDiameters, optional
        What they measured by eye of a tumour.
    with_volumes : TumourReading, optional
        What they concluded of a tumour when they had seen the volumes.
    second : SecondReading, optional
    language : Language
        Of the report's pages.
    """

    reader_name: str
    signed_at: datetime
    acceptance: Acceptance
    rating: int
    comment: str
    verdicts: Mapping[int, Verdict]
    report: str = ""
    edition: int = 1
    visual: Opinion | None = None
    eye_diameters: EyeDiameters | None = None
    with_volumes: TumourReading | None = None
    second: SecondReading | None = None
    language: Language = Language.ENGLISH

    def __post_init__(self) -> None:
        if not 1 <= self.rating <= 5:
            raise ValueError("a rating is between 1 and 5")
        if self.signed_at.tzinfo is None:
            raise ValueError("the time of signature carries its time zone")
        if self.acceptance is Acceptance.UNACCEPTABLE and not self.comment.strip():
            raise ValueError("an unacceptable result needs a reason")

    @property
    def accepted_lesions(self) -> frozenset[int]:
        """Numbers of the lesions that may leave; none when the result as a whole is unacceptable."""
        if self.acceptance is Acceptance.UNACCEPTABLE:
            return frozenset()
        return frozenset(number for number, verdict in self.verdicts.items() if verdict is Verdict.ACCEPTED)
