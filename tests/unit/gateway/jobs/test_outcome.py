"""What workers say: once, twice, late, out of order, or about something unknown."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from gateway.db.tables import Case, Event, Job
from gateway.jobs.outcome import RetryPolicy, record_outcome, record_progress
from gateway.jobs.submit import order_again, relay_outbox
from gateway.jobs.sweep import order_due_again
from processing.domain.case import CaseState
from processing.domain.messages import JobOutcome, JobProgress, OutcomeStatus
from tests.unit.gateway.rows import NOW, add_case, later

Sessions = sessionmaker[Session]
POLICY = RetryPolicy(max_attempts=3, base_s=10)


@pytest.fixture
def job_id(sessions: Sessions) -> str:
    """Of a case that is queued."""
    with sessions.begin() as session:
        add_case(session, CaseState.QUEUED)
        return session.scalars(select(Job)).one().job_id


def _outcome(job_id: str, status: OutcomeStatus = OutcomeStatus.SUCCEEDED, attempt: int = 1) -> JobOutcome:
    return JobOutcome(job_id=job_id, attempt=attempt, status=status, reason="The reason.")


def _say(sessions: Sessions, message: JobOutcome | JobProgress, seconds: float = 0) -> bool:
    with sessions.begin() as session:
        if isinstance(message, JobOutcome):
            return record_outcome(session, message, at=later(seconds), policy=POLICY)
        return record_progress(session, message, at=later(seconds))


def _progress(job_id: str, fraction: float, stage: str = "register", attempt: int = 1) -> JobProgress:
    return JobProgress(job_id=job_id, attempt=attempt, stage=stage, fraction=fraction)


def _now(sessions: Sessions) -> tuple[Case, Job, int]:
    with sessions() as session:
        return (
            session.scalars(select(Case)).one(),
            session.scalars(select(Job)).one(),
            len(list(session.scalars(select(Event)))),
        )


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        (OutcomeStatus.SUCCEEDED, CaseState.READY_FOR_REVIEW, ""),
        (OutcomeStatus.REGISTRATION_FAILED, CaseState.REGISTRATION_FAILED, "The reason."),
        (OutcomeStatus.REJECTED, CaseState.QUARANTINED, "The reason."),
        (OutcomeStatus.DEFECT, CaseState.QUARANTINED, "The reason."),
    ],
)
def test_an_outcome_decides_the_state(
    sessions: Sessions, job_id: str, status: OutcomeStatus, state: CaseState, reason: str
) -> None:
    assert _say(sessions, _outcome(job_id, status), 7)
    case, job, _ = _now(sessions)
    assert (case.state, case.reason) == (state.value, reason)
    assert job.finished_at == later(7)
    assert JobOutcome.model_validate(job.outcome).status is status


@pytest.mark.parametrize("status", list(OutcomeStatus))
def test_an_outcome_that_comes_twice_counts_once(sessions: Sessions, job_id: str, status: OutcomeStatus) -> None:
    assert _say(sessions, _outcome(job_id, status))
    case, job, events = _now(sessions)
    for second in OutcomeStatus:
        if status is OutcomeStatus.TRANSIENT:
            continue
        assert not _say(sessions, _outcome(job_id, second), 5)
    case_after, job_after, events_after = _now(sessions)
    assert (case_after.state, job_after.outcome, events_after) == (case.state, job.outcome, events)


def test_an_outcome_of_another_attempt_or_an_unknown_job_is_ignored(sessions: Sessions, job_id: str) -> None:
    assert not _say(sessions, _outcome("no-such-job"))
    assert not _say(sessions, _outcome(job_id, attempt=2))
    with sessions.begin() as session:
        order_again(session, session.get_one(Job, job_id), at=NOW)
    assert not _say(sessions, _outcome(job_id, attempt=1))
    assert _now(sessions)[0].state == CaseState.QUEUED.value
    assert _say(sessions, _outcome(job_id, attempt=2))


def test_an_outcome_for_a_superseded_case_is_ignored(sessions: Sessions) -> None:
    with sessions.begin() as session:
        add_case(session, CaseState.SUPERSEDED)
    _, job, _ = _now(sessions)
    assert not _say(sessions, _outcome(job.job_id))
    assert _now(sessions)[0].state == CaseState.SUPERSEDED.value


def test_a_worker_that_is_quicker_than_the_relay_is_believed(sessions: Sessions) -> None:
    with sessions.begin() as session:
        add_case(session, CaseState.PSEUDONYMISED)
    _, job, _ = _now(sessions)
    assert _say(sessions, _progress(job.job_id, 0.1))
    assert _now(sessions)[0].state == CaseState.RUNNING.value
    assert _say(sessions, _outcome(job.job_id))
    assert _now(sessions)[0].state == CaseState.READY_FOR_REVIEW.value


def test_after_a_failure_that_outran_the_relay_only_the_next_attempt_is_sent(sessions: Sessions) -> None:
    with sessions.begin() as session:
        add_case(session, CaseState.PSEUDONYMISED)
    job_id = _now(sessions)[1].job_id
    assert _say(sessions, _outcome(job_id, OutcomeStatus.TRANSIENT))
    sent: list[int] = []
    assert relay_outbox(sessions, lambda _queue, _task, body: sent.append(body["attempt"]), now=NOW) == 0
    with sessions.begin() as session:
        assert order_due_again(session, job_id, now=later(10))
    assert relay_outbox(sessions, lambda _queue, _task, body: sent.append(body["attempt"]), now=NOW) == 1
    assert sent == [2]


def test_an_outcome_without_any_progress_is_enough(sessions: Sessions) -> None:
    with sessions.begin() as session:
        add_case(session, CaseState.PSEUDONYMISED)
    assert _say(sessions, _outcome(_now(sessions)[1].job_id))
    assert _now(sessions)[0].state == CaseState.READY_FOR_REVIEW.value


def test_progress_starts_the_case_once_and_never_goes_back(sessions: Sessions, job_id: str) -> None:
    assert _say(sessions, _progress(job_id, 0.2, "brain"), 1)
    _, _, events = _now(sessions)
    assert _say(sessions, _progress(job_id, 0.6, "register"), 2)
    assert _say(sessions, _progress(job_id, 0.4, "late line"), 3)
    case, job, events_after = _now(sessions)
    assert case.state == CaseState.RUNNING.value
    assert (job.stage, job.fraction, job.heard_at) == ("register", 0.6, later(3))
    assert events_after == events


def test_progress_after_the_end_changes_nothing(sessions: Sessions, job_id: str) -> None:
    _say(sessions, _outcome(job_id))
    assert not _say(sessions, _progress(job_id, 0.9))
    assert _now(sessions)[0].state == CaseState.READY_FOR_REVIEW.value


def test_a_transient_failure_waits_longer_each_time_and_ends_in_quarantine(sessions: Sessions, job_id: str) -> None:
    for attempt, wait in ((1, 10), (2, 20)):
        assert _say(sessions, _outcome(job_id, OutcomeStatus.TRANSIENT, attempt), 100 * attempt)
        case, job, _ = _now(sessions)
        assert (case.state, case.attempts) == (CaseState.PSEUDONYMISED.value, 0)
        assert case.not_before == later(100 * attempt + wait)
        assert job.finished_at is None
        with sessions.begin() as session:
            order_again(session, session.get_one(Job, job_id), at=NOW)
    assert _say(sessions, _outcome(job_id, OutcomeStatus.TRANSIENT, 3), 300)
    case, job, _ = _now(sessions)
    assert case.state == CaseState.QUARANTINED.value
    assert case.reason == "Given up after 3 attempts. The reason."
    assert job.finished_at == later(300)
