"""What an operator does: shut and open queues and targets, let a case overtake, discard one."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, HTTPException, status
from pydantic import Field

from gateway import flow
from gateway.access.accounts import SignedIn
from gateway.api.cases import rows_of
from gateway.api.deps import Operator, State
from gateway.api.problems import problems
from gateway.api.schemas import Body
from gateway.flow.operations import Passage, Person
from gateway.jobs.gates import Mode
from processing.domain.errors import InputRejected
from processing.domain.priority import Priority

router = APIRouter(tags=["operations"])


class PassageLine(Body):
    """A queue or a target."""

    name: str
    is_target: bool
    mode: Mode
    since: datetime | None
    actor: str
    reason: str
    waiting: int
    under_way: int
    refused: int
    drained: bool


class Operations(Body):
    """Everything that an operator can shut and open, in the order of the way."""

    passages: list[PassageLine]


class GateChange(Body):
    """Pause, drain or open; the reason is kept and shown."""

    mode: Mode
    reason: str = Field(default="", max_length=500)


class Discard(Body):
    """Why a case goes no further; kept, shown, and without names."""

    reason: str = Field(min_length=3, max_length=500)


class PriorityChange(Body):
    """How soon a case is wanted."""

    priority: Priority


@router.get("/operations", operation_id="getOperations", responses=problems(401, 403))
def get_operations(_: Operator, state: State) -> Operations:
    """Tell how every queue and target stands."""
    with state.read_sessions() as session:
        return Operations(passages=[_line(one) for one in flow.passages(state.services, session)])


@router.put("/operations/gates/{name}", operation_id="turnGate", responses=problems(401, 403, 409))
def turn_gate(who: Operator, name: str, change: GateChange, state: State) -> Operations:
    """Pause, drain or open a queue or a target; it stays so over restarts."""
    try:
        flow.turn_gate(state.services, name, change.mode, _person(who), change.reason)
    except InputRejected as refused:
        raise HTTPException(status.HTTP_409_CONFLICT, refused.reason) from refused
    return get_operations(who, state)


@router.post(
    "/cases/{case_id}/discard",
    operation_id="discardCase",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(401, 403, 404, 409),
)
def discard_case(who: Operator, case_id: str, discard: Discard, state: State) -> None:
    """Take a case that waits for an operator out for good; a retry takes it up again."""
    rows_of(case_id, state)
    try:
        flow.discard(state.services, case_id, _person(who), discard.reason)
    except InputRejected as refused:
        raise HTTPException(status.HTTP_409_CONFLICT, refused.reason) from refused


@router.put(
    "/cases/{case_id}/priority",
    operation_id="setPriority",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(401, 403, 404, 409),
)
def set_priority(who: Operator, case_id: str, change: PriorityChange, state: State) -> None:
    """Let a case that waits overtake, or stand back."""
    rows_of(case_id, state)
    try:
        flow.set_priority(state.services, case_id, _person(who), change.priority)
    except InputRejected as refused:
        raise HTTPException(status.HTTP_409_CONFLICT, refused.reason) from refused


def _person(who: SignedIn) -> Person:
    return Person(who.user_name, who.role.value)


def _line(passage: Passage) -> PassageLine:
    return PassageLine(
        name=passage.name,
        is_target=passage.is_target,
        mode=passage.gate.mode,
        since=passage.gate.since,
        actor=passage.gate.actor,
        reason=passage.gate.reason,
        waiting=passage.waiting,
        under_way=passage.under_way,
        refused=passage.stuck,
        drained=passage.drained,
    )
