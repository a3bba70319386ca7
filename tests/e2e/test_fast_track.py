"""The patient is still on the table: announced, measured on the FLAIR alone, shown at the scanner, then as a whole."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pydicom
import pytest

from demo.installation import Ports, System
from demo.processes import RunningSystem
from demo.story import add_account, add_demo_reader
from demo.studies import studies_from_phantom
from gateway.api.technologist import Answer, FirstLook, FirstLooks
from processing.domain.case import CaseState
from tests.e2e.hospital import WAIT_S, Hospital

QUIET_S = 15.0
TECHNOLOGIST = "test-technologist"
"""A scanner that pauses this long has sent everything: much longer than a first look needs to begin."""


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """A system of its own, which waits for the rest of a study as long as a hospital's would."""
    system = System(tmp_path_factory.mktemp("patient"), Ports.free(), quiet_time_s=QUIET_S)
    with RunningSystem(system):
        add_demo_reader(system)
        add_account(system, TECHNOLOGIST, "Test Technologist", "technologist")
        yield Hospital(system)


@pytest.fixture
def screen(hospital: Hospital) -> Iterator[httpx.Client]:
    """The screen at the scanner, signed in as the technologist, who may announce studies too."""
    with httpx.Client(base_url=hospital.system.url, timeout=60) as http:
        account = {"user_name": TECHNOLOGIST, "password": hospital.system.secret(TECHNOLOGIST)}
        session = http.post("/api/session", json=account).raise_for_status().json()
        http.headers["X-CSRF-Token"] = session["csrf_token"]
        yield http


def begun(screen: httpx.Client, patient_id: str) -> FirstLook:
    """Wait until the first look at a patient's study has begun."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        looks = FirstLooks.model_validate(screen.get("/api/technologist").json()).studies
        for look in looks:
            if look.patient.patient_id == patient_id and look.state is not CaseState.RECEIVING:
                return look
        time.sleep(0.5)
    raise AssertionError("no first look began")


def answered(screen: httpx.Client, patient_id: str) -> FirstLook:
    """Wait, as the page does, for the pushed event with the answer."""
    with screen.stream("GET", "/api/technologist/events", timeout=WAIT_S) as pushed:
        for line in pushed.iter_lines():
            if not line.startswith("data: "):
                continue
            for look in FirstLooks.model_validate_json(line.removeprefix("data: ")).studies:
                if look.patient.patient_id == patient_id and look.answer is not None:
                    return look
    raise AssertionError("the stream ended without an answer")


def test_the_first_look_is_shown_before_the_study_is_complete(
    hospital: Hospital, screen: httpx.Client, tmp_path: Path
) -> None:
    prior, current = studies_from_phantom(tmp_path, lambda _: None)
    header = pydicom.dcmread(current.files[0], stop_before_pixels=True)
    hospital.send(prior.files)
    hospital.wait(prior.patient_id, CaseState.BASELINE, study_date=prior.study_date)
    hint = {
        "patient_id": str(header.PatientID),
        "issuer_of_patient_id": str(header.get("IssuerOfPatientID", "")),
        "hours": 1,
    }
    screen.post("/api/scheduled", json=hint).raise_for_status()
    by_flair = {
        path: "FLAIR" in str(pydicom.dcmread(path, stop_before_pixels=True).SeriesDescription).upper()
        for path in current.files
    }
    hospital.send(path for path, is_flair in by_flair.items() if is_flair)
    began = time.monotonic()
    case_id = begun(screen, current.patient_id).case_id
    hospital.send(path for path, is_flair in by_flair.items() if not is_flair)
    look = answered(screen, current.patient_id)
    # For whoever runs this on an idle machine; the time says nothing on a busy one.
    print(f"from the last FLAIR instance to the screen: {time.monotonic() - began:.1f} s")
    assert look.case_id == case_id
    assert look.answer is Answer.NEW_LESION
    assert look.has_picture
    assert screen.get(f"/api/technologist/{look.case_id}/picture").content.startswith(b"\x89PNG")

    whole = hospital.wait(current.patient_id, CaseState.READY_FOR_REVIEW, study_date=current.study_date)
    assert whole.summary.revision == 2
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        listed = FirstLooks.model_validate(screen.get("/api/technologist").json()).studies
        (first,) = [one for one in listed if one.case_id == look.case_id]
        if first.state is CaseState.SUPERSEDED:
            return
        time.sleep(0.5)
    raise AssertionError("the whole study did not replace the first look")
