"""A reader's verdicts, the assessment of the whole, and the signature.

A review belongs to one job's result. Every change names the `edit` that the reader saw and is written by one
conditional UPDATE, so that neither two browser tabs nor two readers overwrite each other unseen, and nothing changes
a review that is signed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo

from sqlalchemy import select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gateway.db.tables import Case, EarlierReview, Job, Review
from gateway.review import second_reader
from gateway.review.edits import standing_edits
from gateway.review.second_reader import SEE_FIRST, ReviewRefused, reading_of, volume_reading_of
from processing.domain.case import CaseState
from processing.domain.decision import (
    Acceptance,
    EyeDiameters,
    Opinion,
    Reading,
    SecondReading,
    SignedReview,
    TumourReading,
    Verdict,
)
from processing.domain.errors import InputRejected
from processing.domain.language import Language
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
    if review.blind_reading is not None:
        raise ReviewRefused("A second reader has already said what they see.")
    claim(session, review, edit, reader=reader, blind_reading=reading.value, blind_at=now or datetime.now(UTC))
    return review


def write_consensus(session: Session, case: Case, job: Job, *, consensus: str, reader: str, edit: int) -> Review:
    """Keep what two readers of different opinions agreed to report, sealed; raises as `change_assessment`."""
    review = begun(session, case, job, reader)
    if review.first_signed_at is None:
        raise ReviewRefused("There is no second opinion to agree with.")
    claim(session, review, edit, reader=reader, consensus=consensus)
    return review


def sign(
    session: Session,
    case: Case,
    job: Job,
    *,
    reader: str,
    edit: int,
    report: str = "",
    language: Language = Language.ENGLISH,
    followed: bool = False,
    now: datetime | None = None,
) -> Review:
    """Close the review, or hand it to a second reader when eye and result disagree (`second_reader.wanted`).

    The caller has checked the reader's password again and records the case's event in the same transaction.

    Parameters
    ----------
    session : Session
        The caller commits.
    case : Case
    job : Job
    reader : str
        User name.
    edit : int
        The edit that the reader saw.
    report : str
        The report's words, sealed.
    language : Language
        Of the report.
    followed : bool
        Whether a tumour is followed over three time points: then it is read in steps (`tumour_reading`).
    now : datetime, optional
        With time zone.

    Returns
    -------
    Review
        Signed when `signed_at` is set; else it waits for a second reader.

    Raises
    ------
    ReviewRefused
        If the case is not ready for review, `edit` is stale, there is no acceptance or rating, an acceptable
        result has a lesion without verdict, an unacceptable one has no comment, or a second reader who came to
        another opinion has not said what both agreed on.
    """
    now = now or datetime.now(UTC)
    signed: dict[str, object] = {"report": report, "language": language.value}
    review = begun(session, case, job, reader)
    _must_be_complete(review, reviewed_numbers(session, job))
    if followed:
        _must_be_read(review)
    if not (followed and second_reader.volumes_compare(review)):
        # What was concluded from volumes that no longer compare does not stand.
        signed["volume_reading"] = review.volume_reading = None
    lesions = lesions_of(job)
    if review.first_signed_at is not None:
        second_reader.must_agree(review, lesions)
        claim(session, review, edit, reader=reader, signed_at=now, **signed)
    elif second_reader.wanted(review, lesions):
        claim(session, review, edit, reader=reader, first_signed_at=now, **signed)
    else:
        claim(session, review, edit, reader=reader, signed_at=now, **signed)
    return review


def signed_review(
    review: Review | EarlierReview,
    *,
    reader_name: str,
    second_name: str = "",
    zone: tzinfo = UTC,
    opened: Callable[[str, str], str] = lambda _, sealed: sealed,
) -> SignedReview:
    """Build the signed review from its row.

    Parameters
    ----------
    review : Review or EarlierReview
    reader_name, second_name : str
    zone : tzinfo
        The site's: the moment of the signature is reported by its clock.
    opened : callable
        Opens a sealed text: takes the name of its field and what is stored.

    Raises
    ------
    ReviewRefused
        If the review is not signed or not complete.
    """
    if review.signed_at is None or review.acceptance is None or review.rating is None:
        raise ReviewRefused("This review is not signed.")
    blind = reading_of(review.blind_reading)
    return SignedReview(
        reader_name=reader_name,
        signed_at=review.signed_at.astimezone(zone),
        acceptance=Acceptance(review.acceptance),
        rating=review.rating,
        comment=opened("comment", review.comment),
        verdicts={int(number): Verdict(verdict) for number, verdict in review.verdicts.items()},
        report=opened("report", review.report),
        edition=review.edition,
        visual=reading_of(review.visual_reading),
        eye_diameters=EyeDiameters(*review.visual_diameters) if review.visual_diameters else None,
        with_volumes=volume_reading_of(review.volume_reading),
        second=SecondReading(second_name, blind, opened("consensus", review.consensus)) if blind is not None else None,
        language=Language(review.language),
    )


def _must_be_open(session: Session, case: Case, job: Job, reader: str) -> None:
    review = review_of(session, job)
    if review is not None and review.signed_at is not None:
        raise ReviewRefused("This case is signed; a signed review is never changed.")
    if case.state == CaseState.SECOND_READING.value and review is not None:
        second_reader.must_be_turn_of(review, reader)
        return
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


def _must_be_read(review: Review) -> None:
    if review.visual_reading is None:
        raise ReviewRefused(SEE_FIRST)
    if second_reader.volumes_compare(review) and review.volume_reading is None:
        raise ReviewRefused("Say first what you conclude with the volumes.")


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
