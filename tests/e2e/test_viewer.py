"""The case page in a real browser, on a phantom with three visits and on a real pair."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace

import pytest

from demo.installation import REPOSITORY
from demo.scanner import DEMO_PATIENT, DEMO_SCANNERS, demo_visit, write_study
from demo.story import DEMO_READER
from demo.studies import studies_from_folder
from gateway.api.schemas import CaseDetail
from processing.domain.case import CaseState
from processing.domain.study import SeriesRole
from tests.e2e.hospital import Hospital
from validation.phantom import SMALL_PHANTOM, ScannerSpec, make_phantom
from validation.real_pairs import LONGITUDINAL_PATIENTS, data_folder

BROWSER_TIMEOUT_S = 420


def browse(hospital: Hospital, case: CaseDetail, *files: str, **options: str) -> None:
    """Let the viewer's browser tests look at a case; they leave it as it was."""
    npx = shutil.which("npx")
    assert npx is not None
    environment = dict(os.environ) | {
        "REVIEW_URL": hospital.system.url,
        "REVIEW_USER": DEMO_READER,
        "REVIEW_PASSWORD": hospital.system.secret(DEMO_READER),
        "REVIEW_CASE": case.summary.case_id,
    }
    run = subprocess.run(
        (npx, "vitest", "run", "--config", "vitest.e2e.config.ts", *files),
        cwd=REPOSITORY / "viewer",
        env=environment | options,
        capture_output=True,
        text=True,
        check=False,
        timeout=BROWSER_TIMEOUT_S,
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]


def with_t1(scanner: ScannerSpec) -> ScannerSpec:
    """T1 in thinner slices than FLAIR, as it is acquired."""
    return replace(scanner, slice_mm=((SeriesRole.FLAIR, 4.0), (SeriesRole.T1, 3.0)))


@pytest.fixture(scope="module")
def three_visits(hospital: Hospital, tmp_path_factory: pytest.TempPathFactory) -> CaseDetail:
    """A patient's newest comparison, ready for review; the study before its prior was compared too."""
    spec = replace(SMALL_PHANTOM, prior=with_t1(SMALL_PHANTOM.prior), current=with_t1(SMALL_PHANTOM.current))
    phantom = make_phantom(spec)
    patient = replace(DEMO_PATIENT, patient_id="VIEWER-1")
    date = ""
    for number, images in enumerate((phantom.prior, phantom.prior, phantom.current)):
        visit = demo_visit(number)
        folder = tmp_path_factory.mktemp(f"visit-{number}")
        written = write_study(folder, images, patient=patient, study=visit, scanner=DEMO_SCANNERS[number // 2])
        hospital.send(written.files)
        date = visit.started_at.strftime("%Y%m%d")
        state = CaseState.READY_FOR_REVIEW if number else CaseState.BASELINE
        case = hospital.wait("VIEWER-1", state, study_date=date)
    return case


def test_the_page_on_a_phantom_with_an_earlier_study(hospital: Hospital, three_visits: CaseDetail) -> None:
    browse(hospital, three_visits, "e2e/reading.e2e.ts", WITH_T1="1", WITH_EARLIER="1")


def test_the_page_without_mouse_and_colours(hospital: Hospital, three_visits: CaseDetail) -> None:
    browse(hospital, three_visits, "e2e/access.e2e.ts")


@pytest.mark.real_data
def test_the_page_on_a_real_pair(hospital: Hospital, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = data_folder()
    if folder is None:
        assert not os.environ.get("CI"), "CI has the real data beside the checkout"
        pytest.skip("the real data are not here (INTERVAL_DATA)")
    patient = LONGITUDINAL_PATIENTS[0]
    studies = studies_from_folder(folder / "ms-longitudinal" / patient, tmp_path_factory.mktemp(patient), print)
    for study in studies:
        hospital.send(study.files)
    current = studies[-1]
    case = hospital.wait(current.patient_id, CaseState.READY_FOR_REVIEW, study_date=current.study_date)
    browse(hospital, case, "e2e/reading.e2e.ts", "-t", "images")
