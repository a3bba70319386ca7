"""Orders and the outbox: written together or not at all, sent at least once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from gateway.db.tables import Case, Event, Job, OutboxMessage
from gateway.jobs import store, submit
from gateway.jobs.gates import Mode, turn
from processing.domain.case import CaseEvent, CaseState
from processing.domain.errors import Transient
from processing.domain.messages import FAST_TRACK_QUEUE, PIPELINE_QUEUE, RUN_JOB_TASK, JobOrder
from processing.domain.priority import Priority
from tests.unit.gateway.rows import NOW, add_case, later, order

Sessions = sessionmaker[Session]


class Broker:
    """Takes messages, or is away."""

    def __init__(self) -> None:
        self.away = False
        self.messages: list[tuple[str, str, JobOrder]] = []

    def __call__(self, queue: str, task: str, body: Mapping[str, Any]) -> None:
        if self.away:
            raise Transient("The message broker can't be reached.")
        self.messages.append((queue, task, JobOrder.model_validate(body)))


class Killed(BaseException):
    """Stands for the end of the process at this very line."""


def _pseudonymised(sessions: Sessions) -> str:
    with sessions.begin() as session:
        return add_case(session, CaseState.PSEUDONYMISED).case_id


def _state(sessions: Sessions, case_id: str) -> CaseState:
    with sessions() as session:
        return CaseState(session.get_one(Case, case_id).state)


def test_a_kill_before_the_commit_leaves_neither_state_nor_job_nor_message(sessions: Sessions) -> None:
    with sessions.begin() as session:
        case_id = add_case(session, CaseState.COMPLETE).case_id

    def prepare_and_die() -> None:
        with sessions.begin() as session:
            case = session.get_one(Case, case_id)
            store.record(session, case, CaseEvent.PSEUDONYMISED, actor="prepare")
            order(session, case)
            session.flush()
            raise Killed

    with pytest.raises(Killed):
        prepare_and_die()
    with sessions() as session:
        assert session.get_one(Case, case_id).state == CaseState.COMPLETE.value
        assert list(session.scalars(select(Job))) == []
        assert list(session.scalars(select(OutboxMessage))) == []
        assert {event.event for event in session.scalars(select(Event))} == {"images received", "no further images"}


def test_the_relay_sends_the_order_and_the_case_is_queued(sessions: Sessions) -> None:
    case_id, broker = _pseudonymised(sessions), Broker()
    assert submit.relay_outbox(sessions, broker, now=NOW) == 1
    (queue, task, sent), *rest = broker.messages
    assert (queue, task, sent.case_id, sent.attempt) == (PIPELINE_QUEUE, RUN_JOB_TASK, case_id, 1)
    assert rest == []
    assert _state(sessions, case_id) is CaseState.QUEUED
    assert submit.relay_outbox(sessions, broker, now=NOW) == 0
    assert len(broker.messages) == 1


def test_nothing_is_lost_while_the_broker_is_away(sessions: Sessions) -> None:
    case_id, broker = _pseudonymised(sessions), Broker()
    broker.away = True
    with pytest.raises(Transient):
        submit.relay_outbox(sessions, broker, now=NOW)
    assert _state(sessions, case_id) is CaseState.PSEUDONYMISED
    broker.away = False
    assert submit.relay_outbox(sessions, broker, now=NOW) == 1
    assert _state(sessions, case_id) is CaseState.QUEUED


def test_a_relay_that_dies_after_sending_sends_the_same_order_again(sessions: Sessions) -> None:
    case_id, broker = _pseudonymised(sessions), Broker()

    def send_and_die(queue: str, task: str, body: Mapping[str, Any]) -> None:
        broker(queue, task, body)
        raise Killed

    with pytest.raises(Killed):
        submit.relay_outbox(sessions, send_and_die, now=NOW)
    submit.relay_outbox(sessions, broker, now=NOW)
    first, second = broker.messages
    assert first == second
    assert _state(sessions, case_id) is CaseState.QUEUED


@pytest.mark.parametrize("event", [CaseEvent.SUPERSEDED, CaseEvent.ORDERED])
def test_an_order_that_nobody_waits_for_is_dropped(sessions: Sessions, event: CaseEvent) -> None:
    case_id, broker = _pseudonymised(sessions), Broker()
    with sessions.begin() as session:
        store.record(session, session.get_one(Case, case_id), event, actor="test")
    assert submit.relay_outbox(sessions, broker, now=NOW) == 0
    assert broker.messages == []
    with sessions() as session:
        assert list(session.scalars(select(OutboxMessage).where(OutboxMessage.sent_at.is_(None)))) == []


def test_only_the_latest_attempt_is_sent(sessions: Sessions) -> None:
    case_id, broker = _pseudonymised(sessions), Broker()
    with sessions.begin() as session:
        submit.order_again(session, session.scalars(select(Job)).one(), at=NOW)
    submit.relay_outbox(sessions, broker, now=NOW)
    assert [sent.attempt for _, _, sent in broker.messages] == [2]
    assert _state(sessions, case_id) is CaseState.QUEUED


def test_attempts_share_a_job_id_and_new_jobs_have_their_own(sessions: Sessions) -> None:
    with sessions.begin() as session:
        case = add_case(session)
        first = order(session, case, at=NOW)
        again = submit.order_again(session, session.get_one(Job, first.job_id), at=NOW)
        second = order(session, case, at=later(1))
        other = order(session, add_case(session, study_uid="2.25.2"), at=NOW)
        assert (again.job_id, again.attempt) == (first.job_id, 2)
        assert len({first.job_id, second.job_id, other.job_id}) == 3
        assert second.attempt == 1
        assert session.get_one(Job, first.job_id).finished_at == later(1)
        assert session.get_one(Job, second.job_id).finished_at is None


def _second(sessions: Sessions, number: int, priority: Priority = Priority.ROUTINE) -> str:
    with sessions.begin() as session:
        case = add_case(session, CaseState.PSEUDONYMISED, study_uid=f"2.25.{number}")
        case.priority = priority.value
        return case.case_id


@pytest.mark.parametrize("poison", [{"task": "unknown.task"}, {"body": {"nonsense": True}}, {"body": {}}])
def test_a_message_that_nobody_understands_stops_none_behind_it(sessions: Sessions, poison: dict[str, Any]) -> None:
    bad, good, broker = _pseudonymised(sessions), _second(sessions, 2), Broker()
    with sessions.begin() as session:
        first = session.scalars(select(OutboxMessage).order_by(OutboxMessage.message_id)).first()
        assert first is not None
        for column, value in poison.items():
            setattr(first, column, value if column == "task" else value | {"case_id": bad})
    assert submit.relay_outbox(sessions, broker, now=NOW) == 1
    assert [sent.case_id for _, _, sent in broker.messages] == [good]
    assert _state(sessions, bad) is CaseState.QUARANTINED
    assert submit.relay_outbox(sessions, broker, now=NOW) == 0


def test_the_most_pressing_go_first_and_the_fast_track_has_a_queue_of_its_own(sessions: Sessions) -> None:
    routine = _pseudonymised(sessions)
    urgent, fast = _second(sessions, 2, Priority.URGENT), _second(sessions, 3, Priority.FAST_TRACK)
    broker = Broker()
    submit.relay_outbox(sessions, broker, now=NOW)
    assert [(queue, sent.case_id, sent.priority) for queue, _, sent in broker.messages] == [
        (FAST_TRACK_QUEUE, fast, Priority.FAST_TRACK),
        (PIPELINE_QUEUE, urgent, Priority.URGENT),
        (PIPELINE_QUEUE, routine, Priority.ROUTINE),
    ]


def test_what_waited_for_long_waits_behind_nothing_urgent_any_more(sessions: Sessions) -> None:
    routine, urgent, broker = _pseudonymised(sessions), _second(sessions, 2, Priority.URGENT), Broker()
    now = NOW + submit.LONGEST_ROUTINE_WAIT + timedelta(seconds=1)
    submit.relay_outbox(sessions, broker, now=now)
    assert [sent.case_id for _, _, sent in broker.messages] == [routine, urgent]


def test_the_broker_gets_no_more_than_there_is_room_for(sessions: Sessions) -> None:
    first, _ = _pseudonymised(sessions), _second(sessions, 2)
    fast, broker = _second(sessions, 3, Priority.FAST_TRACK), Broker()
    assert submit.relay_outbox(sessions, broker, now=NOW, room=lambda _: 1) == 2
    assert {sent.case_id for _, _, sent in broker.messages} == {first, fast}
    assert submit.relay_outbox(sessions, broker, now=NOW, room=lambda _: 0) == 0


@pytest.mark.parametrize(("mode", "sent"), [(Mode.PAUSED, 0), (Mode.DRAINING, 1), (Mode.OPEN, 2)])
def test_a_gate_stops_what_it_shall(sessions: Sessions, mode: Mode, sent: int) -> None:
    _pseudonymised(sessions)
    with sessions.begin() as session:
        turn(session, PIPELINE_QUEUE, mode, actor="otto", reason="", at=NOW)
        add_case(session, CaseState.PSEUDONYMISED, study_uid="2.25.2", at=later(1))
    assert submit.relay_outbox(sessions, Broker(), now=later(2)) == sent
