"""A reader's verdicts, the assessment of the whole, and the signature.

A review belongs to one job's result. Every change names the `edit` that the reader saw and is written by one
conditional UPDATE, so that neither two browser tabs nor two readers overwrite each other unseen, and nothing changes
a review that is signed.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from sqlalchemy import select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gateway.db.tables import Case, Job, Review
from gateway.review.edits import standing_edits
from processing.domain.case import CaseState
from processing.domain.decision import Acceptance, SignedReview, Verdict
from processing.domain.errors import InputRejected
from processing.domain.messages import JobOutcome
from processing.domain.result import Lesion


class ReviewRefused(InputRejected):
    """A change or signature that the review's present state does not allow."""


class UnknownLesion(InputRejected):
    """A lesion number that the result does not have."""


STALE = "Someone changed this review in the meantime; look at it again before you go on."


def lesions_of(job: Job) -> tuple[Lesion, ...]:
    """Return the lesions that the job found; none while it has no outcome."""
    return JobOutcome.model_validate(job.outcome).lesions if job.outcome else ()


def reviewed_numbers(session: Session, job: Job) -> list[int]:
    """Return the numbers of the lesions that want a verdict: the job's, and those that the reader added."""
    added = [drawn.number for drawn in standing_edits(session, review_of(session, job)) if drawn.added]
    return [*(lesion.number for lesion in lesions_of(job)), *added]


def review_of(session: Session, job: Job) -> Review | None:
    """Return the review of a job's result; None when nobody has begun one."""
    return session.scalars(select(Review).where(Review.job_id == job.job_id)).one_or_none()


def rejected(review: Review | None) -> bool:
    """Whether a reader signed the result as unacceptable: from then on nobody is shown its lesions (EASE)."""
    return review is not None and review.signed_at is not None and review.acceptance == Acceptance.UNACCEPTABLE.value


def change_verdict(
    session: Session, case: Case, job: Job, number: int, verdict: Verdict | None, *, reader: str, edit: int
) -> Review:
    """Set or take back the verdict on one lesion.

    Parameters
    ----------
    session : Session
        The caller commits.
    case : Case
    job : Job
        The case's latest job, whose result is reviewed.
    number : int
        The lesion's number.
    verdict : Verdict or None
        None takes it back.
    reader : str
        User name.
    edit : int
        The edit that the reader saw.

    Raises
    ------
    UnknownLesion
        If the result has no such lesion.
    ReviewRefused
        If the case is not ready for review, the review is signed, or `edit` is stale.
    """
    _must_be_open(session, case, job)
    if number not in reviewed_numbers(session, job):
        raise UnknownLesion("The result has no lesion of this number.")
    review = _begun(session, job)
    verdicts = dict(review.verdicts)
    if verdict is None:
        verdicts.pop(str(number), None)
    else:
        verdicts[str(number)] = verdict.value
    _claim(session, review, edit, verdicts=verdicts, reader=reader)
    return review


def begin_drawing(session: Session, case: Case, job: Job, *, reader: str, edit: int) -> Review:
    """Claim the review for a change of a lesion's outline, which the caller then keeps in the same transaction.

    Raises
    ------
    ReviewRefused
        If the case is not ready for review, the review is signed, or `edit` is stale.
    """
    _must_be_open(session, case, job)
    review = _begun(session, job)
    _claim(session, review, edit, reader=reader)
    return review


def decide_drawn(session: Session, review: Review, number: int, verdict: Verdict | None) -> None:
    """Set the verdict on a lesion that the reader drew, within the change that `begin_drawing` claimed."""
    others = {key: value for key, value in review.verdicts.items() if key != str(number)}
    review.verdicts = others if verdict is None else others | {str(number): verdict.value}
    session.flush()


def change_assessment(
    session: Session,
    case: Case,
    job: Job,
    *,
    acceptance: Acceptance | None,
    rating: int | None,
    comment: str,
    reader: str,
    edit: int,
) -> Review:
    """Set the assessment of the whole: acceptable or not, 1 (worst) to 5 (best), and a comment.

    Raises
    ------
    ReviewRefused
        If the case is not ready for review, the review is signed, `edit` is stale or the rating out of range.
    """
    _must_be_open(session, case, job)
    if rating is not None and not 1 <= rating <= 5:
        raise ReviewRefused("A rating is between 1 and 5.")
    review = _begun(session, job)
    chosen = acceptance.value if acceptance is not None else None
    _claim(session, review, edit, acceptance=chosen, rating=rating, comment=comment, reader=reader)
    return review


def sign(
    session: Session,
    case: Case,
    job: Job,
    *,
    reader: str,
    reader_name: str,
    edit: int,
    now: datetime | None = None,
) -> SignedReview:
    """Close the review for ever.

    The caller has checked the reader's password again and records the case's event in the same transaction.

    Parameters
    ----------
    session : Session
        The caller commits.
    case : Case
    job : Job
    reader : str
        User name.
    reader_name : str
        The name as it shall stand in the report.
    edit : int
        The edit that the reader saw.
    now : datetime, optional
        With time zone.

    Raises
    ------
    ReviewRefused
        If the case is not ready for review, `edit` is stale, there is no acceptance or rating, an acceptable
        result has a lesion without verdict, or an unacceptable one has no comment.
    """
    _must_be_open(session, case, job)
    review = _begun(session, job)
    _must_be_complete(review, reviewed_numbers(session, job))
    _claim(session, review, edit, reader=reader, signed_at=now or datetime.now(UTC))
    return signed_review(review, reader_name=reader_name)


def signed_review(review: Review, *, reader_name: str, zone: tzinfo = UTC) -> SignedReview:
    """Build the signed review from its row.

    Parameters
    ----------
    review : Review
    reader_name : str
    zone : tzinfo
        The site's: the moment of the signature is reported by its clock.

    Raises
    ------
    ReviewRefused
        If the review is not signed or not complete.
    """
    if review.signed_at is None or review.acceptance is None or review.rating is None:
        raise ReviewRefused("This review is not signed.")
    return SignedReview(
        reader_name=reader_name,
        signed_at=review.signed_at.astimezone(zone),
        acceptance=Acceptance(review.acceptance),
        rating=review.rating,
        comment=review.comment,
        verdicts={int(number): Verdict(verdict) for number, verdict in review.verdicts.items()},
    )


def _must_be_open(session: Session, case: Case, job: Job) -> None:
    review = review_of(session, job)
    if review is not None and review.signed_at is not None:
        raise ReviewRefused("This case is signed; a signed review is never changed.")
    if case.state != CaseState.READY_FOR_REVIEW.value:
        raise ReviewRefused(f"This case can't be reviewed while it is '{case.state}'.")


def _must_be_complete(review: Review, numbers: list[int]) -> None:
    if review.acceptance is None:
        raise ReviewRefused("Say first whether the result as a whole is acceptable.")
    if review.rating is None:
        raise ReviewRefused("Rate the result from 1 to 5 first.")
    if review.acceptance == Acceptance.UNACCEPTABLE.value:
        if not review.comment.strip():
            raise ReviewRefused("An unacceptable result needs a comment that says why.")
        return
    without = [str(number) for number in numbers if str(number) not in review.verdicts]
    if without:
        word = "lesion" if len(without) == 1 else "lesions"
        raise ReviewRefused(f"Accept or reject {word} {', '.join(without)} first.")


def _begun(session: Session, job: Job) -> Review:
    """Return the job's review, made now when this is the first change."""
    review = review_of(session, job)
    if review is not None:
        return review
    try:
        with session.begin_nested():
            review = Review(job_id=job.job_id, comment="", verdicts={}, edit=0)
            session.add(review)
    except IntegrityError:
        raise ReviewRefused(STALE) from None  # another reader began it at this moment
    return review


def _claim(session: Session, review: Review, edit: int, **values: object) -> None:
    """Write the values if the review is still open and at this edit; raise otherwise."""
    written = session.execute(
        update(Review)
        .where(Review.review_id == review.review_id, Review.edit == edit, Review.signed_at.is_(None))
        .values(edit=edit + 1, **values)
        .execution_options(synchronize_session=False)
    )
    if not isinstance(written, CursorResult) or written.rowcount != 1:
        raise ReviewRefused(STALE)
    session.refresh(review)
