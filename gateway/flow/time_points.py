"""Which tumours are read over three time points: those with two accepted measurements before them (EASE)."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.orm import Session

from gateway.db.tables import Case, Job, Review
from gateway.jobs import store
from gateway.release.ratings import reference_studies
from gateway.review import decisions
from gateway.review.second_reader import SEE_FIRST, ReviewRefused, volumes_compare
from gateway.review.tumour_reading import PRIORS
from gateway.studies.conduct import hides_lesions
from processing.domain.case import CaseState

READ_WITHOUT_FIRST = "A study of this patient has to be read without its result first."


def earlier_tumours(session: Session, case: Case) -> list[Case]:
    """Return the patient's earlier studies that the same pipeline measured, the newest first, one for each day."""
    by_day: dict[str, Case] = {}
    for one in store.cases_of_patient(session, case.pseudonym):
        job = store.latest_job(one)
        before = "" < one.study_date_shifted < case.study_date_shifted
        if before and one.pipeline == case.pipeline and job is not None and decisions.measures_a_tumour(job):
            # Two of one day: the one that was received last stands first.
            by_day.setdefault(one.study_date_shifted, one)
    return list(by_day.values())


def is_accepted(session: Session, case: Case) -> bool:
    """Whether a reader signed a case's tumour as acceptable, with all its parts."""
    job = store.latest_job(case)
    review = decisions.review_of(session, job) if job is not None else None
    return review is not None and review.signed_at is not None and volumes_compare(review)


def accepted_priors(session: Session, case: Case) -> list[Case]:
    """Return the two accepted measurements before a case, the newest first; fewer where there are not two."""
    return [one for one in earlier_tumours(session, case) if is_accepted(session, one)][:PRIORS]


def is_followed(session: Session, case: Case, job: Job) -> bool:
    """Whether a case's tumour is read over three time points."""
    return decisions.measures_a_tumour(job) and len(accepted_priors(session, case)) == PRIORS


def wants_eye_first(session: Session, case: Case, job: Job | None, review: Review | None) -> bool:
    """Whether the images must be read before anybody is shown the outlines and the volumes."""
    if job is None or case.state != CaseState.READY_FOR_REVIEW.value:
        return False
    if review is not None and (review.visual_reading is not None or review.signed_at is not None):
        return False
    if case.study_uid in reference_studies(session):
        return False  # its results are rated, not read
    return is_followed(session, case, job)


def must_be_seen(session: Session, case: Case, job: Job, reader: str) -> None:
    """Refuse to have a result judged that this reader has to read the images without first.

    Raises
    ------
    ReviewRefused
        If a reading study, or the reading of three time points, wants that.
    """
    if hides_lesions(session, case.case_id, reader):
        raise ReviewRefused(READ_WITHOUT_FIRST)
    if wants_eye_first(session, case, job, decisions.review_of(session, job)):
        raise ReviewRefused(SEE_FIRST)


def to_be_read_by_eye(session: Session, cases: Collection[Case]) -> frozenset[str]:
    """Return which of some cases must be read by eye first: no list may give their volumes away."""
    found = set()
    for case in cases:
        job = store.latest_job(case)
        if wants_eye_first(session, case, job, job.review if job is not None else None):
            found.add(case.case_id)
    return frozenset(found)
