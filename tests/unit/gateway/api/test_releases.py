"""Versions and the validation gate: shown, permitted by an operator, audited; ratings of reference cases."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.api.releases import Monitoring, PermitRequest, RatingLine, ReferenceMark, ToRate, VersionStandings
from gateway.api.schemas import Problem
from gateway.db.tables import AuditEntry, Job, Review
from gateway.flow import Services
from processing.pipelines.registry import SPECS
from tests.unit.gateway.api.conftest import Browser
from tests.unit.gateway.front import NOON, Made

SPEC = SPECS[0]
DOOR = f"/api/releases/{SPEC.name}/{SPEC.version}/permit"
WHY = PermitRequest(reason="the reader study needs this version")


@pytest.fixture
def unknown_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = tmp_path / "compatibility.yaml"
    ledger.write_text("pipelines: {}\n", encoding="utf-8")
    monkeypatch.setenv("INTERVAL_COMPATIBILITY_FILE", str(ledger))


def standing(browser: Browser) -> VersionStandings:
    return VersionStandings.model_validate(browser.get("/api/releases").json())


def test_the_installed_versions_have_passed(operator: Browser) -> None:
    shown = standing(operator).versions
    assert [(line.pipeline, line.version) for line in shown] == [(spec.name, spec.version) for spec in SPECS]
    assert all(line.passed and line.routed and line.basis for line in shown)


@pytest.mark.usefixtures("unknown_version")
def test_an_operator_permits_a_version_with_a_reason_and_takes_it_back(operator: Browser, services: Services) -> None:
    (line, *_) = standing(operator).versions
    assert not line.passed
    assert not line.routed
    assert "validation gate" in line.refusal
    permitted = VersionStandings.model_validate(operator.put(DOOR, WHY).json()).versions[0]
    assert permitted.routed
    assert not permitted.passed
    assert (permitted.permitted_by, permitted.permit_reason) == ("otto", WHY.reason)
    assert operator.put(DOOR, WHY).status_code == 409
    assert not VersionStandings.model_validate(operator.delete(DOOR).json()).versions[0].routed
    assert operator.delete(DOOR).status_code == 409
    with services.sessions() as session:
        details = list(session.scalars(select(AuditEntry.detail).where(AuditEntry.action == "operated")))
    assert any(WHY.reason in detail for detail in details)
    assert any("withdrew" in detail for detail in details)


@pytest.mark.usefixtures("unknown_version")
def test_only_what_is_installed_is_permitted(operator: Browser) -> None:
    answer = operator.put(f"/api/releases/{SPEC.name}/99.0.0/permit", WHY)
    assert answer.status_code == 409
    assert "not installed" in Problem.model_validate(answer.json()).detail


def test_what_has_passed_needs_no_permission(operator: Browser) -> None:
    assert operator.put(DOOR, WHY).status_code == 409


def test_a_reference_case_waits_for_its_rater_and_its_rating_is_given_out(
    operator: Browser, ready: Made, services: Services
) -> None:
    mark = ReferenceMark(dataset="site", case="case 1")
    assert operator.put(f"/api/releases/reference-cases/{ready.case_id}", mark).is_success
    assert operator.put("/api/releases/reference-cases/nothing", mark).status_code == 409
    with services.sessions.begin() as session:
        session.add(
            Review(job_id=ready.job_id, acceptance="acceptable", rating=4, verdicts={}, reader="anna", signed_at=NOON)
        )
    (line,) = (RatingLine.model_validate(one) for one in operator.get("/api/releases/ratings").json())
    assert (line.dataset, line.case, line.acceptable, line.rating, line.rater) == (
        "site",
        "case 1",
        True,
        4,
        "reader 1",
    )
    assert operator.sign_in("anna").is_success
    assert ToRate.model_validate(operator.get("/api/releases/to-rate").json()).case_ids == [ready.case_id]


def test_monitoring_shows_every_figure_of_a_result(operator: Browser, ready: Made, services: Services) -> None:
    with services.sessions.begin() as session:
        job = session.get(Job, ready.job_id)
        assert job is not None
        job.finished_at = NOON
    shown = Monitoring.model_validate(operator.get("/api/releases/monitoring").json())
    assert shown.alerts == []
    figures = {chart.figure for chart in shown.charts}
    assert {"failures", "lesions found", "new and growing volume", "run time"} <= figures
    assert all(chart.scanner not in ("", "unknown scanner") for chart in shown.charts)
