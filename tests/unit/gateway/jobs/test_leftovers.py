"""Jobs without a result leave nothing in the research archive, however late their worker speaks."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from gateway.db.tables import Job
from gateway.jobs.leftovers import jobs_with_leftovers, note_withdrawn
from gateway.jobs.outcome import RetryPolicy, record_outcome, record_progress
from processing.domain.case import CaseState
from processing.domain.messages import JobOutcome, JobProgress, OutcomeStatus
from tests.unit.gateway.rows import add_case, later

Sessions = sessionmaker[Session]
LEASE_S = 60.0
ONCE = RetryPolicy(max_attempts=1, base_s=10)


def _job(sessions: Sessions, state: CaseState) -> str:
    with sessions.begin() as session:
        add_case(session, state)
        return session.scalars(select(Job)).one().job_id


def _left(sessions: Sessions, seconds: float) -> list[str]:
    with sessions() as session:
        return jobs_with_leftovers(session, now=later(seconds), job_lease_s=LEASE_S)


def _say(sessions: Sessions, job_id: str, status: OutcomeStatus, seconds: float) -> bool:
    with sessions.begin() as session:
        outcome = JobOutcome(job_id=job_id, attempt=1, status=status)
        return record_outcome(session, outcome, at=later(seconds), policy=ONCE)


def test_a_replaced_job_is_left_over_when_its_worker_has_been_silent(sessions: Sessions) -> None:
    job_id = _job(sessions, CaseState.SUPERSEDED)
    assert _left(sessions, LEASE_S - 1) == []
    assert _left(sessions, LEASE_S) == [job_id]
    with sessions.begin() as session:
        note_withdrawn(session, job_id, now=later(LEASE_S))
    assert _left(sessions, 10 * LEASE_S) == []


def test_a_worker_that_comes_late_leaves_something_over_again(sessions: Sessions) -> None:
    job_id = _job(sessions, CaseState.SUPERSEDED)
    with sessions.begin() as session:
        note_withdrawn(session, job_id, now=later(LEASE_S))
    assert not _say(sessions, job_id, OutcomeStatus.SUCCEEDED, 5 * LEASE_S)
    assert _left(sessions, 5 * LEASE_S + 1) == []
    assert _left(sessions, 6 * LEASE_S) == [job_id]


def test_a_worker_that_begins_late_and_dies_leaves_something_over_too(sessions: Sessions) -> None:
    job_id = _job(sessions, CaseState.SUPERSEDED)
    with sessions.begin() as session:
        note_withdrawn(session, job_id, now=later(LEASE_S))
        line = JobProgress(job_id=job_id, attempt=1, stage="storing the result", fraction=0.9)
        assert not record_progress(session, line, at=later(5 * LEASE_S))
    assert _left(sessions, 6 * LEASE_S) == [job_id]


def test_a_stale_attempt_does_not_speak_for_the_newer_one(sessions: Sessions) -> None:
    job_id = _job(sessions, CaseState.RUNNING)
    with sessions.begin() as session:
        session.get_one(Job, job_id).attempt = 2
    assert not _say(sessions, job_id, OutcomeStatus.SUCCEEDED, 5)
    with sessions() as session:
        assert session.get_one(Job, job_id).heard_at is None


@pytest.mark.parametrize("status", [OutcomeStatus.TRANSIENT, OutcomeStatus.DEFECT])
def test_a_job_that_was_given_up_may_have_stored_a_part(sessions: Sessions, status: OutcomeStatus) -> None:
    job_id = _job(sessions, CaseState.RUNNING)
    assert _say(sessions, job_id, status, 0)
    assert _left(sessions, LEASE_S) == [job_id]


@pytest.mark.parametrize("state", [CaseState.QUEUED, CaseState.RUNNING])
def test_a_job_that_may_still_get_a_result_and_one_that_has_it_are_left_alone(
    sessions: Sessions, state: CaseState
) -> None:
    job_id = _job(sessions, state)
    assert _left(sessions, 10 * LEASE_S) == []
    assert _say(sessions, job_id, OutcomeStatus.SUCCEEDED, 0)
    assert not _say(sessions, job_id, OutcomeStatus.SUCCEEDED, 1)
    assert _left(sessions, 10 * LEASE_S) == []
