from __future__ import annotations

import csv
import json
from io import StringIO

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.diagnosticreport import DiagnosticReport
from fhir.resources.R4B.observation import Observation
from sqlalchemy import select

from demo.scanner import DEMO_PATIENT
from gateway.access.passwords import Passwords
from gateway.api.timeline import TimelineView
from gateway.audit.trail import AuditAction
from gateway.db.tables import AuditEntry, Review
from gateway.flow import Services
from gateway.main import create_app
from gateway.settings import Settings
from gateway.timeline.measurements import Quantity
from processing.domain.decision import Acceptance
from processing.domain.result import LesionChange
from tests.unit.gateway.api.conftest import Browser
from tests.unit.gateway.front import Made, lesion
from tests.unit.gateway.front_result import Compared
from tests.unit.gateway.tumour_visits import outcome, sign, tumour, visit


@pytest.fixture
def three(app: object, services: Services, compared: Compared) -> list[Made]:
    assert app
    return [
        tumour(services, compared, day, scale)
        for day, scale in (("20240601", 1.0), ("20260601", 1.5), ("20250601", 1.1))
    ]


def view(browser: Browser, case_id: str) -> TimelineView:
    answer = browser.get(f"/api/cases/{case_id}/timeline")
    assert answer.status_code == 200
    return TimelineView.model_validate(answer.json())


def audited(services: Services) -> list[tuple[str, str]]:
    with services.sessions() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action == AuditAction.EXPORTED.value))
        return [(entry.actor, entry.detail) for entry in entries]


def test_all_accepted_measurements_of_the_patient_are_shown_in_order(
    reader: Browser, services: Services, compared: Compared, three: list[Made]
) -> None:
    found = (lesion(1), lesion(2, LesionChange.GROWING), lesion(4))
    ms = visit(services, compared, "20251201", outcome(lesions=found), "ms_longitudinal")
    sign(services, ms, {"1": "accepted", "2": "accepted", "4": "rejected"})
    shown = view(reader, three[0].case_id)
    assert shown.patient.name == DEMO_PATIENT.name
    assert [str(one.study_date) for one in shown.measurements] == [
        "2024-06-01",
        "2025-06-01",
        "2025-12-01",
        "2026-06-01",
    ]
    assert [one.values[0].value for one in shown.measurements] == pytest.approx([45.0, 49.5, 1.0, 67.5])
    lesions = {line.quantity: line.value for line in shown.measurements[2].values}
    assert lesions[Quantity.NEW_VOLUME] == pytest.approx(200.0), "not what the reader rejected"
    assert lesions[Quantity.GROWN_VOLUME] == pytest.approx(100.0)
    assert shown.measurements[0].reader == "Dr. Anna Muster"


def test_what_nobody_signed_or_somebody_rejected_is_not_shown(
    reader: Browser, services: Services, compared: Compared, three: list[Made]
) -> None:
    tumour(services, compared, "20270101", 3.0, signed=False)
    refused = tumour(services, compared, "20270201", 3.0, signed=False)
    sign(services, refused, {}, Acceptance.UNACCEPTABLE)
    assert len(view(reader, three[0].case_id).measurements) == 3


def test_of_a_tumour_with_a_rejected_part_neither_the_part_nor_the_whole_is_shown(
    reader: Browser, services: Services, compared: Compared
) -> None:
    made = tumour(services, compared, "20270101", 1.0, signed=False)
    sign(services, made, {"1": "accepted", "2": "accepted", "3": "rejected"})
    (shown,) = view(reader, made.case_id).measurements
    assert [line.quantity for line in shown.values] == [Quantity.HYPERINTENSITY, Quantity.CORE]


def test_growth_compares_the_case_with_the_two_before_it(reader: Browser, three: list[Made]) -> None:
    growth = view(reader, three[1].case_id).growth
    assert growth is not None
    assert growth.refusal == ""
    whole = [line for line in growth.changes if line.quantity == "whole tumour"]
    assert [(str(line.since), round(line.percent or 0)) for line in whole] == [("2025-06-01", 36), ("2024-06-01", 50)]
    assert {line.unit for line in growth.changes} == {"mL", "mm2"}
    first = view(reader, three[0].case_id).growth
    assert first is not None
    assert "two earlier ones" in first.refusal
    assert first.changes == []


def test_the_table_has_a_line_for_each_value_and_names_no_patient(
    reader: Browser, services: Services, three: list[Made]
) -> None:
    answer = reader.get(f"/api/cases/{three[0].case_id}/timeline.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    lines = list(csv.DictReader(StringIO(answer.text)))
    assert len(lines) == 15
    assert (lines[0]["study_date"], lines[0]["quantity"], lines[0]["value"], lines[0]["unit"]) == (
        "2024-06-01",
        "whole tumour",
        "45.000",
        "mL",
    )
    assert "not a medical device" in lines[0]["note"]
    assert DEMO_PATIENT.patient_id not in answer.text
    assert DEMO_PATIENT.name.split("^")[0] not in answer.text.replace("Dr. Anna Muster", "")
    assert audited(services) == [("anna", "timeline as a table")]


def test_a_measurement_leaves_as_fhir_that_a_library_accepts(
    reader: Browser, services: Services, compared: Compared, three: list[Made]
) -> None:
    answer = reader.get(f"/api/cases/{three[1].case_id}/fhir")
    assert answer.headers["content-type"] == "application/fhir+json"
    Bundle.model_validate_json(answer.text)
    raw = json.loads(answer.text)
    report, patient, *observations = (entry["resource"] for entry in raw["entry"])
    DiagnosticReport.model_validate(report)
    for observation in observations:
        Observation.model_validate(observation)
    assert (report["status"], report["effectiveDateTime"]) == ("final", "2026-06-01")
    assert "Research use, not a medical device." in report["conclusion"]
    urls = {entry["fullUrl"] for entry in raw["entry"]}
    assert {line["reference"] for line in report["result"]} | {report["subject"]["reference"]} <= urls
    values = [(float(one["valueQuantity"]["value"]), one["valueQuantity"]["code"]) for one in observations]
    assert values == [(67.5, "mL"), (45.0, "mL"), (7.5, "mL"), (15.0, "mL"), (900.0, "mm2")]
    study = {"system": "urn:dicom:uid", "value": f"urn:oid:{compared.current.original_study_instance_uid}"}
    assert report["imagingStudy"][0]["identifier"] == study
    assert patient["identifier"] == [{"value": DEMO_PATIENT.patient_id}]
    assert audited(services) == [("anna", "measurement as FHIR")]
    again = json.loads(reader.get(f"/api/cases/{three[1].case_id}/fhir").text)
    assert again == raw, "the same measurement is the same resources"
    with services.sessions.begin() as session:
        session.scalars(select(Review).where(Review.job_id == three[1].job_id)).one().edition = 2
    signed_again = json.loads(reader.get(f"/api/cases/{three[1].case_id}/fhir").text)
    assert signed_again["entry"][0]["resource"]["status"] == "amended"


def test_fhir_goes_to_nobody_who_is_not_shown_names(
    app: FastAPI, settings: Settings, services: Services, passwords: Passwords, three: list[Made]
) -> None:
    del app  # its accounts are used
    hiding = create_app(
        settings.model_copy(update={"identity_roles": "technologist"}), services=services, passwords=passwords
    )
    with TestClient(hiding, base_url="https://testserver") as http:
        browser = Browser(http)
        assert browser.sign_in("anna").is_success
        answer = browser.get(f"/api/cases/{three[1].case_id}/fhir")
        assert answer.status_code == 403
        assert DEMO_PATIENT.patient_id not in answer.text
        assert browser.get(f"/api/cases/{three[1].case_id}/timeline.csv").is_success
    assert audited(services) == [("anna", "timeline as a table")]


def test_without_an_accepted_measurement_there_is_no_fhir(
    reader: Browser, services: Services, compared: Compared
) -> None:
    made = tumour(services, compared, "20270101", 1.0, signed=False)
    answer = reader.get(f"/api/cases/{made.case_id}/fhir")
    assert answer.status_code == 409
    assert "no measurement that a reader accepted" in answer.json()["detail"]
    assert audited(services) == []


@pytest.mark.parametrize("path", ["timeline", "timeline.csv", "fhir"])
@pytest.mark.parametrize("name", ["otto", "tina", "vera"])
def test_only_readers_see_and_export(
    stranger: Browser, services: Services, three: list[Made], path: str, name: str
) -> None:
    assert stranger.get(f"/api/cases/{three[0].case_id}/{path}").status_code == 401
    assert stranger.sign_in(name).is_success
    assert stranger.get(f"/api/cases/{three[0].case_id}/{path}").status_code == 403
    assert audited(services) == []


def test_an_unknown_case_is_not_found(reader: Browser) -> None:
    for path in ("timeline", "timeline.csv", "fhir"):
        assert reader.get(f"/api/cases/nobody/{path}").status_code == 404
