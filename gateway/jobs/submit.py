"""Orders to the workers: written with the change of state that asks for them, sent afterwards.

The order's row, the outbox message and the event are one transaction. The relay sends what is in the outbox and
marks it; when it dies in between, the same order is sent twice, which gives the same single result.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from gateway.db.tables import Case, Job, OutboxMessage
from gateway.jobs.store import claim, enqueue, locked_case, record, release
from processing.domain.case import CaseEvent, CaseState
from processing.domain.errors import Defect
from processing.domain.messages import PIPELINE_QUEUE, RUN_JOB_TASK, JobOrder, StudyOrder

Send = Callable[[str, str, Mapping[str, Any]], None]
"""Sends (queue, task, body) to the broker; raises Transient when it can't be reached."""

SEND_LEASE_S = 60.0
"""Longest that one relay may take to send a message before another may send it too."""

_JOBS = uuid.UUID("5a1d9a1e-6d55-5b0f-9b57-0d6a4f1c2a90")


def place_order(
    session: Session, case: Case, *, pipeline: str, version: str, current: StudyOrder, prior: StudyOrder, at: datetime
) -> JobOrder:
    """Write a new job of a case and the message that orders it, in the caller's transaction.

    The job's id follows from the case and the number of its jobs, so that the UIDs of its results do too.
    """
    number = 1 + (session.scalar(select(func.max(Job.number)).where(Job.case_id == case.case_id)) or 0)
    order = JobOrder(
        job_id=str(uuid.uuid5(_JOBS, f"{case.case_id}/{number}")),
        case_id=case.case_id,
        attempt=1,
        pipeline=pipeline,
        version=version,
        current=current,
        prior=prior,
    )
    for unfinished in session.scalars(select(Job).where(Job.case_id == case.case_id, Job.finished_at.is_(None))):
        unfinished.finished_at = at
    session.add(
        Job(
            job_id=order.job_id,
            case_id=case.case_id,
            number=number,
            attempt=1,
            created_at=at,
            order=order.model_dump(mode="json"),
        )
    )
    case.pipeline = pipeline
    case.version = version
    enqueue(session, PIPELINE_QUEUE, RUN_JOB_TASK, order, at=at)
    return order


def order_again(session: Session, job: Job, *, at: datetime) -> JobOrder:
    """Write the message for the next attempt at a job, in the caller's transaction.

    The job keeps its id: a worker that was only slow stores the same objects, and its late outcome is known by its
    attempt.
    """
    order = JobOrder.model_validate(job.order).model_copy(update={"attempt": job.attempt + 1})
    job.attempt = order.attempt
    job.order = order.model_dump(mode="json")
    job.heard_at = None
    job.stage = ""
    job.fraction = 0.0
    enqueue(session, PIPELINE_QUEUE, RUN_JOB_TASK, order, at=at)
    return order


def note_ordered(session: Session, case: Case, job: Job, *, at: datetime) -> None:
    """Let a pseudonymised case be queued: its worker has, or certainly will have, the order.

    Also called when a worker is heard of before the relay noted that it sent the order. The order must not be sent
    once more then, and not at all after this attempt failed.
    """
    for message in session.scalars(select(OutboxMessage).where(OutboxMessage.sent_at.is_(None))):
        if message.body.get("job_id") == job.job_id:
            message.sent_at = at
    record(session, case, CaseEvent.ORDERED, actor="relay", detail=f"attempt {job.attempt}", at=at)


def relay_outbox(sessions: sessionmaker[Session], send: Send, *, now: datetime, limit: int = 100) -> int:
    """Send what waits in the outbox, oldest first.

    Returns
    -------
    int
        Number of messages sent.

    Raises
    ------
    Transient
        If the broker can't be reached; what was not sent stays in the outbox.
    """
    with sessions() as session:
        waiting = list(
            session.scalars(
                select(OutboxMessage.message_id)
                .where(OutboxMessage.sent_at.is_(None))
                .order_by(OutboxMessage.message_id)
                .limit(limit)
            )
        )
    return sum(_relay_one(sessions, send, message_id, now) for message_id in waiting)


def _relay_one(sessions: sessionmaker[Session], send: Send, message_id: int, now: datetime) -> bool:
    """Send one message, outside of any transaction: a broker that is slow to refuse must not hold up the database."""
    owner = uuid.uuid4().hex
    taken = _take(sessions, message_id, owner, now)
    if taken is None:
        return False
    queue, task, order = taken
    try:
        send(queue, task, order.model_dump(mode="json"))
        with sessions.begin() as session:
            case, job = locked_case(session, order.case_id), session.get(Job, order.job_id)
            if case is not None and job is not None and _waits_for(case, job, order):
                note_ordered(session, case, job, at=now)
    finally:
        with sessions.begin() as session:
            release(session, order.case_id, owner)
    return True


def _take(
    sessions: sessionmaker[Session], message_id: int, owner: str, now: datetime
) -> tuple[str, str, JobOrder] | None:
    """Claim the case of a message that is to be sent; mark one that nobody waits for as done."""
    with sessions.begin() as session:
        message = session.get(OutboxMessage, message_id)
        if message is None or message.sent_at is not None:
            return None
        if message.task != RUN_JOB_TASK:
            raise Defect(f"The outbox holds a message for the unknown task {message.task}.")
        order = JobOrder.model_validate(message.body)
        case = claim(session, order.case_id, owner, SEND_LEASE_S, now=now)
        if case is None:
            return None
        session.refresh(message)
        job = session.get(Job, order.job_id)
        if message.sent_at is None and job is not None and _waits_for(case, job, order):
            return message.queue, message.task, order
        # Superseded meanwhile, or sent just before the relay died last time: the worker has it already.
        message.sent_at = message.sent_at or now
        release(session, order.case_id, owner)
        return None


def _waits_for(case: Case, job: Job, order: JobOrder) -> bool:
    return case.state == CaseState.PSEUDONYMISED.value and job.attempt == order.attempt
