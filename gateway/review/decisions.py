"""A reader's verdicts, the assessment of the whole, and the words of the report.

A review belongs to one job's result. Every change names the `edit` that the reader saw and is written by one
conditional UPDATE, so that neither two browser tabs nor two readers overwrite each other unseen, and nothing changes
a review that is signed.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gateway.db.tables import Case, Job, Review
from gateway.review import second_reader
from gateway.review.edits import standing_edits
from gateway.review.second_reader import ReviewRefused, reading_of
from processing.domain.case import CaseState
from processing.domain.decision import (
    Acceptance,
    Opinion,
    Reading,
    TumourReading,
    Verdict,
)
from processing.domain.errors import InputRejected
from processing.domain.messages import JobOutcome
from processing.domain.result import Lesion


class UnknownLesion(InputRejected):
    """A lesion number that the result does not have."""


STALE = "Someone changed this review in the meantime; look at it again before you go on."


def lesions_of(job: Job) -> tuple[Lesion, ...]:
    """Return the lesions that the job found; none while it has no outcome."""
    return JobOutcome.model_validate(job.outcome).lesions if job.outcome else ()


def measures_a_tumour(job: Job) -> bool:
    """Whether the job's result is a tumour, whose parts are accepted or rejected."""
    return bool(job.outcome and job.outcome.get("tumour"))


def reviewed_numbers(session: Session, job: Job) -> list[int]:
    """Return the numbers of what wants a verdict: the job's lesions or parts, and lesions that the reader added."""
    added = [drawn.number for drawn in standing_edits(session, review_of(session, job)) if drawn.added]
    found = JobOutcome.model_validate(job.outcome).numbers if job.outcome else ()
    return [*found, *added]


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
    _must_be_open(session, case, job, reader)
    if number not in reviewed_numbers(session, job):
        raise UnknownLesion("The result has no lesion of this number.")
    review = _begun(session, job)
    verdicts = dict(review.verdicts)
    if verdict is None:
        verdicts.pop(str(number), None)
    else:
        verdicts[str(number)] = verdict.value
    claim(session, review, edit, verdicts=verdicts, reader=reader)
    return review


def begin_drawing(session: Session, case: Case, job: Job, *, reader: str, edit: int) -> Review:
    """Claim the review for a change of a lesion's outline, which the caller then keeps in the same transaction.

    Raises
    ------
    ReviewRefused
        If the case is not ready for review, the review is signed, or `edit` is stale.
    """
    _must_be_open(session, case, job, reader)
    if measures_a_tumour(job):
        raise ReviewRefused("The parts of a tumour can't be drawn here: accept or reject them.")
    review = _begun(session, job)
    claim(session, review, edit, reader=reader)
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
    visual: Reading | None = None,
) -> Review:
    """Set the assessment of the whole: acceptable or not, 1 (worst) to 5 (best), a comment, and the visual reading.

    Raises
    ------
    ReviewRefused
        If the case is not ready for review, the review is signed, `edit` is stale or the rating out of range.
    """
    _must_be_open(session, case, job, reader)
    if rating is not None and not 1 <= rating <= 5:
        raise ReviewRefused("A rating is between 1 and 5.")
    if visual is not None and measures_a_tumour(job):
        raise ReviewRefused("What is seen of a tumour before its volumes has a place of its own.")
    review = _begun(session, job)
    if measures_a_tumour(job):
        seen = review.visual_reading
    else:
        if review.first_signed_at is not None and visual != reading_of(review.visual_reading):
            raise ReviewRefused("What the first reader saw without the result stays as it was signed.")
        seen = visual.value if visual is not None else None
    chosen = acceptance.value if acceptance is not None else None
    claim(
        session,
        review,
        edit,
        acceptance=chosen,
        rating=rating,
        comment=comment,
        visual_reading=seen,
        reader=reader,
    )
    return review


def write_report(session: Session, case: Case, job: Job, *, report: str, basis: str, reader: str, edit: int) -> Review:
    """Keep the reader's own words for the report, sealed; empty words take the draft again.

    `basis` says which findings the reader saw; raises as `change_assessment`.
    """
    review = begun(session, case, job, reader)
    claim(session, review, edit, reader=reader, report=report, report_basis=basis if report else "")
    return review


def read_blind(
    session: Session, case: Case, job: Job, reading: Opinion, *, reader: str, edit: int, now: datetime | None = None
) -> Review:
    """Keep what a second reader sees in the images alone; it is said once.

    Whoever began and did not come back for a day is replaced by the next who reads blind; what was agreed with them
    does not stand.

    Raises
    ------
    ReviewRefused
        If the case does not wait for a second reader, or the reader is the first one, or somebody was faster.
    """
    review = review_of(session, job)
    if review is None or case.state != CaseState.SECOND_READING.value:
        raise ReviewRefused("This case does not wait for a second reader.")
    if isinstance(reading, TumourReading) != measures_a_tumour(job):
        raise ReviewRefused("This reading is not about what the case shows.")
    if reader == review.reader:
        raise ReviewRefused("You have signed this case; now a second reader looks at it.")
    now = now or datetime.now(UTC)
    if review.blind_reading is not None and not second_reader.may_be_replaced(review, reader, now):
        raise ReviewRefused("A second reader has already said what they see.")
    claim(session, review, edit, reader=reader, blind_reading=reading.value, blind_at=now, consensus="")
    return review


def write_consensus(session: Session, case: Case, job: Job, *, consensus: str, reader: str, edit: int) -> Review:
    """Keep what two readers of different opinions agreed to report, sealed; raises as `change_assessment`."""
    review = begun(session, case, job, reader)
    if review.first_signed_at is None:
        raise ReviewRefused("There is no second opinion to agree with.")
    claim(session, review, edit, reader=reader, consensus=consensus)
    return review


def _must_be_open(session: Session, case: Case, job: Job, reader: str) -> None:
    review = review_of(session, job)
    if review is not None and review.signed_at is not None:
        raise ReviewRefused("This case is signed; a signed review is never changed.")
    if case.state == CaseState.SECOND_READING.value and review is not None:
        second_reader.must_be_turn_of(review, reader)
        return
    if case.state != CaseState.READY_FOR_REVIEW.value:
        raise ReviewRefused(f"This case can't be reviewed while it is '{case.state}'.")


def begun(session: Session, case: Case, job: Job, reader: str) -> Review:
    """Return the job's review, made now when this is the first change.

    Raises
    ------
    ReviewRefused
        If this reader may not change it now.
    """
    _must_be_open(session, case, job, reader)
    return _begun(session, job)


def _begun(session: Session, job: Job) -> Review:
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


def claim(session: Session, review: Review, edit: int, *, reader: str, **values: object) -> None:
    """Write the values if the review is still open and at this edit; raise otherwise.

    What a second reader changes leaves the first one's name where it is.
    """
    values |= {"reader": reader} if review.first_signed_at is None else {"second_reader": reader}
    written = session.execute(
        update(Review)
        .where(Review.review_id == review.review_id, Review.edit == edit, Review.signed_at.is_(None))
        .values(edit=edit + 1, **values)
        .execution_options(synchronize_session=False)
    )
    if not isinstance(written, CursorResult) or written.rowcount != 1:
        raise ReviewRefused(STALE)
    session.refresh(review)
