"""Cases, events, claims and the worklist's order."""

from __future__ import annotations

import itertools

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from gateway.db.tables import Event
from gateway.jobs import store
from processing.domain.case import TRANSITIONS, CaseEvent, CaseState, IllegalTransition
from tests.unit.gateway.rows import NOW, WAYS, add_case, later, order

Sessions = sessionmaker[Session]


@pytest.mark.parametrize(
    ("state", "event"), list(itertools.product(CaseState, CaseEvent)), ids=lambda value: value.name.lower()
)
def test_record_changes_state_and_writes_an_event_or_neither(
    sessions: Sessions, state: CaseState, event: CaseEvent
) -> None:
    with sessions.begin() as session:
        case = add_case(session, state)
        events_before = len(list(session.scalars(select(Event))))
        if (state, event) in TRANSITIONS:
            store.record(session, case, event, actor="test", detail="because", at=later(5))
            written = session.scalars(select(Event).order_by(Event.event_id.desc())).first()
            assert written is not None
            after = TRANSITIONS[state, event]
            assert case.state == after.value
            assert (written.from_state, written.to_state, written.event) == (state.value, after.value, event.value)
            assert (written.actor, written.detail, written.at) == ("test", "because", later(5))
            changed = event not in (CaseEvent.IMAGES_IGNORED, CaseEvent.PRIORITY_CHANGED)
            assert case.changed_at == (later(5) if changed else NOW)
        else:
            with pytest.raises(IllegalTransition):
                store.record(session, case, event, actor="test")
            assert case.state == state.value
            assert len(list(session.scalars(select(Event)))) == events_before


@pytest.mark.parametrize("state", list(WAYS), ids=lambda state: state.name.lower())
def test_replaying_the_events_gives_the_state(sessions: Sessions, state: CaseState) -> None:
    with sessions.begin() as session:
        case_id = add_case(session, state).case_id
    with sessions() as session:
        case = store.get_case(session, case_id)
        assert case is not None
        assert store.replay(case.events) is state
        assert case.state == state.value


def test_a_reason_stands_only_where_the_worklist_shows_one(sessions: Sessions) -> None:
    with sessions.begin() as session:
        case = add_case(session, CaseState.QUARANTINED)
        assert case.reason == "because"
        store.record(session, case, CaseEvent.RETRIED, actor="operator", detail="Tried again.")
        assert case.reason == ""


def test_a_new_step_counts_its_attempts_anew_and_a_lost_worker_does_not(sessions: Sessions) -> None:
    with sessions.begin() as session:
        case = add_case(session, CaseState.RUNNING)
        case.attempts, case.not_before = 2, later(9)
        store.record(session, case, CaseEvent.LEASE_EXPIRED, actor="sweep")
        assert (case.attempts, case.not_before) == (2, later(9))
        store.record(session, case, CaseEvent.ORDERED, actor="relay")
        store.record(session, case, CaseEvent.SUCCEEDED, actor="worker")
        assert case.attempts == 0
        assert case.not_before is None


def test_a_study_has_each_revision_once(sessions: Sessions) -> None:
    with sessions.begin() as session:
        add_case(session)
    with sessions() as session, pytest.raises(IntegrityError):
        add_case(session)


def test_only_one_owner_holds_a_case(sessions: Sessions) -> None:
    with sessions.begin() as session:
        case_id = add_case(session).case_id
    with sessions.begin() as session:
        assert store.claim(session, case_id, "first", 60, now=NOW) is not None
    with sessions.begin() as session:
        assert store.claim(session, case_id, "second", 60, now=later(59)) is None
        assert store.due_cases(session, [CaseState.RECEIVING], now=later(59)) == []
    with sessions.begin() as session:
        store.release(session, case_id, "second")
    with sessions.begin() as session:
        assert store.claim(session, case_id, "second", 60, now=later(59)) is None
        store.release(session, case_id, "first")
    with sessions.begin() as session:
        assert store.claim(session, case_id, "second", 60, now=later(59)) is not None


def test_an_expired_claim_is_taken_over_and_its_owner_notices(sessions: Sessions) -> None:
    with sessions.begin() as session:
        case_id = add_case(session).case_id
        store.claim(session, case_id, "slow", 60, now=NOW)
    with sessions.begin() as session:
        assert store.due_cases(session, [CaseState.RECEIVING], now=later(60)) == [case_id]
        taken = store.claim(session, case_id, "quick", 60, now=later(60))
        assert taken is not None
        assert store.holds(taken, "quick")
        assert not store.holds(taken, "slow")
    with sessions.begin() as session:
        assert store.claim(session, case_id, "slow", 60, now=later(61)) is None


def test_an_owner_extends_its_own_claim(sessions: Sessions) -> None:
    with sessions.begin() as session:
        case_id = add_case(session).case_id
        store.claim(session, case_id, "mine", 60, now=NOW)
        renewed = store.claim(session, case_id, "mine", 60, now=later(30))
        assert renewed is not None
        assert renewed.lease_until == later(90)


def test_a_case_in_back_off_is_not_due(sessions: Sessions) -> None:
    with sessions.begin() as session:
        case = add_case(session)
        case.not_before = later(10)
    with sessions() as session:
        assert store.due_cases(session, [CaseState.RECEIVING], now=later(9)) == []
        assert store.due_cases(session, [CaseState.RECEIVING], now=later(10)) == [case.case_id]
        assert store.due_cases(session, [CaseState.COMPLETE], now=later(10)) == []


def test_the_worklist_holds_every_case_but_replaced_ones_latest_change_first(sessions: Sessions) -> None:
    with sessions.begin() as session:
        for number, state in enumerate(CaseState):
            add_case(session, state, study_uid=f"2.25.{number}").changed_at = later(number)
    with sessions() as session:
        listed = store.worklist(session)
        assert {CaseState(case.state) for case in listed} == set(CaseState) - {CaseState.SUPERSEDED}
        assert [case.changed_at for case in listed] == sorted((case.changed_at for case in listed), reverse=True)
        assert {case.state for case in store.worklist(session, superseded=True)} == {state.value for state in CaseState}


def test_a_patient_s_studies_come_latest_first_in_their_newest_revision(sessions: Sessions) -> None:
    with sessions.begin() as session:
        add_case(session, CaseState.SUPERSEDED, study_uid="2.25.1", study_date="20220101")
        add_case(session, study_uid="2.25.1", study_date="20220101", revision=2)
        add_case(session, study_uid="2.25.2", study_date="20230101")
        add_case(session, study_uid="2.25.3", study_date="20230101", pseudonym="IV-B")
    with sessions() as session:
        found = [(case.study_uid, case.revision) for case in store.cases_of_patient(session, "IV-A")]
        assert found == [("2.25.2", 1), ("2.25.1", 2)]


def test_the_latest_job_is_the_one_ordered_last(sessions: Sessions) -> None:
    with sessions.begin() as session:
        case = add_case(session)
        assert store.latest_job(case) is None
        first = order(session, case, at=NOW)
        second = order(session, case, at=NOW)
        session.refresh(case)
        latest = store.latest_job(case)
        assert latest is not None
        assert latest.job_id == second.job_id != first.job_id
