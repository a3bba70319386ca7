"""From a review's row to its state, as far as whoever asks may see it."""

from __future__ import annotations

from gateway.api.schemas import ReviewState, SecondReaderState, SecondStage
from gateway.db.tables import Job, Review
from gateway.review.decisions import lesions_of
from gateway.review.second_reader import in_line, reading_of, volume_reading_of
from gateway.sealing import Seal
from processing.domain.decision import Acceptance

_BLIND = SecondReaderState(stage=SecondStage.BLIND, reader=None, blind_reading=None, consensus="")


def review_state(review: Review, job: Job, seal: Seal, asked_by: str, *, blind: bool = False) -> ReviewState:
    """Return the open or signed review; to a second reader who reads blind nothing of the first opinion."""
    if blind:
        return no_review_yet().model_copy(update={"edit": review.edit, "second": _BLIND})
    return ReviewState(
        edit=review.edit,
        acceptance=Acceptance(review.acceptance) if review.acceptance is not None else None,
        rating=review.rating,
        comment=seal.open(review.comment, f"{job.job_id}/comment"),
        reader=review.account.display_name if review.account is not None else None,
        signed_at=review.signed_at,
        edition=review.edition,
        visual_reading=reading_of(review.visual_reading),
        visual_diameters_mm=_pair(review.visual_diameters),
        volume_reading=volume_reading_of(review.volume_reading),
        second=_second(review, job, seal, asked_by) if review.first_signed_at is not None else None,
    )


def _pair(stored: list[float] | None) -> tuple[float, float] | None:
    return (stored[0], stored[1]) if stored else None


def _second(review: Review, job: Job, seal: Seal, asked_by: str) -> SecondReaderState:
    stage = SecondStage.WAITING
    if review.blind_reading is not None and (asked_by == review.second_reader or review.signed_at is not None):
        stage = SecondStage.IN_LINE if in_line(review, lesions_of(job)) else SecondStage.DIFFERS
    return SecondReaderState(
        stage=stage,
        reader=review.second_reader,
        blind_reading=reading_of(review.blind_reading),
        consensus=seal.open(review.consensus, f"{job.job_id}/consensus"),
    )


def no_review_yet() -> ReviewState:
    """Return the state of a review that nobody has begun."""
    return ReviewState(
        edit=0,
        acceptance=None,
        rating=None,
        comment="",
        reader=None,
        signed_at=None,
        edition=1,
        visual_reading=None,
        visual_diameters_mm=None,
        volume_reading=None,
        second=None,
    )
