"""What the workers say. Every message may come twice, late, or out of order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from gateway.db.tables import Case, Job
from gateway.jobs.leftovers import note_busy
from gateway.jobs.store import locked_case, record
from gateway.jobs.submit import note_ordered
from processing.domain.case import CaseEvent, CaseState
from processing.domain.messages import JobOutcome, JobProgress, OutcomeStatus

ACTOR = "worker"
LONGEST_WAIT_S = 300.0

_UNDER_WAY = frozenset({CaseState.PSEUDONYMISED, CaseState.QUEUED, CaseState.RUNNING})

_FINAL_EVENTS = {
    OutcomeStatus.SUCCEEDED: CaseEvent.SUCCEEDED,
    OutcomeStatus.REGISTRATION_FAILED: CaseEvent.REGISTRATION_FAILED,
    OutcomeStatus.REJECTED: CaseEvent.FAILED,
    OutcomeStatus.DEFECT: CaseEvent.FAILED,
}


@dataclass(frozen=True)
class RetryPolicy:
    """How often a step is tried, and how long to wait before the second, third, ... time.

    Parameters
    ----------
    max_attempts : int
    base_s : float
        Seconds before the second attempt; doubled for each further one, up to `LONGEST_WAIT_S`.
    """

    max_attempts: int
    base_s: float

    def wait_s(self, failed: int) -> float:
        """Return how many seconds to wait after so many failed attempts."""
        doubled = float(self.base_s * 2 ** min(max(failed - 1, 0), 32))
        return min(doubled, max(LONGEST_WAIT_S, self.base_s))


def record_progress(session: Session, progress: JobProgress, *, at: datetime) -> bool:
    """Note what a worker does.

    Returns
    -------
    bool
        False when the message is about an unknown job, another attempt or a job that is finished: it is ignored.
    """
    found = _job_under_way(session, progress.job_id, progress.attempt)
    if found is None:
        note_busy(session, progress.job_id, at=at)
        return False
    case, job = found
    job.heard_at = at
    if progress.fraction >= job.fraction:
        job.stage = progress.stage[:64]
        job.fraction = min(max(progress.fraction, 0.0), 1.0)
    if case.state == CaseState.PSEUDONYMISED.value:
        note_ordered(session, case, job, at=at)
    if case.state == CaseState.QUEUED.value:
        record(session, case, CaseEvent.STARTED, actor=ACTOR, detail=f"attempt {job.attempt}", at=at)
    return True


def record_outcome(session: Session, outcome: JobOutcome, *, at: datetime, policy: RetryPolicy) -> bool:
    """Note how an order ended.

    Returns
    -------
    bool
        False when the outcome was known already, or is about an unknown job or another attempt: it changes no case.
    """
    found = _job_under_way(session, outcome.job_id, outcome.attempt)
    if found is None:
        note_busy(session, outcome.job_id, at=at)
        return False
    case, job = found
    job.heard_at = at
    if case.state == CaseState.PSEUDONYMISED.value:
        # The relay died, or is slower than the worker, between sending the order and noting it.
        note_ordered(session, case, job, at=at)
    if outcome.status is OutcomeStatus.TRANSIENT:
        attempt_failed(session, case, job, outcome.reason, at=at, policy=policy)
        return True
    job.outcome = outcome.model_dump(mode="json")
    job.finished_at = at
    job.fraction = 1.0 if outcome.status is OutcomeStatus.SUCCEEDED else job.fraction
    record(session, case, _FINAL_EVENTS[outcome.status], actor=ACTOR, detail=outcome.reason, at=at)
    return True


def attempt_failed(session: Session, case: Case, job: Job, reason: str, *, at: datetime, policy: RetryPolicy) -> None:
    """Note that an attempt came to nothing: the job is ordered again after a while, or given up.

    The case is QUEUED or RUNNING. It goes back to PSEUDONYMISED, from where `gateway.jobs.sweep` orders the next
    attempt, or after the last one to QUARANTINED.
    """
    failed = job.attempt
    if failed >= policy.max_attempts:
        job.finished_at = at
        detail = f"Given up after {failed} attempts. {reason}"
        record(session, case, CaseEvent.FAILED, actor=ACTOR, detail=detail, at=at)
        return
    record(session, case, CaseEvent.LEASE_EXPIRED, actor=ACTOR, detail=reason, at=at)
    case.not_before = at + timedelta(seconds=policy.wait_s(failed))


def _job_under_way(session: Session, job_id: str, attempt: int) -> tuple[Case, Job] | None:
    job = session.get(Job, job_id)
    case = locked_case(session, job.case_id) if job is not None else None
    if job is None or case is None:
        return None
    session.refresh(job)  # somebody else may have finished it while this transaction waited for the lock
    if job.attempt != attempt or job.finished_at is not None or CaseState(case.state) not in _UNDER_WAY:
        return None
    return case, job
