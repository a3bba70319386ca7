"""What jobs without a result may have left in the research archive.

A worker can die, or its case be replaced by a newer revision, between storing the first object and saying so. Nothing
would ever name these objects again: they are removed once nobody works on the job any more.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from gateway.db.tables import Case, Job
from processing.domain.case import CaseState
from processing.domain.messages import OutcomeStatus


def jobs_with_leftovers(session: Session, *, now: datetime, job_lease_s: float) -> list[str]:
    """Return the ids of jobs that have no result and get none, and of which nothing was heard for `job_lease_s`."""
    silent_since = now - timedelta(seconds=job_lease_s)
    status = func.coalesce(Job.outcome["status"].as_string(), "")
    return list(
        session.scalars(
            select(Job.job_id)
            .join(Case, Case.case_id == Job.case_id)
            .where(
                Job.withdrawn_at.is_(None),
                status != OutcomeStatus.SUCCEEDED.value,
                or_(Job.finished_at.is_not(None), Case.state == CaseState.SUPERSEDED.value),
                func.coalesce(Job.heard_at, Job.created_at) <= silent_since,
                func.coalesce(Job.finished_at, Case.changed_at) <= silent_since,
            )
        )
    )


def note_withdrawn(session: Session, job_id: str, *, now: datetime) -> None:
    """Note that nothing of a job is left."""
    job = session.get(Job, job_id)
    if job is not None:
        job.withdrawn_at = now
        job.finished_at = job.finished_at or now


def note_busy(session: Session, job_id: str, *, at: datetime) -> None:
    """Note that a worker is busy with a job that nobody waits for any more: what it stores is left over (again)."""
    job = session.get(Job, job_id)
    case = session.get(Case, job.case_id) if job is not None else None
    if job is None or case is None:
        return
    if job.finished_at is not None or case.state == CaseState.SUPERSEDED.value:
        job.heard_at = at
        job.withdrawn_at = None
