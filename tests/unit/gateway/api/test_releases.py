"""Versions and the validation gate: shown, permitted by an operator, audited; ratings of reference cases."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.api.releases import (
    BlindRating,
    Monitoring,
    PermitRequest,
    RatingLine,
    ReferenceMark,
    ToRate,
    VersionStandings,
)
from gateway.api.schemas import CaseDetail, Problem, Worklist
from gateway.db.tables import AuditEntry, Case, Job, ReferenceRating
from gateway.flow import Services
from processing.domain.decision import Acceptance
from processing.domain.messages import JobOutcome
from processing.domain.tumour import TumourFindings, TumourVolumes
from processing.pipelines.registry import SPECS
from tests.unit.gateway.api.conftest import Browser
from tests.unit.gateway.front import NOON, Made
from validation.ratings import Judgement, judgements, read_ratings

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


def test_a_reference_case_is_rated_blind_by_every_reader_once(
    operator: Browser, ready: Made, services: Services, tmp_path: Path
) -> None:
    mark = ReferenceMark(dataset="site", case="case 1")
    assert operator.put(f"/api/releases/reference-cases/{ready.case_id}", mark).is_success
    assert operator.put("/api/releases/reference-cases/nothing", mark).status_code == 409
    other = ReferenceMark(dataset="site", case="case 2")
    assert operator.put(f"/api/releases/reference-cases/{ready.case_id}", other).status_code == 409
    door = f"/api/releases/to-rate/{ready.case_id}/{ready.job_id}"
    good = BlindRating(acceptance=Acceptance.ACCEPTABLE, rating=4, comment="Two are missing, says Mrs Miller.")
    assert operator.post(door, good).status_code == 403
    for reader in ("anna", "berta"):
        assert operator.sign_in(reader).is_success
        waiting = ToRate.model_validate(operator.get("/api/releases/to-rate").json()).waiting
        assert [(one.case_id, one.job_id) for one in waiting] == [(ready.case_id, ready.job_id)]
        assert operator.post(f"{door}0", good).status_code == 409
        assert ToRate.model_validate(operator.post(door, good).json()).waiting == []
        assert operator.post(door, good).status_code == 409
    assert operator.sign_in("otto").is_success
    given = operator.get("/api/releases/ratings")
    lines = [RatingLine.model_validate(one) for one in given.json()]
    (tmp_path / "ratings.json").write_bytes(given.content)
    judged = judgements(read_ratings(tmp_path / "ratings.json"), lines[0].pipeline, "9.9.9")
    assert judged == {("site", "case 1"): Judgement(acceptable=True, rating=4)}, "the gate reads what is given out"
    assert [(one.rater, one.dataset, one.case, one.version, one.acceptable, one.rating) for one in lines] == [
        (rater, "site", "case 1", "9.9.9", True, 4) for rater in ("reader 1", "reader 2")
    ]
    with services.sessions() as session:
        kept = list(session.scalars(select(ReferenceRating)))
        assert len(kept) == 2
        assert all("Miller" not in one.comment for one in kept)


def test_a_reader_is_not_told_the_version_of_a_reference_case(
    operator: Browser, ready: Made, services: Services
) -> None:
    with services.sessions.begin() as session:
        case = session.get(Case, ready.case_id)
        assert case is not None
        case.version = "9.9.9"

    def seen(who: str) -> tuple[list[str], str]:
        assert operator.sign_in(who).is_success
        listed = Worklist.model_validate(operator.get("/api/cases").json()).cases
        page = CaseDetail.model_validate(operator.get(f"/api/cases/{ready.case_id}").json())
        return [line.case_id for line in listed], page.summary.version

    before = seen("anna")
    assert ready.case_id in before[0]
    assert before[1] == "9.9.9"
    assert operator.sign_in("otto").is_success
    mark = ReferenceMark(dataset="site", case="case 1")
    assert operator.put(f"/api/releases/reference-cases/{ready.case_id}", mark).is_success
    assert seen("anna") == ([one for one in before[0] if one != ready.case_id], "")
    assert seen("otto") == before


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


def test_monitoring_follows_the_parts_of_a_tumour(operator: Browser, ready: Made, services: Services) -> None:
    findings = TumourFindings(TumourVolumes(0.5, 20.0, 4.25), None, (), (), 6, ((), (), ()))
    with services.sessions.begin() as session:
        job = session.get(Job, ready.job_id)
        assert job is not None
        job.finished_at = NOON
        outcome = JobOutcome.model_validate(job.outcome)
        job.outcome = outcome.model_copy(update={"lesions": (), "tumour": findings}).model_dump(mode="json")
    shown = Monitoring.model_validate(operator.get("/api/releases/monitoring").json())
    values = {chart.figure: (chart.points[0].value, chart.unit) for chart in shown.charts}
    assert values["enhancing tumour"] == (4.25, "ml")
    assert "lesions found" not in values
