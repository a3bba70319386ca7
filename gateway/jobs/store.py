"""Rows of cases: how they are found, claimed and changed.

`record` is the only way in which a case changes its state. It looks the change up in the transition table and writes
the event in the same transaction, so that replaying a case's events always gives its state.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel
from sqlalchemy import case as sql_case
from sqlalchemy import or_, select, true, update
from sqlalchemy.orm import Session, selectinload

from gateway.db.tables import Case, Delivery, Event, Job, OutboxMessage
from gateway.jobs.gates import OPEN, GateState, Mode
from processing.domain.case import CaseEvent, CaseState, next_state
from processing.domain.priority import Priority

EXPLAINED_STATES = frozenset(
    {
        CaseState.WAITING_FOR_PRIOR,
        CaseState.BASELINE,
        CaseState.NOT_ROUTED,
        CaseState.QUARANTINED,
        CaseState.DISCARDED,
        CaseState.REGISTRATION_FAILED,
        CaseState.SUPERSEDED,
    }
)
"""States whose reason stands on the worklist."""

_EXPLAINED_EVENTS = frozenset({CaseEvent.REOPENED, CaseEvent.SECOND_READING_ASKED, CaseEvent.COMPARISON_OUTDATED})
"""Events whose reason stands there whatever the state."""

_ASIDE = frozenset({CaseEvent.IMAGES_IGNORED, CaseEvent.PRIORITY_CHANGED})
"""Events that change nothing about a case and are kept for its history alone."""

_SET_ASIDE = (CaseState.SUPERSEDED.value, CaseState.DISCARDED.value)
"""States of cases that no comparison uses."""

_NEW_STEP = frozenset(
    {
        CaseEvent.IMAGES_RECEIVED,
        CaseEvent.QUIET,
        CaseEvent.PRIOR_FOUND,
        CaseEvent.PRIOR_SEARCHED,
        CaseEvent.PSEUDONYMISED,
        CaseEvent.SUCCEEDED,
        CaseEvent.SIGNED,
        CaseEvent.REOPENED,
        CaseEvent.DELIVERED,
        CaseEvent.RETRIED,
    }
)
"""Events after which failed attempts are counted anew."""


_RANK = sql_case({priority.value: priority.rank for priority in Priority}, value=Case.priority)
"""Sorts cases by their priority."""


def utc_now() -> datetime:
    """Return the present time with its zone."""
    return datetime.now(UTC)


def record(
    session: Session, case: Case, event: CaseEvent, *, actor: str, detail: str = "", at: datetime | None = None
) -> None:
    """Let an event happen to a case: change its state and append the event, in the caller's transaction.

    Parameters
    ----------
    session : Session
    case : Case
        Read in this transaction with `locked_case` or `claim`, so that nobody else changes it meanwhile.
    event : CaseEvent
    actor : str
        A user name, or the step that acted.
    detail : str
        One sentence without identity; it is the case's reason on the worklist where its new state needs one.
    at : datetime, optional
        Now, unless given.

    Raises
    ------
    IllegalTransition
        If the event can't happen in the case's state; nothing is changed.
    """
    at = at or utc_now()
    before = CaseState(case.state)
    after = next_state(before, event)
    case.state = after.value
    if event not in _ASIDE:
        case.reason = detail if after in EXPLAINED_STATES or event in _EXPLAINED_EVENTS else ""
        case.changed_at = at
    if event in _NEW_STEP:
        case.attempts = 0
        case.not_before = None
    session.add(
        Event(
            case_id=case.case_id,
            at=at,
            event=event.value,
            from_state=before.value,
            to_state=after.value,
            actor=actor,
            detail=detail,
        )
    )


def enqueue(session: Session, queue: str, task: str, body: BaseModel, *, at: datetime | None = None) -> None:
    """Write a message into the outbox; it is sent after, and only if, the caller's transaction commits."""
    session.add(
        OutboxMessage(
            created_at=at or utc_now(), sent_at=None, queue=queue, task=task, body=body.model_dump(mode="json")
        )
    )


def new_case(
    session: Session,
    *,
    study_uid: str,
    revision: int,
    pseudonym: str,
    readable_name: str,
    study_date_shifted: str,
    instance_count: int,
    at: datetime,
) -> Case:
    """Add a case for the first sight of a study, or for a newer revision of one; its first event stands with it."""
    case = Case(
        case_id=str(uuid.uuid4()),
        study_uid=study_uid,
        revision=revision,
        pseudonym=pseudonym,
        readable_name=readable_name,
        study_date_shifted=study_date_shifted,
        state=CaseState.RECEIVING.value,
        reason="",
        instance_count=instance_count,
        received_at=at,
        last_image_at=at,
        changed_at=at,
        attempts=0,
    )
    session.add(case)
    session.flush()
    record(session, case, CaseEvent.IMAGES_RECEIVED, actor="receive", detail=f"{instance_count} images", at=at)
    return case


def locked_case(session: Session, case_id: str) -> Case | None:
    """Return a case as it is in the database now, locked against others until the transaction ends."""
    return session.scalar(
        select(Case).where(Case.case_id == case_id).with_for_update().execution_options(populate_existing=True)
    )


def newest_revision(session: Session, study_uid: str) -> Case | None:
    """Return the newest case of a study, locked until the transaction ends."""
    return session.scalar(
        select(Case)
        .where(Case.study_uid == study_uid)
        .order_by(Case.revision.desc())
        .limit(1)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def newer_revisions(session: Session, case: Case) -> list[Case]:
    """Return the revisions of a case's study that came after it."""
    return list(session.scalars(select(Case).where(Case.study_uid == case.study_uid, Case.revision > case.revision)))


def study_uids_with_a_case(session: Session, study_uids: Collection[str]) -> list[str]:
    """Return those of some pseudonymous StudyInstanceUIDs that have a case."""
    return list(session.scalars(select(Case.study_uid).where(Case.study_uid.in_(study_uids)).distinct()))


def claim(session: Session, case_id: str, owner: str, lease_s: float, *, now: datetime | None = None) -> Case | None:
    """Take a case for one step, or extend the claim on it.

    Parameters
    ----------
    session : Session
    case_id : str
    owner : str
        Whoever runs the step; unique for each run of a step.
    lease_s : float
        After so many seconds without `release` or another `claim`, anybody may take the case over.
    now : datetime, optional

    Returns
    -------
    Case or None
        None when somebody else holds it.
    """
    now = now or utc_now()
    taken = session.execute(
        update(Case)
        .where(
            Case.case_id == case_id,
            or_(Case.lease_owner.is_(None), Case.lease_owner == owner, Case.lease_until <= now),
        )
        .values(lease_owner=owner, lease_until=now + timedelta(seconds=lease_s))
        .returning(Case.case_id)
        .execution_options(synchronize_session=False)
    ).first()
    return locked_case(session, case_id) if taken else None


def holds(case: Case, owner: str) -> bool:
    """Whether a claimed case, read anew, is still its owner's: a step that was too slow must not write."""
    return case.lease_owner == owner


def release(session: Session, case_id: str, owner: str) -> None:
    """Give a case back; does nothing when it is no longer the owner's."""
    session.execute(
        update(Case)
        .where(Case.case_id == case_id, Case.lease_owner == owner)
        .values(lease_owner=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )


def due_cases(
    session: Session,
    states: Collection[CaseState],
    *,
    now: datetime,
    limit: int = 100,
    allowed: GateState = OPEN,
) -> list[str]:
    """Return the ids of the cases in these states that nobody holds and whose back-off is over.

    Those that never failed come first, of them the most pressing, then the oldest: however many cases wait for
    something that is away, a new one does not stand behind them. `allowed` is the gate that they have to pass.
    """
    if allowed.mode is Mode.PAUSED:
        return []
    waiting_since = Case.changed_at <= allowed.since if allowed.mode is Mode.DRAINING else true()
    return list(
        session.scalars(
            select(Case.case_id)
            .where(
                waiting_since,
                Case.state.in_([state.value for state in states]),
                or_(Case.lease_owner.is_(None), Case.lease_until <= now),
                or_(Case.not_before.is_(None), Case.not_before <= now),
            )
            .order_by(Case.not_before.is_not(None), _RANK, Case.not_before, Case.changed_at)
            .limit(limit)
        )
    )


def cases_of_patient(session: Session, pseudonym: str) -> list[Case]:
    """Return the newest revision of every study of one patient that was not discarded, latest study first."""
    return list(
        session.scalars(
            select(Case)
            .where(Case.pseudonym == pseudonym, Case.state.not_in(_SET_ASIDE), Case.early.is_(False))
            .order_by(Case.study_date_shifted.desc(), Case.received_at.desc())
        )
    )


def worklist(session: Session, superseded: bool = False, *, archived_since: datetime | None = None) -> list[Case]:
    """Return the cases with their jobs, the most recently changed first; `gateway.review.order` says which is urgent.

    Parameters
    ----------
    session : Session
    superseded : bool
        Also those that a newer revision of the same study replaced.
    archived_since : datetime, optional
        Without the cases that were archived before.
    """
    query = select(Case).options(selectinload(Case.jobs).selectinload(Job.review)).order_by(Case.changed_at.desc())
    if not superseded:
        # A first look of the fast track is shown to those who wait at the scanner; the study itself has its own line.
        query = query.where(Case.state != CaseState.SUPERSEDED.value, Case.early.is_(False))
    if archived_since is not None:
        query = query.where(or_(Case.state != CaseState.ARCHIVED.value, Case.changed_at > archived_since))
    return list(session.scalars(query))


def get_case(session: Session, case_id: str) -> Case | None:
    """Return a case with its series, events and jobs."""
    return session.scalar(
        select(Case)
        .where(Case.case_id == case_id)
        .options(
            selectinload(Case.series),
            selectinload(Case.events),
            selectinload(Case.jobs).selectinload(Job.review),
        )
    )


def latest_job(case: Case) -> Job | None:
    """Return a case's latest job, or None when nothing was ordered yet."""
    return max(case.jobs, key=lambda job: job.number, default=None)


def deliveries_of(session: Session, case_id: str) -> list[Delivery]:
    """Return what was or is being sent to a target for a case."""
    return list(session.scalars(select(Delivery).where(Delivery.case_id == case_id).order_by(Delivery.delivery_id)))


def replay(events: Iterable[Event]) -> CaseState:
    """Return the state to which a case's events lead from its beginning.

    Raises
    ------
    IllegalTransition
        If the events are not a way through the transition table.
    """
    state = CaseState.RECEIVING
    for event in events:
        state = next_state(state, CaseEvent(event.event))
    return state
