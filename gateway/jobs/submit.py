"""Orders to the workers: written with the change of state that asks for them, sent afterwards.

The order's row, the outbox message and the event are one transaction. The relay sends what is in the outbox and
marks it; when it dies in between, the same order is sent twice, which gives the same single result.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from gateway.db.tables import Case, Job, OutboxMessage
from gateway.jobs.gates import OPEN, all_gates
from gateway.jobs.store import claim, enqueue, locked_case, record, release
from gateway.log import get_logger
from processing.domain.case import CaseEvent, CaseState
from processing.domain.errors import Defect
from processing.domain.messages import FAST_TRACK_QUEUE, PIPELINE_QUEUE, RUN_JOB_TASK, JobOrder, StudyOrder
from processing.domain.priority import Priority

log = get_logger(__name__)

Send = Callable[[str, str, Mapping[str, Any]], None]
"""Sends (queue, task, body) to the broker; raises Transient when it can't be reached."""

SEND_LEASE_S = 60.0
"""Longest that one relay may take to send a message before another may send it too."""

LONGEST_ROUTINE_WAIT = timedelta(hours=1)
"""From then on a routine case waits like an urgent one, so that a busy day does not put it off for ever."""

UNLIMITED = 1_000_000

NOT_UNDERSTOOD = "The order to the workers could not be understood. It was logged; the case can be tried again."

_JOBS = uuid.UUID("5a1d9a1e-6d55-5b0f-9b57-0d6a4f1c2a90")


def place_order(
    session: Session,
    case: Case,
    *,
    pipeline: str,
    version: str,
    current: StudyOrder,
    prior: StudyOrder | None,
    at: datetime,
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
        priority=Priority(case.priority),
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
    enqueue(session, queue_of(order.priority), RUN_JOB_TASK, order, at=at)
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
    enqueue(session, queue_of(order.priority), RUN_JOB_TASK, order, at=at)
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


@dataclass(frozen=True)
class Waiting:
    """A message in the outbox and the case that it is about."""

    message_id: int
    priority: Priority
    since: datetime

    @property
    def queue(self) -> str:
        """Where it goes: the fast track has workers of its own."""
        return queue_of(self.priority)

    def turn(self, now: datetime) -> tuple[int, int]:
        """Sorts what is urgent first, but nothing waits behind urgent ones for longer than `LONGEST_ROUTINE_WAIT`."""
        rank = min(self.priority.rank, Priority.URGENT.rank) if now - self.since > LONGEST_ROUTINE_WAIT else None
        return (self.priority.rank if rank is None else rank, self.message_id)


def queue_of(priority: Priority) -> str:
    """Return the queue to the workers that a case of this priority is measured by."""
    return FAST_TRACK_QUEUE if priority is Priority.FAST_TRACK else PIPELINE_QUEUE


def relay_outbox(
    sessions: sessionmaker[Session],
    send: Send,
    *,
    now: datetime,
    room: Callable[[str], int] = lambda _: UNLIMITED,
) -> int:
    """Send what waits in the outbox: the most pressing first, then the oldest.

    A message that can't be understood is set aside with its case; it stops none behind it.

    Parameters
    ----------
    sessions : sessionmaker
    send : callable
    now : datetime
    room : callable
        Says how many messages a queue of the broker should still get. What stays in the outbox can still be stopped,
        and overtaken.

    Returns
    -------
    int
        Number of messages sent.

    Raises
    ------
    Transient
        If the broker can't be reached; what was not sent stays in the outbox.
    """
    left: dict[str, int] = {}
    sent = 0
    for message in _waiting(sessions, now):
        if message.queue not in left:
            left[message.queue] = room(message.queue)
        if left[message.queue] <= 0:
            continue
        try:
            done = _relay_one(sessions, send, message.message_id, now)
        except (Defect, ValidationError):
            log.exception("order not understood")
            _set_aside(sessions, message.message_id, now)
            continue
        sent += done
        left[message.queue] -= done
    return sent


def _waiting(sessions: sessionmaker[Session], now: datetime) -> list[Waiting]:
    """Return what may be sent now, in its order; one whose case is unknown goes with the routine ones."""
    with sessions() as session:
        gates = all_gates(session)
        rows = session.execute(
            select(OutboxMessage.message_id, OutboxMessage.created_at, Case.priority)
            .join(Case, Case.case_id == OutboxMessage.body["case_id"].as_string(), isouter=True)
            .where(OutboxMessage.sent_at.is_(None))
        ).all()
    waiting = [Waiting(number, Priority(priority or Priority.ROUTINE), since) for number, since, priority in rows]
    passing = [one for one in waiting if gates.get(one.queue, OPEN).lets_pass(one.since)]
    return sorted(passing, key=lambda one: one.turn(now))


def _set_aside(sessions: sessionmaker[Session], message_id: int, now: datetime) -> None:
    """Take a message that nobody understands out of the way, and show its case to an operator."""
    with sessions.begin() as session:
        message = session.get_one(OutboxMessage, message_id)
        message.sent_at = now
        case = locked_case(session, str(message.body.get("case_id")))
        if case is not None and case.state == CaseState.PSEUDONYMISED.value:
            record(session, case, CaseEvent.FAILED, actor="relay", detail=NOT_UNDERSTOOD, at=now)


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
            priority = Priority(case.priority)
            return queue_of(priority), message.task, order.model_copy(update={"priority": priority})
        # Superseded meanwhile, or sent just before the relay died last time: the worker has it already.
        message.sent_at = message.sent_at or now
        release(session, order.case_id, owner)
        return None


def _waits_for(case: Case, job: Job, order: JobOrder) -> bool:
    return case.state == CaseState.PSEUDONYMISED.value and job.attempt == order.attempt
