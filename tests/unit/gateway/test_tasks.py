"""The border of the background process: every exception becomes an event or a line, and the process goes on."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError

from gateway import flow, tasks
from gateway.db.tables import Case
from gateway.flow import Services
from processing.domain.case import CaseState
from processing.domain.errors import Transient
from processing.domain.messages import GATEWAY_QUEUE, OUTCOME_TASK, PROGRESS_TASK
from tests.unit.gateway.flow.conftest import services, services_of_nowhere
from tests.unit.gateway.rows import add_case

__all__ = ["services", "services_of_nowhere"]


@pytest.fixture
def live(services: Services, monkeypatch: pytest.MonkeyPatch) -> Services:
    """These services are the process's own."""
    monkeypatch.setattr(tasks, "services", lambda: services)
    return services


def _states(services: Services) -> dict[str, tuple[str, str]]:
    with services.sessions() as session:
        return {case.study_uid: (case.state, case.reason) for case in session.query(Case)}


def test_an_unexpected_error_becomes_an_event_of_its_case_and_the_next_case_is_taken_on(
    live: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    with live.sessions.begin() as session:
        bad = add_case(session, CaseState.COMPLETE, study_uid="2.25.1").case_id
        good = add_case(session, CaseState.COMPLETE, study_uid="2.25.2").case_id
    taken = []

    def prepare(_: Services, case_id: str) -> bool:
        taken.append(case_id)
        if case_id == bad:
            raise ZeroDivisionError("Tse^Mei Ling")
        return True

    monkeypatch.setattr(flow, "prepare", prepare)
    tasks.prepare()
    assert taken == [bad, good]
    assert _states(live) == {
        "2.25.1": (CaseState.QUARANTINED.value, tasks.UNEXPECTED),
        "2.25.2": (CaseState.COMPLETE.value, ""),
    }


@pytest.mark.parametrize("error", [Transient("away"), ZeroDivisionError(), OperationalError("", {}, Exception())])
def test_a_step_that_fails_is_run_again_at_the_next_tick(
    live: Services, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    calls = []

    def sweep_up(_: Services) -> None:
        calls.append(1)
        raise error

    monkeypatch.setattr(flow, "sweep_up", sweep_up)
    tasks.sweep()
    tasks.sweep()
    assert len(calls) == 2


def test_a_step_never_runs_twice_at_a_time(live: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def sweep_up(_: Services) -> None:
        calls.append(1)
        tasks.sweep()

    monkeypatch.setattr(flow, "sweep_up", sweep_up)
    tasks.sweep()
    assert len(calls) == 1


@pytest.mark.parametrize("message", [{}, {"nonsense": 1}, {"job_id": "j", "attempt": "x", "stage": 1, "fraction": 0}])
def test_nonsense_on_the_queue_ends_nothing(live: Services, message: dict[str, object]) -> None:
    tasks.app.tasks[PROGRESS_TASK](message)
    tasks.app.tasks[OUTCOME_TASK](message)
    assert _states(live) == {}


def test_every_periodic_task_is_short_lived_on_the_gateway_s_queue() -> None:
    schedule = tasks.app.conf.beat_schedule
    assert {"gateway.receive", "gateway.prepare", "gateway.relay", "gateway.dispatch", "gateway.sweep"} <= set(schedule)
    for name, entry in schedule.items():
        assert name in tasks.app.tasks
        assert 0 < entry["options"]["expires"] <= 2 * max(entry["schedule"], 1)
    assert tasks.app.conf.task_default_queue == GATEWAY_QUEUE


def test_messages_are_acknowledged_late_and_are_json_only() -> None:
    conf = tasks.app.conf
    assert (conf.task_acks_late, conf.task_reject_on_worker_lost, conf.worker_prefetch_multiplier) == (True, True, 1)
    assert (conf.task_serializer, list(conf.accept_content)) == ("json", ["json"])
