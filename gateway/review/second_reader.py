"""When a second reader is wanted, and what they may see and do (EASE's protocol).

The first reader notes what they see without the result. When the lesions that they then accept say otherwise, somebody
else looks: at first at the images alone, without the lesions and without the first opinion. If that opinion is the
first reader's, it stands; if not, both discuss, and the second reader writes down what they agreed on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.db.tables import Case, Review
from processing.domain.case import CaseState
from processing.domain.decision import Acceptance, Reading, Verdict
from processing.domain.errors import InputRejected
from processing.domain.result import Lesion


class ReviewRefused(InputRejected):
    """A change or signature that the review's present state does not allow."""


def reading_of(stored: str | None) -> Reading | None:
    """Return a stored reading."""
    return Reading(stored) if stored else None


def conclusion(lesions: Sequence[Lesion], verdicts: Mapping[str, object]) -> Reading:
    """Return what the accepted lesions say; one that a reader added is new."""
    changes = {str(lesion.number): lesion.change.increase for lesion in lesions}
    accepted = [number for number, verdict in verdicts.items() if verdict == Verdict.ACCEPTED.value]
    return Reading.ACTIVE if any(changes.get(number, True) for number in accepted) else Reading.STABLE


def wanted(review: Review, lesions: Sequence[Lesion]) -> bool:
    """Whether the reader's eye and the accepted result disagree; a rejected result has no say."""
    seen = reading_of(review.visual_reading)
    if seen is None or review.acceptance == Acceptance.UNACCEPTABLE.value:
        return False
    return seen is not conclusion(lesions, review.verdicts)


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
        raise ReviewRefused("Say first what you see in the images alone.")
    if review.second_reader != reader:
        raise ReviewRefused("Another second reader has begun with this case.")


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
    """Whether the second reader's blind opinion is what the accepted lesions say."""
    return reading_of(review.blind_reading) is conclusion(lesions, review.verdicts)
