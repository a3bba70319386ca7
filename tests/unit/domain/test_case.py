"""The transition table, written down a second time by hand: a change of it must be meant."""

from __future__ import annotations

import itertools

import pytest

from processing.domain.case import TRANSITIONS, CaseEvent, CaseState, IllegalTransition, next_state
from processing.domain.errors import Defect

# One line for each state: what may happen, and where it leads.
EXPECTED = """
RECEIVING            IMAGES_RECEIVED>RECEIVING QUIET>COMPLETE FAILED>QUARANTINED
COMPLETE             IMAGES_RECEIVED>RECEIVING NOT_USABLE>NOT_ROUTED PRIOR_INCOMPLETE>WAITING_FOR_PRIOR
COMPLETE             PRIOR_MISSING>BASELINE PSEUDONYMISED>PSEUDONYMISED FAILED>QUARANTINED
WAITING_FOR_PRIOR    IMAGES_RECEIVED>RECEIVING PRIOR_FOUND>COMPLETE PRIOR_SEARCHED>COMPLETE RETRIED>COMPLETE
BASELINE             IMAGES_RECEIVED>RECEIVING PRIOR_FOUND>COMPLETE RETRIED>COMPLETE
PSEUDONYMISED        ORDERED>QUEUED FAILED>QUARANTINED SUPERSEDED>SUPERSEDED
QUEUED               STARTED>RUNNING LEASE_EXPIRED>PSEUDONYMISED SUCCEEDED>READY_FOR_REVIEW FAILED>QUARANTINED
QUEUED               REGISTRATION_FAILED>REGISTRATION_FAILED SUPERSEDED>SUPERSEDED
RUNNING              STARTED>RUNNING LEASE_EXPIRED>PSEUDONYMISED SUCCEEDED>READY_FOR_REVIEW FAILED>QUARANTINED
RUNNING              REGISTRATION_FAILED>REGISTRATION_FAILED SUPERSEDED>SUPERSEDED
READY_FOR_REVIEW     SIGNED>SIGNED SUPERSEDED>SUPERSEDED SECOND_READING_ASKED>SECOND_READING
SECOND_READING       SIGNED>SIGNED SUPERSEDED>SUPERSEDED IMAGES_IGNORED>SECOND_READING
SIGNED               DISPATCH_STARTED>DISPATCHING FAILED>QUARANTINED SUPERSEDED>SUPERSEDED
DISPATCHING          DISPATCH_STARTED>DISPATCHING DELIVERED>ARCHIVED FAILED>QUARANTINED SUPERSEDED>SUPERSEDED
ARCHIVED             SUPERSEDED>SUPERSEDED COMPARISON_OUTDATED>ARCHIVED REOPENED>READY_FOR_REVIEW
NOT_ROUTED           IMAGES_RECEIVED>RECEIVING RETRIED>COMPLETE
REGISTRATION_FAILED  RETRIED>COMPLETE SUPERSEDED>SUPERSEDED
QUARANTINED          IMAGES_RECEIVED>RECEIVING RETRIED>COMPLETE SIGNED>SIGNED SUPERSEDED>SUPERSEDED
RECEIVING            IMAGES_IGNORED>RECEIVING PRIORITY_CHANGED>RECEIVING
COMPLETE             IMAGES_IGNORED>COMPLETE PRIORITY_CHANGED>COMPLETE
WAITING_FOR_PRIOR    IMAGES_IGNORED>WAITING_FOR_PRIOR PRIORITY_CHANGED>WAITING_FOR_PRIOR
BASELINE             IMAGES_IGNORED>BASELINE PRIORITY_CHANGED>BASELINE
PSEUDONYMISED        IMAGES_IGNORED>PSEUDONYMISED PRIORITY_CHANGED>PSEUDONYMISED
QUEUED               IMAGES_IGNORED>QUEUED
RUNNING              IMAGES_IGNORED>RUNNING
READY_FOR_REVIEW     IMAGES_IGNORED>READY_FOR_REVIEW
SIGNED               IMAGES_IGNORED>SIGNED
DISPATCHING          IMAGES_IGNORED>DISPATCHING
ARCHIVED             IMAGES_IGNORED>ARCHIVED
NOT_ROUTED           IMAGES_IGNORED>NOT_ROUTED DISCARDED>DISCARDED
REGISTRATION_FAILED  IMAGES_IGNORED>REGISTRATION_FAILED DISCARDED>DISCARDED
QUARANTINED          IMAGES_IGNORED>QUARANTINED DISCARDED>DISCARDED
DISCARDED            IMAGES_RECEIVED>RECEIVING RETRIED>COMPLETE SIGNED>SIGNED SUPERSEDED>SUPERSEDED
DISCARDED            IMAGES_IGNORED>DISCARDED
"""


def _expected() -> dict[tuple[CaseState, CaseEvent], CaseState]:
    table = {}
    for line in EXPECTED.strip().splitlines():
        state, *ways = line.split()
        for way in ways:
            event, after = way.split(">")
            table[CaseState[state], CaseEvent[event]] = CaseState[after]
    return table


@pytest.mark.parametrize(
    ("state", "event"), list(itertools.product(CaseState, CaseEvent)), ids=lambda value: value.name.lower()
)
def test_every_pair_of_state_and_event(state: CaseState, event: CaseEvent) -> None:
    after = _expected().get((state, event))
    if after is not None:
        assert next_state(state, event) is after
        return
    with pytest.raises(IllegalTransition) as refused:
        next_state(state, event)
    assert state.value in refused.value.reason
    assert event.value in refused.value.reason


def test_an_illegal_transition_is_interval_s_own_fault() -> None:
    assert issubclass(IllegalTransition, Defect)


def test_every_state_is_reached_from_the_first() -> None:
    reached = {CaseState.RECEIVING}
    while True:
        further = {after for (before, _), after in TRANSITIONS.items() if before in reached} | reached
        if further == reached:
            break
        reached = further
    assert reached == set(CaseState)


def test_only_a_superseded_case_is_over_for_good() -> None:
    with_a_way_on = {before for before, _ in TRANSITIONS}
    assert set(CaseState) - with_a_way_on == {CaseState.SUPERSEDED}


def test_late_images_either_reopen_a_case_or_supersede_it() -> None:
    # Quarantine has both ways: it keeps cases of which nothing was computed, and results and signatures too.
    for state in set(CaseState) - {CaseState.SUPERSEDED, CaseState.QUARANTINED, CaseState.DISCARDED}:
        reopened = (state, CaseEvent.IMAGES_RECEIVED) in TRANSITIONS
        superseded = (state, CaseEvent.SUPERSEDED) in TRANSITIONS
        assert reopened != superseded, state


def test_nothing_is_delivered_that_no_reader_signed() -> None:
    into_dispatching = {before for (before, _), after in TRANSITIONS.items() if after is CaseState.DISPATCHING}
    into_signed = {
        event
        for (before, event), after in TRANSITIONS.items()
        if after is CaseState.SIGNED and before is not CaseState.SIGNED
    }
    assert into_dispatching == {CaseState.SIGNED, CaseState.DISPATCHING}
    assert into_signed == {CaseEvent.SIGNED}
