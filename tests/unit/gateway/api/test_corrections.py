"""An operator's confirmation of a corrected patient, as the API takes and shows it."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.api.schemas import Corrections, PatientCorrection, Problem
from gateway.db.tables import Correction
from gateway.flow import Services
from tests.unit.gateway.api.conftest import Browser
from tests.unit.gateway.front import Made

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WHY = PatientCorrection(reason="misspelt at admission")


def test_a_confirmation_needs_a_case_and_a_reason(operator: Browser, ready: Made) -> None:
    assert operator.post("/api/cases/nothing/patient", WHY).status_code == 404
    without = operator.http.post(
        f"/api/cases/{ready.case_id}/patient", json={"reason": ""}, headers={"X-CSRF-Token": operator.csrf_token}
    )
    assert without.status_code == 422


def test_while_the_archive_is_away_nothing_is_taken_over(operator: Browser, ready: Made, services: Services) -> None:
    answer = operator.post(f"/api/cases/{ready.case_id}/patient", WHY)
    assert answer.status_code == 503
    assert "can't be reached" in Problem.model_validate(answer.json()).detail
    with services.sessions() as session:
        assert session.query(Correction).count() == 0


def test_the_trail_is_shown_newest_first_without_identity(operator: Browser, services: Services) -> None:
    assert Corrections.model_validate(operator.get("/api/corrections").json()).corrections == []
    with services.sessions.begin() as session:
        for number in (1, 2):
            session.add(
                Correction(
                    at=NOON,
                    operation="patient merged",
                    actor="otto",
                    reason=f"reason {number}",
                    study_uid="2.25.1",
                    new_study_uid="2.25.1",
                    pseudonym="IV-A",
                    new_pseudonym="IV-B",
                    changed="PatientID PatientName",
                )
            )
    shown = Corrections.model_validate(operator.get("/api/corrections").json()).corrections
    assert [line.reason for line in shown] == ["reason 2", "reason 1"]
    assert shown[0].changed == ["PatientID", "PatientName"]
    assert (shown[0].pseudonym, shown[0].new_pseudonym) == ("IV-A", "IV-B")
