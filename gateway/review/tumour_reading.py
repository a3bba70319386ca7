"""How a tumour over three time points is read, step by step (EASE, van Garderen et al. 2021).

At first by eye: current and earlier images without any outline or volume. Then the outlines are accepted or rejected;
one that is rejected ends it there. Then the volumes are compared, and the reader says what they conclude. Whoever
concludes something else than they saw hands the case to a second reader (`second_reader`).
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from gateway.db.tables import Case, Job, Review
from gateway.review import decisions
from gateway.review.second_reader import SEE_FIRST, ReviewRefused, volumes_compare
from processing.domain.decision import EyeDiameters, TumourReading
from processing.domain.growth import TIME_POINTS

PRIORS = TIME_POINTS - 1


def accepted_so_far(session: Session, job: Job, review: Review | None) -> bool:
    """Whether the result of an open or signed review is accepted as a whole, and each of its parts."""
    if review is None or not volumes_compare(review):
        return False
    return all(str(number) in review.verdicts for number in decisions.reviewed_numbers(session, job))


def read_by_eye(
    session: Session,
    case: Case,
    job: Job,
    reading: TumourReading,
    diameters: EyeDiameters | None,
    *,
    followed: bool,
    reader: str,
    edit: int,
) -> Review:
    """Keep what the reader sees in the images alone, and what they measured; it is said once.

    Raises
    ------
    ReviewRefused
        If there are no three time points, it was said already, `edit` is stale or the case is not open.
    """
    review = decisions.begun(session, case, job, reader)
    if not followed:
        raise ReviewRefused("There are no two accepted measurements before this one to compare it with.")
    if review.visual_reading is not None:
        raise ReviewRefused("What was seen before the volumes were shown stays as it was said.")
    measured = [diameters.longest_mm, diameters.perpendicular_mm] if diameters is not None else None
    decisions.claim(session, review, edit, reader=reader, visual_reading=reading.value, visual_diameters=measured)
    return review


def read_with_volumes(
    session: Session, case: Case, job: Job, reading: TumourReading, *, followed: bool, reader: str, edit: int
) -> Review:
    """Keep what the reader concludes with the volumes.

    Raises
    ------
    ReviewRefused
        If there are no three time points, the images were not read first, the result or a part was rejected, a
        second reader looks already, `edit` is stale or the case is not open.
    """
    review = decisions.begun(session, case, job, reader)
    if review.first_signed_at is not None:
        raise ReviewRefused("What the first reader concluded stays as it was signed.")
    if review.visual_reading is None or not followed:
        raise ReviewRefused(SEE_FIRST)
    if not accepted_so_far(session, job, review):
        raise ReviewRefused("Volumes are only compared where the result and all its parts were accepted.")
    decisions.claim(session, review, edit, reader=reader, volume_reading=reading.value)
    return review
