"""When a second reader is wanted, and what they may see and do (EASE's protocol).

The first reader notes what they see without the result. When the lesions that they then accept say otherwise, or what
they themselves conclude from a tumour's volumes, somebody else looks: at first at the images alone, without the result
and without the first opinion. If that opinion is what the first reader concluded, it stands; if not, both discuss, and
the second reader writes down what they agreed on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from gateway.db.tables import Case, Review
from processing.domain.case import CaseState
from processing.domain.decision import Acceptance, Opinion, Reading, TumourReading, Verdict
from processing.domain.errors import InputRejected
from processing.domain.result import Lesion


class ReviewRefused(InputRejected):
    """A change or signature that the review's present state does not allow."""


TAKEN_OVER_AFTER = timedelta(days=1)
"""When a case does not wait any longer for a second reader who read blind and did not sign."""

SEE_FIRST = "Say first what you see in the images alone."

_OPINIONS: dict[str, Opinion] = {one.value: one for kind in (Reading, TumourReading) for one in kind}


def reading_of(stored: str | None) -> Opinion | None:
    """Return a stored reading."""
    return _OPINIONS[stored] if stored else None


def volume_reading_of(stored: str | None) -> TumourReading | None:
    """Return what a reader concluded from a tumour's volumes."""
    return TumourReading(stored) if stored else None


def conclusion(review: Review, lesions: Sequence[Lesion]) -> Opinion | None:
    """Return what stands with the result: what the accepted lesions say, or what the reader says of a tumour.

    None where the volumes of a tumour are not compared: then what was seen by eye stands alone.
    """
    if isinstance(reading_of(review.visual_reading), TumourReading):
        return volume_reading_of(review.volume_reading)
    return _of_lesions(lesions, review.verdicts)


def volumes_compare(review: Review) -> bool:
    """Whether a tumour's volumes may be compared: the result is acceptable, and no part was rejected (EASE)."""
    return review.acceptance == Acceptance.ACCEPTABLE.value and Verdict.REJECTED.value not in review.verdicts.values()


def _of_lesions(lesions: Sequence[Lesion], verdicts: Mapping[str, object]) -> Reading:
    """One that a reader added is new."""
    changes = {str(lesion.number): lesion.change.increase for lesion in lesions}
    accepted = [number for number, verdict in verdicts.items() if verdict == Verdict.ACCEPTED.value]
    return Reading.ACTIVE if any(changes.get(number, True) for number in accepted) else Reading.STABLE


def wanted(review: Review, lesions: Sequence[Lesion]) -> bool:
    """Whether the reader's eye and the accepted result disagree; a rejected result has no say."""
    seen = reading_of(review.visual_reading)
    if seen is None or review.acceptance == Acceptance.UNACCEPTABLE.value:
        return False
    concluded = conclusion(review, lesions)
    return concluded is not None and seen is not concluded


def is_blind(case: Case, review: Review | None, reader: str) -> bool:
    """Whether this reader must not be shown the lesions or the first opinion yet: all but the first, until they read.

    Nobody else's blind reading lifts it: who has not read blind, and is not the first reader, stays blind.
    """
    if case.state != CaseState.SECOND_READING.value or review is None:
        return False
    return reader != review.reader and not (review.blind_reading and review.second_reader == reader)


def must_be_turn_of(review: Review, reader: str) -> None:
    """Refuse changes by anybody but the second reader, and by them before they have read blind.

    Raises
    ------
    ReviewRefused
    """
    if reader == review.reader:
        raise ReviewRefused("You have signed this case; now a second reader looks at it.")
    if review.blind_reading is None:
        raise ReviewRefused(SEE_FIRST)
    if review.second_reader != reader:
        raise ReviewRefused("Another second reader has begun with this case.")


def may_be_replaced(review: Review, reader: str, now: datetime) -> bool:
    """Whether somebody else may read blind in the place of a second reader who did not come back."""
    if review.blind_at is None or review.second_reader == reader:
        return False
    return now - review.blind_at >= TAKEN_OVER_AFTER


def must_agree(review: Review, lesions: Sequence[Lesion]) -> None:
    """Refuse a signature while the two opinions differ and nobody has said what was agreed on.

    Raises
    ------
    ReviewRefused
    """
    if in_line(review, lesions) or review.consensus.strip():
        return
    raise ReviewRefused("Your opinion differs from the first reader's: write down what you both agreed on.")


def in_line(review: Review, lesions: Sequence[Lesion]) -> bool:
    """Whether the second reader's blind opinion is what stands with the result."""
    return reading_of(review.blind_reading) is conclusion(review, lesions)
