"""The rows that the case page is made of."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from gateway import flow
from gateway.cases.notes import notes_on
from gateway.db.tables import Case, Delivery, Job, Review
from gateway.jobs import store
from gateway.review.decisions import measures_a_tumour, rejected, review_of
from gateway.review.edits import DrawnLesion, standing_edits
from gateway.review.second_reader import is_blind
from gateway.studies.conduct import hides_lesions
from processing.domain.messages import JobOutcome, OutcomeStatus


@dataclass(frozen=True, eq=False)
class CaseRows:
    """The rows of one case, read in one short transaction: what follows may wait for an archive."""

    case: Case
    prior: Case | None
    job: Job | None
    review: Review | None
    drawn: tuple[DrawnLesion, ...]
    deliveries: tuple[Delivery, ...]
    asked_by: str = ""
    """User name of whoever is shown it."""
    notes: tuple[str, ...] = ()
    """What must be said beside the result."""
    hidden: bool = False
    """Whether whoever asks has to read the case without its lesions, for a reading study."""
    remarks: tuple[str, ...] = ()
    """What has to be known or decided about the case itself."""
    earlier: tuple[tuple[Case, bool], ...] = ()
    """Earlier measurements of a tumour, the newest first, with whether they were accepted."""
    eye_first: bool = False
    """Whether a tumour over three time points still has to be read by eye."""
    newer_is_blind: bool = False
    """Whether whoever asks has to read a newer revision of the study blind, of which this one would tell."""

    @property
    def blind(self) -> bool:
        """Whether a second reader asks, who must not see the lesions or the first opinion yet."""
        return self.newer_is_blind or is_blind(self.case, self.review, self.asked_by)

    @property
    def images_alone(self) -> bool:
        """Whether whoever asks has to read the images alone first."""
        return self.hidden or self.blind or self.eye_first

    @property
    def withheld(self) -> bool:
        """Whether the lesions are shown to nobody, or not to this person."""
        return self.images_alone or rejected(self.review)

    @property
    def result(self) -> JobOutcome | None:
        """The outcome of the latest job, if it succeeded."""
        return result_of(self.job)


def read_case(session: Session, case_id: str, asked_by: str = "") -> CaseRows | None:
    """Read what the case page is made of; None when there is no such case."""
    case = store.get_case(session, case_id)
    if case is None:
        return None
    job = store.latest_job(case)
    review = review_of(session, job) if job is not None else None
    hidden = bool(asked_by) and hides_lesions(session, case_id, asked_by)
    return CaseRows(
        case=case,
        prior=store.get_case(session, case.prior_case_id) if case.prior_case_id else None,
        job=job,
        review=review,
        drawn=standing_edits(session, review),
        deliveries=tuple(store.deliveries_of(session, case_id)),
        asked_by=asked_by,
        notes=flow.notes_of(session, case),
        hidden=hidden,
        remarks=tuple(notes_on(session, [case], {case_id} if hidden else ()).get(case_id, [])),
        earlier=_earlier_tumours(session, case, job),
        eye_first=flow.wants_eye_first(session, case, job, review),
        newer_is_blind=bool(asked_by) and _reads_newer_blind(session, case, asked_by),
    )


def _reads_newer_blind(session: Session, case: Case, asked_by: str) -> bool:
    for one in store.newer_revisions(session, case):
        job = store.latest_job(one)
        if job is not None and is_blind(one, review_of(session, job), asked_by):
            return True
    return False


def _earlier_tumours(session: Session, case: Case, job: Job | None) -> tuple[tuple[Case, bool], ...]:
    if job is None or not measures_a_tumour(job):
        return ()
    return tuple((one, flow.is_accepted(session, one)) for one in flow.earlier_tumours(session, case))


def result_of(job: Job | None) -> JobOutcome | None:
    """Return the outcome of a job that succeeded."""
    if job is None or job.outcome is None:
        return None
    outcome = JobOutcome.model_validate(job.outcome)
    return outcome if outcome.status is OutcomeStatus.SUCCEEDED else None
