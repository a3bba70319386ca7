"""What a reader decides about a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Verdict(StrEnum):
    """A reader's verdict on one lesion."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Acceptance(StrEnum):
    """A reader's verdict on the whole result (Erasmus MC's EASE): only an acceptable one may show volumes."""

    ACCEPTABLE = "acceptable"
    UNACCEPTABLE = "unacceptable"


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
    """

    reader_name: str
    signed_at: datetime
    acceptance: Acceptance
    rating: int
    comment: str
    verdicts: Mapping[int, Verdict]

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
