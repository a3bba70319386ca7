"""Opening a signed review again: what was signed is kept as it was, and what is signed next replaces it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.db.tables import EarlierReview, Review
from gateway.review.second_reader import ReviewRefused


def reopen(session: Session, review: Review, *, actor: str, reason: str, at: datetime) -> None:
    """Keep a signed review beside and open it for another signature; its decisions stay as a beginning.

    Parameters
    ----------
    session : Session
        The caller commits, and records the case's event.
    review : Review
        Locked through its case.
    actor : str
        User name.
    reason : str
        Sealed.
    at : datetime
        With time zone.

    Raises
    ------
    ReviewRefused
        If the review is not signed.
    """
    if review.signed_at is None or review.acceptance is None or review.rating is None or review.reader is None:
        raise ReviewRefused("Only a signed case can be reopened.")
    session.add(
        EarlierReview(
            review_id=review.review_id,
            edition=review.edition,
            reopened_at=at,
            reopened_by=actor,
            reason=reason,
            acceptance=review.acceptance,
            rating=review.rating,
            comment=review.comment,
            verdicts=dict(review.verdicts),
            report=review.report,
            language=review.language,
            visual_reading=review.visual_reading,
            visual_diameters=review.visual_diameters,
            volume_reading=review.volume_reading,
            reader=review.reader,
            signed_at=review.signed_at,
            second_reader=review.second_reader,
            blind_reading=review.blind_reading,
            consensus=review.consensus,
        )
    )
    review.edition += 1
    review.edit += 1
    review.signed_at = review.first_signed_at = review.blind_at = None
    review.second_reader = review.blind_reading = None
    review.consensus = ""
    session.flush()


def earlier_reviews(session: Session, review: Review) -> list[EarlierReview]:
    """Return what was signed before, the first first."""
    rows = select(EarlierReview).where(EarlierReview.review_id == review.review_id).order_by(EarlierReview.edition)
    return list(session.scalars(rows))
