from __future__ import annotations

import copy
import dataclasses
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from fastapi import FastAPI
from httpx import Response
from sqlalchemy import select

from demo.scanner import DEMO_PATIENT, demo_visit
from gateway.access.passwords import Passwords
from gateway.api.images import viewer_directions
from gateway.api.schemas import (
    AssessmentChange,
    CaseDetail,
    CaseSummary,
    ImageHeader,
    Quarantine,
    ReviewState,
    Signature,
    VerdictChange,
    Worklist,
)
from gateway.audit.trail import AuditAction
from gateway.db.tables import AuditEntry, VaultEntry
from gateway.flow import Services
from gateway.jobs import store
from gateway.main import create_app
from gateway.pseudonymise.record import StudyRecord
from gateway.pseudonymise.vault import Vault, study_row_key
from gateway.settings import Settings
from processing.domain.case import CaseEvent, CaseState
from processing.domain.decision import Acceptance, Verdict
from processing.domain.imaging import Grid
from tests.unit.gateway.api.conftest import Browser, TestClient
from tests.unit.gateway.front import NOON, PASSWORD, WAY_TO_REVIEW, Made, lesion, make_case, state_of
from tests.unit.gateway.front_result import Compared

CURRENT_DATE = demo_visit(1).started_at.strftime("%Y%m%d")
PRIOR_DATE = demo_visit(0).started_at.strftime("%Y%m%d")


ASSESSMENT = AssessmentChange(edit=0, acceptance=Acceptance.ACCEPTABLE, rating=4, comment="Motion.")


def worklist(browser: Browser, query: str = "") -> list[CaseSummary]:
    return Worklist.model_validate(browser.get(f"/api/cases{query}").json()).cases


def detail(browser: Browser, case_id: str) -> CaseDetail:
    return CaseDetail.model_validate(browser.get(f"/api/cases/{case_id}").json())


def sentence(answer: Response) -> str:
    return str(answer.json()["detail"])


def test_the_worklist_shows_the_patient_and_what_was_found(reader: Browser, ready: Made) -> None:
    lines = {line.case_id: line for line in worklist(reader)}
    line = lines[ready.case_id]
    assert line.patient.name == DEMO_PATIENT.name
    assert line.patient.patient_id == DEMO_PATIENT.patient_id
    assert line.patient.birth_date == DEMO_PATIENT.birth_date.strftime("%Y%m%d")
    assert line.study_date == CURRENT_DATE, "the true date, not the shifted one"
    assert (line.new_lesions, line.growing_lesions) == (1, 1)
    assert line.state is CaseState.READY_FOR_REVIEW
    assert line.progress is None


def test_the_worklist_is_in_the_readers_order(reader: Browser, services: Services, ready: Made) -> None:
    running = make_case(services.sessions, study_uid="2.25.1", events=WAY_TO_REVIEW[:-1])
    failed = make_case(
        services.sessions, study_uid="2.25.2", events=(CaseEvent.FAILED,), details={CaseEvent.FAILED: "No pixels."}
    )
    three = make_case(services.sessions, study_uid="2.25.3", lesions=(lesion(1), lesion(2), lesion(3)))
    order = [line.case_id for line in worklist(reader)]
    wanted = [three.case_id, ready.case_id, running.case_id, failed.case_id]
    assert [case_id for case_id in order if case_id in wanted] == wanted
    lines = {line.case_id: line for line in worklist(reader)}
    assert lines[failed.case_id].reason == "No pixels."
    progress = lines[running.case_id].progress
    assert progress is not None
    assert (progress.stage, progress.fraction) == ("register", 0.25)
    assert lines[running.case_id].new_lesions is None


def test_superseded_revisions_are_shown_only_on_request(reader: Browser, services: Services) -> None:
    old = make_case(services.sessions, events=(*WAY_TO_REVIEW, CaseEvent.SUPERSEDED))
    assert old.case_id not in [line.case_id for line in worklist(reader)]
    assert old.case_id in [line.case_id for line in worklist(reader, "?superseded=true")]


def test_a_case_whose_identity_is_not_known_yet_stands_on_the_worklist(reader: Browser, services: Services) -> None:
    made = make_case(services.sessions, study_uid="2.25.77", events=())
    (line,) = [line for line in worklist(reader) if line.case_id == made.case_id]
    assert line.patient.name == ""
    assert line.readable_name == "calm-heron-42"


def test_a_damaged_row_of_the_vault_costs_one_name_and_not_the_worklist(
    reader: Browser, services: Services, ready: Made, compared: Compared
) -> None:
    made = make_case(services.sessions, study_uid="2.25.78", events=())
    with services.sessions.begin() as session:
        whole = session.get_one(VaultEntry, study_row_key(compared.current.study_instance_uid))
        damaged = VaultEntry(row_key=study_row_key("2.25.78"), key_id=whole.key_id, ciphertext=whole.ciphertext)
        session.add(damaged)
    lines = {line.case_id: line for line in worklist(reader)}
    assert lines[ready.case_id].patient.name == DEMO_PATIENT.name
    assert (lines[made.case_id].patient.name, lines[made.case_id].readable_name) == ("", "calm-heron-42")
    assert detail(reader, made.case_id).summary.study_date == ""


def test_an_identity_is_decrypted_once_and_again_after_a_change(
    reader: Browser, services: Services, ready: Made, compared: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    get = Vault.get

    def counting(vault: Vault, study_uid: str) -> StudyRecord:
        asked.append(study_uid)
        return get(vault, study_uid)

    monkeypatch.setattr(Vault, "get", counting)
    for _ in range(3):
        worklist(reader)
    assert asked.count(compared.current.study_instance_uid) == 1
    corrected = copy.deepcopy(compared.current.patient)
    corrected.PatientName = "Other^Name"
    with services.sessions.begin() as session:
        by = compared.current.model_copy(update={"patient_module": corrected.to_json()})
        services.vault_in(session).replace(compared.current, by)
    (line,) = [line for line in worklist(reader) if line.case_id == ready.case_id]
    assert line.patient.name == "Other^Name"


def test_what_was_archived_long_ago_is_listed_when_asked_for(reader: Browser, services: Services) -> None:
    done = (*WAY_TO_REVIEW, CaseEvent.SIGNED, CaseEvent.DISPATCH_STARTED, CaseEvent.DELIVERED)
    now = datetime.now(UTC)
    old = make_case(services.sessions, study_uid="2.25.79", events=done, at=now - timedelta(days=31))
    new = make_case(services.sessions, study_uid="2.25.80", events=done, at=now - timedelta(days=29))
    waiting = make_case(services.sessions, study_uid="2.25.81", at=now - timedelta(days=400))
    assert {line.case_id for line in worklist(reader)} == {new.case_id, waiting.case_id}
    assert {line.case_id for line in worklist(reader, "?older=true")} == {old.case_id, new.case_id, waiting.case_id}


def test_the_case_page_has_everything_but_pixels(reader: Browser, ready: Made, compared: Compared) -> None:
    page = detail(reader, ready.case_id)
    assert page.prior_study_date == PRIOR_DATE
    assert [line.number for line in page.lesions] == [1, 2]
    assert page.warnings == list(compared.outcome.warnings)
    assert [line.event for line in page.events][-1] is CaseEvent.SUCCEEDED
    assert page.review is not None
    assert (page.review.edit, page.review.acceptance) == (0, None)
    labels = compared.result.lesion_map.array
    for line in page.lesions:
        assert labels[line.centroid_index] == line.number


def test_the_three_volumes_come_on_one_grid(reader: Browser, ready: Made, compared: Compared) -> None:
    path = f"/api/cases/{ready.case_id}/images"
    headers = {
        name: ImageHeader.model_validate(reader.get(f"{path}/{name}").json())
        for name in ("current", "prior", "lesions")
    }
    grid = compared.result.lesion_map.grid
    for header in headers.values():
        assert header.shape == grid.shape
        rebuilt = np.array(header.directions).T * np.array(header.spacing_mm[::-1])
        assert np.allclose(rebuilt, grid.affine[:3, [2, 1, 0]]), "x, y, z of the viewer are columns, rows and slices"
        assert np.allclose(header.origin_mm, grid.origin_mm)
    assert (headers["current"].study_date, headers["prior"].study_date) == (CURRENT_DATE, PRIOR_DATE)
    pixels = reader.get(f"{path}/lesions/pixels")
    assert pixels.headers["content-type"] == "application/octet-stream"
    assert np.array_equal(np.frombuffer(pixels.content, "u1").reshape(grid.shape), compared.result.lesion_map.array)
    current = np.frombuffer(reader.get(f"{path}/current/pixels").content, "<i2").reshape(grid.shape)
    middle = current[grid.shape[0] // 2, grid.shape[1] // 2]
    assert middle[8] < middle[32], "brighter along x, as the phantom is"
    assert headers["current"].pixel_type == headers["prior"].pixel_type == "int16"
    assert headers["lesions"].pixel_type == "uint8"


def test_the_directions_of_an_oblique_grid_are_x_y_and_z() -> None:
    x, y, z = ((0.6, 0.8, 0.0), (-0.64, 0.48, 0.6), (0.48, -0.36, 0.8))
    grid = Grid.from_axes((2, 3, 4), origin_mm=(0, 0, 0), spacing_mm=(3, 2, 1), directions=np.array((z, y, x)).T)
    assert np.allclose(viewer_directions(grid), (x, y, z))


def test_there_are_no_images_before_a_result(reader: Browser, services: Services) -> None:
    made = make_case(services.sessions, events=WAY_TO_REVIEW[:-1])
    assert reader.get(f"/api/cases/{made.case_id}/images/current").status_code == 404
    assert reader.get(f"/api/cases/{made.case_id}/images/current/pixels").status_code == 404
    assert reader.get(f"/api/cases/{made.case_id}/images").status_code == 404


def test_an_archive_that_is_away_is_said_in_one_sentence(
    settings: Settings, services: Services, clients: Services, passwords: Passwords, app: FastAPI, ready: Made
) -> None:

    away = dataclasses.replace(services, research=clients.research)
    with TestClient(create_app(settings, services=away, passwords=passwords), base_url="https://testserver") as http:
        browser = Browser(http)
        browser.sign_in("anna")
        answer = browser.get(f"/api/cases/{ready.case_id}/images/current")
    assert answer.status_code == 503
    assert sentence(answer) == "The archive can't be reached."


def review(reader: Browser, case_id: str) -> int:
    """Accept lesion 1, reject lesion 2, assess; return the edit."""
    path = f"/api/cases/{case_id}"
    one = reader.put(f"{path}/lesions/1/verdict", VerdictChange(edit=0, verdict=Verdict.ACCEPTED))
    two = reader.put(f"{path}/lesions/2/verdict", VerdictChange(edit=1, verdict=Verdict.REJECTED))
    whole = reader.put(f"{path}/assessment", ASSESSMENT.model_copy(update={"edit": 2}))
    assert [answer.status_code for answer in (one, two, whole)] == [200, 200, 200]
    return ReviewState.model_validate(whole.json()).edit


def test_a_case_is_reviewed_and_signed(reader: Browser, services: Services, ready: Made) -> None:
    edit = review(reader, ready.case_id)
    answer = reader.post(f"/api/cases/{ready.case_id}/signature", Signature(edit=edit, password=PASSWORD))
    assert answer.status_code == 200
    page = CaseDetail.model_validate(answer.json())
    assert page.summary.state is CaseState.SIGNED
    assert [line.verdict for line in page.lesions] == [Verdict.ACCEPTED, Verdict.REJECTED]
    assert page.review is not None
    assert page.review.reader == "Dr. Anna Muster"
    assert page.review.signed_at is not None
    assert page.events[-1].event is CaseEvent.SIGNED
    assert page.events[-1].actor == "anna"
    late = reader.put(f"/api/cases/{ready.case_id}/lesions/1/verdict", VerdictChange(edit=edit + 1, verdict=None))
    assert late.status_code == 409
    assert "never changed" in sentence(late)
    again = reader.post(f"/api/cases/{ready.case_id}/signature", Signature(edit=edit + 1, password=PASSWORD))
    assert again.status_code == 409


def test_a_rejected_result_shows_its_images_and_no_lesion(reader: Browser, ready: Made, compared: Compared) -> None:
    path = f"/api/cases/{ready.case_id}"
    before = reader.get(f"{path}/images/lesions/pixels").content
    refusal = AssessmentChange(edit=0, acceptance=Acceptance.UNACCEPTABLE, rating=1, comment="Motion.")
    assert reader.put(f"{path}/assessment", refusal).status_code == 200
    assert reader.get(f"{path}/images/lesions/pixels").content == before, "not before it is signed"
    assert reader.post(f"{path}/signature", Signature(edit=1, password=PASSWORD)).status_code == 200
    after = reader.get(f"{path}/images/lesions/pixels").content
    assert any(before)
    assert after == bytes(len(before))
    assert reader.get(f"{path}/images/lesions").status_code == 200
    for name in ("current", "prior"):
        assert any(reader.get(f"{path}/images/{name}/pixels").content)
    assert detail(reader, ready.case_id).lesions == []


def test_signing_needs_the_password_again(reader: Browser, services: Services, ready: Made) -> None:
    edit = review(reader, ready.case_id)
    answer = reader.post(f"/api/cases/{ready.case_id}/signature", Signature(edit=edit, password="not the password"))
    assert answer.status_code == 403
    assert "password" in sentence(answer)
    assert state_of(services.sessions, ready.case_id) is CaseState.READY_FOR_REVIEW
    assert reader.get("/api/session").status_code == 200, "the session goes on"


def test_an_incomplete_review_is_not_signed(reader: Browser, services: Services, ready: Made) -> None:
    path = f"/api/cases/{ready.case_id}"
    answer = reader.post(f"{path}/signature", Signature(edit=0, password=PASSWORD))
    assert answer.status_code == 409
    assert "acceptable" in sentence(answer)
    assert state_of(services.sessions, ready.case_id) is CaseState.READY_FOR_REVIEW
    page = detail(reader, ready.case_id)
    assert page.review is not None
    assert page.review.edit == 0


def test_a_second_tab_does_not_overwrite_the_first_unseen(reader: Browser, ready: Made) -> None:
    path = f"/api/cases/{ready.case_id}/lesions/1/verdict"
    assert reader.put(path, VerdictChange(edit=0, verdict=Verdict.ACCEPTED)).status_code == 200
    stale = reader.put(path, VerdictChange(edit=0, verdict=Verdict.REJECTED))
    assert stale.status_code == 409
    assert "in the meantime" in sentence(stale)
    assert detail(reader, ready.case_id).lesions[0].verdict is Verdict.ACCEPTED


def test_what_does_not_exist_is_404(reader: Browser, ready: Made) -> None:
    verdict = VerdictChange(edit=0, verdict=Verdict.ACCEPTED)
    assert reader.get("/api/cases/nothing").status_code == 404
    assert reader.put("/api/cases/nothing/lesions/1/verdict", verdict).status_code == 404
    assert reader.put("/api/cases/nothing/assessment", ASSESSMENT).status_code == 404
    assert reader.post("/api/cases/nothing/signature", Signature(edit=0, password=PASSWORD)).status_code == 404
    unknown = reader.put(f"/api/cases/{ready.case_id}/lesions/9/verdict", verdict)
    assert unknown.status_code == 404
    assert "no lesion" in sentence(unknown)


@pytest.mark.parametrize("rating", [0, 6])
def test_a_rating_out_of_range_is_422(reader: Browser, ready: Made, rating: int) -> None:
    body = {"edit": 0, "acceptance": "acceptable", "rating": rating, "comment": ""}
    headers = {"X-CSRF-Token": reader.csrf_token}
    answer = reader.http.put(f"/api/cases/{ready.case_id}/assessment", json=body, headers=headers)
    assert answer.status_code == 422


def test_an_operator_retries_what_stands_still_and_nothing_else(operator: Browser, services: Services) -> None:
    failed = make_case(services.sessions, study_uid="2.25.2", events=(CaseEvent.FAILED,))
    ready = make_case(services.sessions, study_uid="2.25.3")
    answer = operator.post(f"/api/cases/{failed.case_id}/retry")
    assert answer.status_code == 200
    assert CaseSummary.model_validate(answer.json()).state is CaseState.COMPLETE
    with services.sessions() as session:
        case = store.get_case(session, failed.case_id)
        assert case is not None
        assert case.events[-1].actor == "otto"
    assert operator.post(f"/api/cases/{ready.case_id}/retry").status_code == 409
    assert operator.post("/api/cases/nothing/retry").status_code == 404


def test_quarantine_shows_what_an_operator_can_retry(operator: Browser, services: Services, ready: Made) -> None:
    failed = make_case(
        services.sessions,
        study_uid="2.25.2",
        events=(CaseEvent.FAILED,),
        details={CaseEvent.FAILED: "No pixels."},
        at=NOON - timedelta(hours=1),
    )
    found = Quarantine.model_validate(operator.get("/api/quarantine").json())
    assert [(line.case_id, line.reason) for line in found.cases] == [(failed.case_id, "No pixels.")]


def test_who_is_not_shown_names_sees_readable_ones_and_asking_is_kept(
    operator: Browser, services: Services, ready: Made
) -> None:
    path = f"/api/cases/{ready.case_id}"
    line = next(one for one in operator.get("/api/cases").json()["cases"] if one["case_id"] == ready.case_id)
    detail = operator.get(path).json()
    for shown in (line, detail["summary"]):
        assert set(shown["patient"].values()) == {""}
        assert shown["readable_name"]
    assert "Demo" not in operator.get("/api/cases").text + operator.get(path).text
    assert disclosed(services) == []
    assert operator.post(f"{path}/identity").json()["name"] == "Demo^Interval"
    assert [(actor, detail) for actor, detail in disclosed(services)] == [("otto", "asked for")]


def disclosed(services: Services) -> list[tuple[str, str]]:
    """To whom an identity was shown, and where."""
    with services.sessions() as session:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.action == AuditAction.IDENTITY_SHOWN.value))
        return [(row.actor, row.detail) for row in rows]
