"""Workers that fell silent, and long queues that are no reason for alarm."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from gateway.db.tables import Case, Job, OutboxMessage
from gateway.jobs import sweep
from gateway.jobs.outcome import RetryPolicy, record_progress
from gateway.jobs.submit import relay_outbox
from processing.domain.case import CaseState
from processing.domain.messages import JobOrder, JobProgress
from processing.domain.priority import Priority
from tests.unit.gateway.rows import add_case, later

Sessions = sessionmaker[Session]
LEASE_S = 900.0
POLICY = RetryPolicy(max_attempts=2, base_s=10)


def _queued(sessions: Sessions, number: int = 1, at: float = 0) -> str:
    with sessions.begin() as session:
        case = add_case(session, CaseState.PSEUDONYMISED, study_uid=f"2.25.{number}", at=later(at))
        job_id = session.scalars(select(Job.job_id).where(Job.case_id == case.case_id)).one()
    relay_outbox(sessions, lambda *_: None, now=later(at))
    return job_id


def _hear(sessions: Sessions, job_id: str, at: float) -> None:
    with sessions.begin() as session:
        line = JobProgress(job_id=job_id, attempt=1, stage="register", fraction=0.5)
        assert record_progress(session, line, at=later(at))


def _lost(sessions: Sessions, at: float) -> list[str]:
    with sessions() as session:
        return sweep.lost_jobs(session, now=later(at), job_lease_s=LEASE_S)


def test_a_running_job_is_lost_when_its_worker_is_silent_for_the_lease(sessions: Sessions) -> None:
    job_id = _queued(sessions)
    _hear(sessions, job_id, 100)
    assert _lost(sessions, 999) == []
    assert _lost(sessions, 1000) == [job_id]
    _hear(sessions, job_id, 990)
    assert _lost(sessions, 1000) == []


def test_a_queued_job_is_lost_when_nobody_says_anything_at_all(sessions: Sessions) -> None:
    job_id = _queued(sessions)
    assert _lost(sessions, 899) == []
    assert _lost(sessions, 900) == [job_id]


def test_a_job_in_a_long_queue_is_not_lost_while_workers_work(sessions: Sessions) -> None:
    first, second = _queued(sessions, 1), _queued(sessions, 2, at=1)
    _hear(sessions, first, 1500)
    assert _lost(sessions, 2000) == []
    _hear(sessions, second, 1900)
    assert _lost(sessions, 2000) == []


def test_a_queued_job_that_was_overtaken_is_lost(sessions: Sessions) -> None:
    overtaken, later_one = _queued(sessions, 1), _queued(sessions, 2, at=1)
    _hear(sessions, later_one, 1000)
    assert _lost(sessions, 1100) == [overtaken]


def test_a_job_that_is_ordered_again_waits_behind_those_that_came_meanwhile(sessions: Sessions) -> None:
    again, running = _queued(sessions, 1), _queued(sessions, 2, at=1)
    with sessions.begin() as session:
        assert sweep.give_up_attempt(session, again, now=later(900), job_lease_s=LEASE_S, policy=POLICY)
    with sessions.begin() as session:
        assert sweep.order_due_again(session, again, now=later(910))
    relay_outbox(sessions, lambda *_: None, now=later(911))
    _hear(sessions, running, 1900)
    assert _lost(sessions, 2000) == []


def test_the_fast_track_overtakes_nobody(sessions: Sessions) -> None:
    routine, fast = _queued(sessions, 1), _queued(sessions, 2, at=1)
    with sessions.begin() as session:
        session.scalars(select(Case).where(Case.study_uid == "2.25.2")).one().priority = Priority.FAST_TRACK.value
    _hear(sessions, fast, 1000)
    assert _lost(sessions, 1100) == []
    assert routine != fast


def test_a_lost_job_is_ordered_again_after_its_back_off_and_given_up_at_last(sessions: Sessions) -> None:
    job_id = _queued(sessions)

    def give_up(at: float) -> bool:
        with sessions.begin() as session:
            return sweep.give_up_attempt(session, job_id, now=later(at), job_lease_s=LEASE_S, policy=POLICY)

    def due(at: float) -> list[str]:
        with sessions() as session:
            return sweep.jobs_to_order_again(session, now=later(at))

    assert not give_up(100)
    assert give_up(900)
    assert not give_up(900)
    assert due(909) == []
    assert due(910) == [job_id]
    with sessions.begin() as session:
        assert sweep.order_due_again(session, job_id, now=later(910))
    assert due(911) == []
    with sessions() as session:
        waiting = [JobOrder.model_validate(row.body).attempt for row in session.scalars(select(OutboxMessage))]
        assert waiting == [1, 2]
        case = session.scalars(select(Case)).one()
        assert (case.state, case.attempts) == (CaseState.PSEUDONYMISED.value, 0)


def test_the_last_attempt_ends_in_quarantine_with_the_reason(sessions: Sessions) -> None:
    job_id = _queued(sessions)
    with sessions.begin() as session:
        session.get_one(Job, job_id).attempt = 2
    with sessions.begin() as session:
        assert sweep.give_up_attempt(session, job_id, now=later(900), job_lease_s=LEASE_S, policy=POLICY)
    with sessions() as session:
        case = session.scalars(select(Case)).one()
        assert case.state == CaseState.QUARANTINED.value
        assert case.reason == "Given up after 2 attempts. The worker that had this job fell silent."
    assert _lost(sessions, 5000) == []
