from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.review.order import NEEDS_OPERATOR, Urgency, worklist_order
from processing.domain.case import TRANSITIONS, CaseEvent, CaseState
from processing.domain.priority import Priority
from tests.unit.gateway.front import NOON

EARLIER = NOON - timedelta(hours=1)


def test_groups_come_in_the_order_of_what_a_reader_can_do() -> None:
    states = [
        CaseState.READY_FOR_REVIEW,
        CaseState.RUNNING,
        CaseState.WAITING_FOR_PRIOR,
        CaseState.QUARANTINED,
        CaseState.DISPATCHING,
        CaseState.ARCHIVED,
    ]
    cases = [Urgency(state.value, state, 0, NOON) for state in reversed(states)]
    assert worklist_order(cases) == [state.value for state in states]


def test_ready_cases_with_more_new_lesions_come_first_then_the_newest() -> None:
    ready = CaseState.READY_FOR_REVIEW
    cases = [
        Urgency("one, early", ready, 1, EARLIER),
        Urgency("none, now", ready, 0, NOON),
        Urgency("three, early", ready, 3, EARLIER),
        Urgency("one, now", ready, 1, NOON),
    ]
    assert worklist_order(cases) == ["three, early", "one, now", "one, early", "none, now"]


def test_what_the_detectors_disagree_about_moves_a_case_up() -> None:
    ready = CaseState.READY_FOR_REVIEW
    cases = [
        Urgency("two agreed", ready, 2, NOON),
        Urgency("two disputed", ready, 2, EARLIER, disputed_lesions=2),
        Urgency("three agreed", ready, 3, NOON),
        Urgency("a growing one disputed", ready, 0, EARLIER, disputed_lesions=1),
        Urgency("nothing", ready, 0, NOON),
    ]
    assert worklist_order(cases) == [
        "two disputed",
        "three agreed",
        "two agreed",
        "a growing one disputed",
        "nothing",
    ]


def test_lesions_do_not_reorder_what_is_archived() -> None:
    cases = [
        Urgency("many, early", CaseState.ARCHIVED, 9, EARLIER),
        Urgency("none, now", CaseState.ARCHIVED, 0, NOON),
    ]
    assert worklist_order(cases) == ["none, now", "many, early"]


@pytest.mark.parametrize("state", list(CaseState))
def test_every_state_has_its_place(state: CaseState) -> None:
    assert worklist_order([Urgency("a", state, 0, NOON)]) == ["a"]


def test_what_an_operator_sees_as_failed_can_be_retried() -> None:
    retried = {state for state, event in TRANSITIONS if event is CaseEvent.RETRIED}
    assert retried >= NEEDS_OPERATOR


def test_risk_comes_before_the_number_of_lesions() -> None:
    ready = CaseState.READY_FOR_REVIEW
    cases = [
        Urgency("many", ready, 9, NOON),
        Urgency("two alarms", ready, 0, EARLIER, alarms=2),
        Urgency("one alarm, many", ready, 9, NOON, alarms=1),
        Urgency("on the table", ready, 0, EARLIER, priority=Priority.FAST_TRACK),
        Urgency("urgent", CaseState.SECOND_READING, 0, EARLIER, priority=Priority.URGENT),
    ]
    assert worklist_order(cases) == ["on the table", "urgent", "two alarms", "one alarm, many", "many"]
