"""The border of the background process: every exception becomes an event or a line, and the process goes on."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from gateway import flow, tasks
from gateway.clock import Clock
from gateway.db.tables import Case
from gateway.flow import Services
from gateway.queues import app
from gateway.settings import Settings
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
    assert sorted(taken) == sorted([bad, good])
    assert _states(live) == {
        "2.25.1": (CaseState.QUARANTINED.value, tasks.UNEXPECTED),
        "2.25.2": (CaseState.COMPLETE.value, ""),
    }


def test_a_process_that_starts_before_its_database_waits_for_it_and_says_so(live: Services, tmp_path: Path) -> None:
    away = tmp_path / "not mounted yet"
    settings = Settings.model_validate(
        live.settings.model_dump() | {"database_url": f"sqlite:///{away / 'gateway.db'}"}
    )
    assert "waited for" in Clock().why_still()
    starting = threading.Thread(target=tasks._open_database, args=(settings,))
    starting.start()
    starting.join(2.0)
    assert starting.is_alive()
    away.mkdir()
    starting.join(60)
    assert not starting.is_alive()
    assert (away / "gateway.db").stat().st_size > 0


def test_several_studies_are_prepared_at_once_and_each_only_once(
    live: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    with live.sessions.begin() as session:
        cases = [
            add_case(session, CaseState.COMPLETE, study_uid=f"2.25.{number}").case_id
            for number in range(tasks.PREPARED_AT_ONCE)
        ]
    together = threading.Barrier(tasks.PREPARED_AT_ONCE, timeout=60)
    taken = []

    def prepare(_: Services, case_id: str) -> bool:
        together.wait()
        taken.append(case_id)
        return True

    monkeypatch.setattr(flow, "prepare", prepare)
    tasks.prepare()
    assert sorted(taken) == sorted(cases)


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


def test_the_clock_runs_each_step_again_and_again_and_never_twice_at_a_time(live: Services) -> None:
    clock = Clock()
    running, most, slow, quick = 0, 0, threading.Event(), threading.Semaphore(0)

    def lasting(_: Services) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        slow.wait(60)
        running -= 1

    def failing(_: Services) -> None:
        quick.release()
        raise ZeroDivisionError

    clock.steps += [tasks.Periodic("lasting", 0.001, lasting), tasks.Periodic("failing", 0.001, failing)]
    clock.start()
    assert clock.why_still() == ""
    # The failing one goes on though it fails and the other one hangs.
    assert all(quick.acquire(timeout=60) for _ in range(5))
    slow.set()
    clock.stop()
    assert (running, most) == (0, 1)
    assert clock.why_still() == "It has stopped."
    while quick.acquire(blocking=False):
        pass
    assert not quick.acquire(timeout=0.05)


@pytest.mark.parametrize("message", [{}, {"nonsense": 1}, {"job_id": "j", "attempt": "x", "stage": 1, "fraction": 0}])
def test_nonsense_on_the_queue_ends_nothing(live: Services, message: dict[str, object]) -> None:
    app.tasks[PROGRESS_TASK](message)
    app.tasks[OUTCOME_TASK](message)
    assert _states(live) == {}


def test_the_steps_need_no_broker_and_the_messages_have_a_queue_of_their_own() -> None:
    steps = {step.name for step in tasks.clock.steps}
    assert {"gateway.receive", "gateway.prepare", "gateway.relay", "gateway.dispatch", "gateway.sweep"} <= steps
    assert not steps & set(app.tasks)
    assert {PROGRESS_TASK, OUTCOME_TASK} <= set(app.tasks)
    assert app.conf.task_default_queue == GATEWAY_QUEUE


def test_messages_are_acknowledged_late_and_are_json_only() -> None:
    conf = app.conf
    assert (conf.task_acks_late, conf.task_reject_on_worker_lost, conf.worker_prefetch_multiplier) == (True, True, 1)
    assert (conf.task_serializer, list(conf.accept_content)) == ("json", ["json"])
