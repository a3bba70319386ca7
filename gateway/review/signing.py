"""The signature: whether a review may be signed, what is written with it, and the signed review for the report.

A review that is complete is closed, or handed to a second reader where eye and result disagree.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo

from sqlalchemy.orm import Session

from gateway.db.tables import Case, EarlierReview, Job, Review
from gateway.review import second_reader
from gateway.review.decisions import begun, claim, lesions_of, reviewed_numbers
from gateway.review.second_reader import SEE_FIRST, ReviewRefused, reading_of, volume_reading_of
from processing.domain.decision import Acceptance, EyeDiameters, SecondReading, SignedReview, Verdict
from processing.domain.language import Language


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
