"""What a signed review lets out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from processing.domain.decision import Acceptance, SignedReview, Verdict

VERDICTS = {1: Verdict.ACCEPTED, 2: Verdict.REJECTED, 3: Verdict.ACCEPTED}


def review(
    *,
    acceptance: Acceptance = Acceptance.ACCEPTABLE,
    rating: int = 4,
    comment: str = "",
    signed_at: datetime = datetime(2024, 5, 1, tzinfo=UTC),
) -> SignedReview:
    return SignedReview("Dr Reader", signed_at, acceptance, rating, comment, VERDICTS)


def test_accepted_lesions_leave_and_rejected_ones_don_t() -> None:
    assert review().accepted_lesions == {1, 3}


def test_nothing_leaves_an_unacceptable_result() -> None:
    assert review(acceptance=Acceptance.UNACCEPTABLE, comment="motion").accepted_lesions == frozenset()


@pytest.mark.parametrize("comment", ["", "  \n"])
def test_an_unacceptable_result_needs_a_reason(comment: str) -> None:
    with pytest.raises(ValueError, match="reason"):
        review(acceptance=Acceptance.UNACCEPTABLE, comment=comment)


@pytest.mark.parametrize("rating", [0, 6, -1])
def test_ratings_are_one_to_five(rating: int) -> None:
    with pytest.raises(ValueError, match="between 1 and 5"):
        review(rating=rating)


def test_the_time_of_signature_has_a_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        review(signed_at=datetime(2024, 5, 1))
