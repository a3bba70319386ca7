"""Figures out of the database, the dashboard that shows them, and the small server that gives them away."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from gateway.db.tables import Review, User
from gateway.flow import Services
from gateway.jobs import store
from gateway.metrics import steps
from gateway.metrics.figures import DatabaseFigures, plain_reason
from processing.domain.case import CaseEvent, CaseState
from processing.exposition import Exposition
from processing.worker import metrics as of_worker
from tests.unit.gateway.rows import NOW, add_case, later

DASHBOARD = Path("deploy/grafana/interval.json")


@pytest.fixture
def live(services: Services) -> Services:
    return replace(services, clock=lambda: later(600))


@pytest.fixture
def registry(live: Services) -> CollectorRegistry:
    made = CollectorRegistry()
    made.register(DatabaseFigures(live, lambda: {"broker": "The broker does not answer.", "database": ""}))
    return made


def _value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


def test_cases_are_counted_by_state_with_the_age_of_the_oldest(live: Services, registry: CollectorRegistry) -> None:
    with live.sessions.begin() as session:
        add_case(session, CaseState.QUEUED, at=NOW)
        add_case(session, CaseState.QUEUED, study_uid="2.25.2", at=later(300))
        add_case(session, CaseState.ARCHIVED, study_uid="2.25.3")
    assert _value(registry, "interval_cases", state="queued") == 2
    assert _value(registry, "interval_cases", state="running") == 0
    assert _value(registry, "interval_oldest_case_seconds", state="queued") == 600
    assert _value(registry, "interval_oldest_case_seconds", state="archived") is None
    assert _value(registry, "interval_queue_under_way", queue="pipelines") == 2
    assert _value(registry, "interval_outbox_waiting") == 3
    assert _value(registry, "interval_outbox_oldest_seconds") == 600
    assert _value(registry, "interval_component_ready", component="broker") == 0
    assert _value(registry, "interval_component_ready", component="database") == 1


def test_failures_are_counted_by_reason_without_numbers(live: Services, registry: CollectorRegistry) -> None:
    with live.sessions.begin() as session:
        for number, words in enumerate(("3 slices are missing.", "17 slices are missing.", "Möller^Ida is odd.")):
            case = add_case(session, CaseState.COMPLETE, study_uid=f"2.25.{number}")
            store.record(session, case, CaseEvent.FAILED, actor="prepare", detail=words)
    assert _value(registry, "interval_failures", step="prepare", reason="N slices are missing.") == 2
    assert _value(registry, "interval_failures", step="prepare", reason="other") == 1


@pytest.mark.parametrize("odd", ["Tse^Mei", "päd", "a/b=c", "x" * 161])
def test_an_odd_reason_is_not_repeated(odd: str) -> None:
    assert plain_reason(odd) == "other"
    assert plain_reason("UID 1.2.840.10008 is 12 mm away.") == "UID N is N mm away."


def test_signed_results_are_counted_by_acceptance(live: Services, registry: CollectorRegistry) -> None:
    with live.sessions.begin() as session:
        session.add(User(user_name="anna", display_name="Anna", role="reader", password_hash="-"))
        for number, acceptance in enumerate(("acceptable", "acceptable", "unacceptable")):
            case = add_case(session, CaseState.SIGNED, study_uid=f"2.25.{number}")
            case.pipeline, case.version = "ms_longitudinal", "1.0.0"
            session.refresh(case)
            (job,) = case.jobs
            session.add(Review(job_id=job.job_id, acceptance=acceptance, signed_at=NOW, reader="anna", verdicts={}))
    facts = {"pipeline": "ms_longitudinal", "version": "1.0.0"}
    assert _value(registry, "interval_signed_results", acceptance="acceptable", **facts) == 2
    assert _value(registry, "interval_signed_results", acceptance="unacceptable", **facts) == 1


def test_a_database_that_is_away_is_a_figure_too(live: Services, registry: CollectorRegistry) -> None:
    assert _value(registry, "interval_database_up") == 1
    with live.engine.begin() as connection:
        connection.execute(text("DROP TABLE gates"))
    assert _value(registry, "interval_database_up") == 0


def test_a_step_that_fails_is_counted_and_still_fails() -> None:
    def failures() -> float:
        return _value(steps.registry, "interval_step_failures_total", step="test", error="KeyError") or 0.0

    before = failures()
    with pytest.raises(KeyError), steps.timed("test"):
        raise KeyError
    assert failures() == before + 1


def _names(*registries: CollectorRegistry) -> set[str]:
    return {
        name
        for registry in registries
        for family in registry.collect()
        for name in (family.name, *(f"{family.name}_{suffix}" for suffix in ("bucket", "count", "sum", "total")))
    }


def test_every_metric_of_the_dashboard_exists(registry: CollectorRegistry) -> None:
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    queries = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    named = {name for query in queries for name in re.findall(r"interval_\w+", query)}
    there = _names(registry, steps.registry, of_worker.registry)
    assert len(named) > 20
    assert named - there == set()
    own = {family.name for each in (registry, steps.registry, of_worker.registry) for family in each.collect()}
    assert {name for name in own if not any(name in query for query in queries)} == set()


@pytest.fixture
def shown(registry: CollectorRegistry) -> Iterator[str]:
    wrong = {"broker": "The broker does not answer."}
    exposition = Exposition(registry, lambda: wrong)
    port = exposition.start("127.0.0.1", 0)
    yield f"http://127.0.0.1:{port}"
    exposition.stop()


def test_prometheus_can_read_what_is_shown(shown: str) -> None:
    answer = httpx.get(f"{shown}/metrics", trust_env=False)
    assert answer.status_code == 200
    assert "interval_cases" in {family.name for family in text_string_to_metric_families(answer.text)}


def test_health_is_told_and_readiness_decides(shown: str) -> None:
    health, ready = (httpx.get(f"{shown}/{path}", trust_env=False) for path in ("health", "ready"))
    assert (health.status_code, ready.status_code) == (200, 503)
    assert health.json() == {"ready": False, "components": {"broker": "The broker does not answer."}}


def test_nothing_else_is_shown(shown: str) -> None:
    assert httpx.get(f"{shown}/../etc/passwd", trust_env=False).status_code == 404
    assert httpx.post(f"{shown}/metrics", trust_env=False).status_code == 405
