"""What an operator does, on a real database."""

from __future__ import annotations

import pytest

from gateway import flow
from gateway.audit.trail import AuditAction, all_entries
from gateway.db.tables import Case
from gateway.flow import Services
from gateway.flow.operations import Passage, Person
from gateway.jobs import store
from gateway.jobs.gates import PREPARATION, GateState, Mode, gate
from processing.domain.case import CaseState
from processing.domain.errors import InputRejected
from processing.domain.messages import FAST_TRACK_QUEUE, PIPELINE_QUEUE
from processing.domain.priority import Priority
from tests.unit.gateway.rows import NOW, add_case, later

OTTO = Person("otto", "operator")


def add(services: Services, state: CaseState, number: int = 1, priority: Priority = Priority.ROUTINE) -> str:
    with services.sessions.begin() as session:
        case = add_case(session, state, study_uid=f"2.25.{number}")
        case.priority = priority.value
        return case.case_id


def passage(services: Services, name: str) -> Passage:
    with services.sessions() as session:
        (found,) = [one for one in flow.passages(services, session) if one.name == name]
    return found


def test_a_gate_stays_as_it_was_turned_and_the_trail_says_who_did_it(services: Services) -> None:
    flow.turn_gate(services, "target pacs", Mode.PAUSED, OTTO, "The PACS is being updated.")
    with services.sessions() as session:
        assert gate(session, "target pacs") == GateState(Mode.PAUSED, NOW, "otto", "The PACS is being updated.")
        (entry,) = all_entries(session)
        assert (entry.action, entry.actor) == (AuditAction.OPERATED.value, "otto")
        assert entry.detail == "target pacs: paused (The PACS is being updated.)"
    with pytest.raises(InputRejected, match="no such"):
        flow.turn_gate(services, "target elsewhere", Mode.PAUSED, OTTO, "")


def test_what_waits_and_runs_is_counted_per_queue(services: Services) -> None:
    add(services, CaseState.COMPLETE, 1)
    add(services, CaseState.PSEUDONYMISED, 2)
    add(services, CaseState.RUNNING, 3)
    add(services, CaseState.QUEUED, 4, Priority.FAST_TRACK)
    names = [PREPARATION, PIPELINE_QUEUE, FAST_TRACK_QUEUE]
    counted = [(passage(services, name).waiting, passage(services, name).under_way) for name in names]
    assert counted == [(1, 0), (1, 1), (0, 1)]


def test_a_queue_is_drained_when_nothing_is_left_behind_its_gate(services: Services) -> None:
    flow.turn_gate(services, PIPELINE_QUEUE, Mode.DRAINING, OTTO, "")
    assert passage(services, PIPELINE_QUEUE).drained
    add(services, CaseState.RUNNING)
    assert not passage(services, PIPELINE_QUEUE).drained


@pytest.mark.parametrize(("mode", "due"), [(Mode.OPEN, 2), (Mode.DRAINING, 1), (Mode.PAUSED, 0)])
def test_a_shut_gate_lets_no_study_be_prepared(services: Services, mode: Mode, due: int) -> None:
    with services.sessions.begin() as session:
        add_case(session, CaseState.COMPLETE, study_uid="2.25.1")
        add_case(session, CaseState.COMPLETE, study_uid="2.25.2", at=later(60))
    flow.turn_gate(services, PREPARATION, mode, OTTO, "")
    with services.sessions() as session:
        allowed = gate(session, PREPARATION)
        assert len(store.due_cases(session, [CaseState.COMPLETE], now=later(61), allowed=allowed)) == due


def test_the_most_pressing_case_is_taken_first(services: Services) -> None:
    routine = add(services, CaseState.COMPLETE, 1)
    fast = add(services, CaseState.COMPLETE, 2, Priority.FAST_TRACK)
    urgent = add(services, CaseState.COMPLETE, 3, Priority.URGENT)
    with services.sessions() as session:
        assert store.due_cases(session, [CaseState.COMPLETE], now=NOW) == [fast, urgent, routine]


def test_a_discarded_case_keeps_its_reason_and_can_be_taken_up_again(services: Services) -> None:
    case_id = add(services, CaseState.QUARANTINED)
    flow.discard(services, case_id, OTTO, "A test of the scanner.")
    with services.sessions() as session:
        case = session.get_one(Case, case_id)
        assert (case.state, case.reason) == (CaseState.DISCARDED.value, "A test of the scanner.")
        assert store.cases_of_patient(session, case.pseudonym) == []
        (entry,) = all_entries(session)
        assert (entry.actor, entry.case_id) == ("otto", case_id)
    flow.retry(services, case_id, "otto")
    with services.sessions() as session:
        assert session.get_one(Case, case_id).state == CaseState.COMPLETE.value


@pytest.mark.parametrize("state", [CaseState.READY_FOR_REVIEW, CaseState.RUNNING, CaseState.ARCHIVED])
def test_only_what_waits_for_an_operator_can_be_discarded(services: Services, state: CaseState) -> None:
    case_id = add(services, state)
    with pytest.raises(InputRejected, match="can't be discarded"):
        flow.discard(services, case_id, OTTO, "No.")


def test_a_waiting_case_overtakes_and_its_history_says_so(services: Services) -> None:
    case_id = add(services, CaseState.PSEUDONYMISED)
    flow.set_priority(services, case_id, OTTO, Priority.URGENT)
    with services.sessions() as session:
        case = store.get_case(session, case_id)
        assert case is not None
        assert (case.priority, case.state) == ("urgent", CaseState.PSEUDONYMISED.value)
        assert (case.events[-1].actor, case.events[-1].detail) == ("otto", "routine to urgent")
    running = add(services, CaseState.RUNNING, 2)
    with pytest.raises(InputRejected, match="any more"):
        flow.set_priority(services, running, OTTO, Priority.URGENT)
