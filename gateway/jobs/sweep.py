"""What got lost on the way: workers that fell silent, and attempts that are due again."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gateway.db.tables import Case, Event, Job, OutboxMessage
from gateway.jobs.outcome import RetryPolicy, attempt_failed
from gateway.jobs.store import locked_case
from gateway.jobs.submit import order_again, queue_of
from processing.domain.case import CaseEvent, CaseState
from processing.domain.priority import Priority


def lost_jobs(session: Session, *, now: datetime, job_lease_s: float) -> list[str]:
    """Return the ids of the jobs whose worker has been silent for too long.

    A job that runs is lost when nothing was heard of it for `job_lease_s`. One that still waits in the queue is lost
    only when its turn has certainly passed: for so long nothing was heard of any job, or a job that was put behind
    it in its queue was begun. A long queue alone is no reason to order anything twice.
    """
    silent_since = now - timedelta(seconds=job_lease_s)
    under_way = session.execute(
        select(Case, Job)
        .join(Job, Job.case_id == Case.case_id)
        .where(Case.state.in_([CaseState.QUEUED.value, CaseState.RUNNING.value]), Job.finished_at.is_(None))
    ).all()
    last_heard = session.scalar(select(func.max(Job.heard_at)))
    ordered = _last_ordered(session, [case.case_id for case, _ in under_way])
    # A job that is ordered again stands at the end of the queue: its own age says nothing about its turn.
    begun = [
        (_queue(case), ordered[case.case_id])
        for case, job in under_way
        if job.heard_at is not None and case.case_id in ordered
    ]
    lost = []
    for case, job in under_way:
        if case.state == CaseState.RUNNING.value:
            if (job.heard_at or case.changed_at) <= silent_since:
                lost.append(job.job_id)
            continue
        ordered_at = ordered.get(case.case_id, case.changed_at)
        all_silent = last_heard is None or last_heard <= silent_since
        overtaken = any(queue == _queue(case) and at > ordered_at for queue, at in begun)
        if ordered_at <= silent_since and (all_silent or overtaken):
            lost.append(job.job_id)
    return lost


def _queue(case: Case) -> str:
    return queue_of(Priority(case.priority))


def _last_ordered(session: Session, case_ids: Collection[str]) -> dict[str, datetime]:
    """Return when each case's order was last sent to the broker."""
    rows = session.execute(
        select(Event.case_id, func.max(Event.at))
        .where(Event.case_id.in_(case_ids), Event.event == CaseEvent.ORDERED.value)
        .group_by(Event.case_id)
    )
    return {case_id: at for case_id, at in rows.all()}  # noqa: C416 - dict() does not know what a row holds


def give_up_attempt(session: Session, job_id: str, *, now: datetime, job_lease_s: float, policy: RetryPolicy) -> bool:
    """End the attempt of a lost job, if it still is lost now that its case is locked."""
    job = session.get(Job, job_id)
    case = locked_case(session, job.case_id) if job is not None else None
    if job is None or case is None:
        return False
    session.refresh(job)
    if job_id not in lost_jobs(session, now=now, job_lease_s=job_lease_s):
        return False
    attempt_failed(session, case, job, "The worker that had this job fell silent.", at=now, policy=policy)
    return True


def jobs_to_order_again(session: Session, *, now: datetime) -> list[str]:
    """Return the ids of jobs whose last attempt failed, whose back-off is over and that no message orders yet."""
    rows = session.scalars(
        select(Job)
        .join(Case, Case.case_id == Job.case_id)
        .where(
            Case.state == CaseState.PSEUDONYMISED.value,
            Job.finished_at.is_(None),
            Case.not_before <= now,
        )
    )
    waiting = {
        (message.body["job_id"], message.body["attempt"])
        for message in session.scalars(select(OutboxMessage).where(OutboxMessage.sent_at.is_(None)))
    }
    return [job.job_id for job in rows if (job.job_id, job.attempt) not in waiting]


def order_due_again(session: Session, job_id: str, *, now: datetime) -> bool:
    """Order the next attempt at a job, if it still is due now that its case is locked."""
    job = session.get(Job, job_id)
    case = locked_case(session, job.case_id) if job is not None else None
    if job is None or case is None or job_id not in jobs_to_order_again(session, now=now):
        return False
    order_again(session, job, at=now)
    return True
