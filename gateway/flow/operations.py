"""What an operator does: shut and open queues and targets, let a case overtake, take one out for good."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gateway.audit import trail
from gateway.audit.trail import AuditAction, Subject
from gateway.db.tables import Case, Consignment
from gateway.dispatch.consignments import UNDER_WAY, ConsignmentState
from gateway.flow.services import Services
from gateway.jobs import gates, store
from gateway.jobs.gates import GateState, Mode
from gateway.jobs.submit import queue_of
from gateway.log import get_logger
from processing.domain.case import TRANSITIONS, CaseEvent, CaseState
from processing.domain.errors import InputRejected
from processing.domain.priority import Priority

log = get_logger(__name__)
_CAN_BE_DISCARDED = frozenset(state for state, event in TRANSITIONS if event is CaseEvent.DISCARDED)
_CAN_OVERTAKE = frozenset(state for state, event in TRANSITIONS if event is CaseEvent.PRIORITY_CHANGED)


@dataclass(frozen=True)
class Passage:
    """A queue or a target, its gate, and how much waits before it and is under way behind it."""

    name: str
    is_target: bool
    gate: GateState
    waiting: int
    under_way: int
    stuck: int = 0
    """Consignments that the target refused."""

    @property
    def drained(self) -> bool:
        """Whether a gate that is being drained has nothing left behind it."""
        return self.gate.mode is Mode.DRAINING and self.under_way == 0


@dataclass(frozen=True)
class Person:
    """Who acts."""

    user_name: str
    role: str


def passages(services: Services, session: Session) -> list[Passage]:
    """Return every queue and target, in the order of the way."""
    known = gates.all_gates(session)
    by_state = {
        (state, priority): count
        for state, priority, count in session.execute(
            select(Case.state, Case.priority, func.count()).group_by(Case.state, Case.priority)
        )
    }

    def cases(state: CaseState, queue: str | None = None) -> int:
        return sum(
            count
            for (name, priority), count in by_state.items()
            if name == state.value and queue in (None, queue_of(Priority(priority)))
        )

    found = [
        Passage(
            name=queue,
            is_target=False,
            gate=known.get(queue, gates.OPEN),
            waiting=cases(CaseState.COMPLETE) if queue == gates.PREPARATION else cases(CaseState.PSEUDONYMISED, queue),
            under_way=0
            if queue == gates.PREPARATION
            else cases(CaseState.QUEUED, queue) + cases(CaseState.RUNNING, queue),
        )
        for queue in gates.QUEUES
    ]
    return found + [_target(session, known, target.name) for target in services.targets]


def _target(session: Session, known: dict[str, GateState], name: str) -> Passage:
    on_the_way = (CaseState.DISPATCHING.value, CaseState.QUARANTINED.value)
    rows = session.execute(
        select(Consignment.state, func.count())
        .join(Case, Case.case_id == Consignment.case_id)
        .where(Consignment.target == name, Case.state.in_(on_the_way))
        .group_by(Consignment.state)
    )
    counts = {row[0]: row[1] for row in rows}
    gate_name = gates.target_gate(name)
    return Passage(
        name=gate_name,
        is_target=True,
        gate=known.get(gate_name, gates.OPEN),
        waiting=counts.get(ConsignmentState.WAITING.value, 0),
        under_way=counts.get(ConsignmentState.PROMISED.value, 0),
        stuck=counts.get(ConsignmentState.REFUSED.value, 0),
    )


def turn_gate(services: Services, name: str, mode: Mode, who: Person, reason: str) -> None:
    """Open or shut a queue or a target; it stays so over restarts.

    Raises
    ------
    InputRejected
        If there is no such queue or target.
    """
    targets = {gates.target_gate(target.name) for target in services.targets}
    if name not in {*gates.QUEUES, *targets}:
        raise InputRejected("There is no such queue or target.")
    with services.sessions.begin() as session:
        gates.turn(session, name, mode, actor=who.user_name, reason=reason, at=services.clock())
        detail = f"{name}: {mode.value}" + (f" ({reason})" if reason else "")
        trail.append(session, AuditAction.OPERATED, actor=who.user_name, role=who.role, detail=detail)
        if name in targets and mode is Mode.OPEN:
            _wake(services, session, name)
    log.info("gate turned", step=name, state=mode.value)


def _wake(services: Services, session: Session, gate_name: str) -> None:
    """Let what waited for a target go on at once."""
    (target,) = [target.name for target in services.targets if gates.target_gate(target.name) == gate_name]
    rows = session.scalars(select(Consignment).where(Consignment.target == target, Consignment.state == UNDER_WAY[0]))
    for row in rows:
        row.not_before = None
        case = store.locked_case(session, row.case_id)
        if case is not None and case.state == CaseState.DISPATCHING.value:
            case.not_before = None


def discard(services: Services, case_id: str, who: Person, reason: str) -> None:
    """Take a case out for good: nothing is measured or sent for it, and no comparison uses it.

    Its images stay in the clinical archive. A retry takes it up again.

    Raises
    ------
    InputRejected
        If there is no such case, or it is not one that waits for an operator.
    """
    with services.sessions.begin() as session:
        case = _case(session, case_id)
        if CaseState(case.state) not in _CAN_BE_DISCARDED:
            raise InputRejected(f"A case that is '{case.state}' can't be discarded.")
        store.record(session, case, CaseEvent.DISCARDED, actor=who.user_name, detail=reason, at=services.clock())
        subject = Subject(case.case_id, (case.pseudonym,))
        trail.append(
            session, AuditAction.OPERATED, actor=who.user_name, role=who.role, subject=subject, detail="case discarded"
        )
    log.info("case discarded", case_id=case_id)


def set_priority(services: Services, case_id: str, who: Person, priority: Priority) -> None:
    """Let a case that waits overtake, or stand back.

    Raises
    ------
    InputRejected
        If there is no such case, or its order is at the workers already.
    """
    with services.sessions.begin() as session:
        case = _case(session, case_id)
        if CaseState(case.state) not in _CAN_OVERTAKE:
            raise InputRejected(f"The priority of a case that is '{case.state}' can't be changed any more.")
        detail = f"{case.priority} to {priority.value}".replace("_", " ")
        case.priority = priority.value
        store.record(session, case, CaseEvent.PRIORITY_CHANGED, actor=who.user_name, detail=detail, at=services.clock())
    log.info("priority changed", case_id=case_id)


def _case(session: Session, case_id: str) -> Case:
    case = store.locked_case(session, case_id)
    if case is None:
        raise InputRejected("There is no such case.")
    return case
