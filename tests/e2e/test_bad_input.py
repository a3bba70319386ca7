"""Bad input through the whole system: each gets a state and a reason, the service goes on, nothing is lost."""

from __future__ import annotations

from pathlib import Path

import httpx
import pydicom
import pytest

from demo.studies import StudyToSend, write_visits
from processing.domain.case import CaseState
from tests.e2e.hospital import Hospital
from validation.phantom import SMALL_PHANTOM, Phantom, make_phantom


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(SMALL_PHANTOM)


def _studies(phantom: Phantom, folder: Path, name: str) -> tuple[StudyToSend, StudyToSend]:
    prior, current = write_visits((phantom.prior, phantom.current), folder, name)
    return prior, current


def _flair(study: StudyToSend) -> list[Path]:
    """Files of the FLAIR, in order of their position."""
    headers = {path: pydicom.dcmread(path, stop_before_pixels=True) for path in study.files}
    of_flair = [path for path, header in headers.items() if header.get("InversionTime")]
    return sorted(of_flair, key=lambda path: float(headers[path].ImagePositionPatient[2]))


def test_a_study_with_no_usable_series(hospital: Hospital, phantom: Phantom, tmp_path: Path) -> None:
    _, study = _studies(phantom, tmp_path, "NO-FLAIR")
    flair = set(_flair(study))
    hospital.send(path for path in study.files if path not in flair)
    case = hospital.wait(study.patient_id, CaseState.NOT_ROUTED)
    assert "FLAIR" in case.summary.reason
    assert all(line.reason for line in case.series)


def test_a_patient_without_a_prior(hospital: Hospital, phantom: Phantom, tmp_path: Path) -> None:
    _, study = _studies(phantom, tmp_path, "NO-PRIOR")
    hospital.send(study.files)
    case = hospital.wait(study.patient_id, CaseState.BASELINE)
    assert "earlier" in case.summary.reason


def test_a_series_with_missing_slices_and_the_same_one_whole(
    hospital: Hospital, phantom: Phantom, tmp_path: Path
) -> None:
    _, study = _studies(phantom, tmp_path, "GAP")
    missing = _flair(study)[15:18]
    hospital.send(path for path in study.files if path not in missing)
    case = hospital.wait(study.patient_id, CaseState.QUARANTINED)
    assert "3" in case.summary.reason
    assert "missing" in case.summary.reason
    # The scanner sends the rest: the case is looked at again and is as good as any other.
    hospital.send(missing)
    hospital.wait(study.patient_id, CaseState.BASELINE)


def test_mixed_orientations(hospital: Hospital, phantom: Phantom, tmp_path: Path) -> None:
    _, study = _studies(phantom, tmp_path, "MIXED")
    for path in _flair(study)[::2]:
        image = pydicom.dcmread(path)
        image.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
        image.save_as(path)
    hospital.send(study.files)
    case = hospital.wait(study.patient_id, CaseState.QUARANTINED)
    assert "orientation" in case.summary.reason


def test_short_pixel_data(hospital: Hospital, phantom: Phantom, tmp_path: Path) -> None:
    prior, current = _studies(phantom, tmp_path, "SHORT")
    path = _flair(current)[10]
    image = pydicom.dcmread(path)
    image.PixelData = image.PixelData[: len(image.PixelData) // 2]
    image.save_as(path)
    hospital.send(prior.files)
    hospital.send(current.files)
    case = hospital.wait(current.patient_id, CaseState.QUARANTINED, study_date=current.study_date)
    assert "pixel data" in case.summary.reason
    research = {str(dataset.PatientID) for dataset in hospital.in_research()}
    assert case.summary.patient.patient_id not in research


def test_a_file_that_is_no_dicom(hospital: Hospital, tmp_path: Path) -> None:
    letter = tmp_path / "letter.dcm"
    letter.write_bytes(b"Dear colleague, thank you for referring this patient.")
    report = hospital.send([letter])
    assert [reason for _, reason in report.failed] == ["not a DICOM file"]
    answer = hospital.upload(letter)
    assert answer.status_code == httpx.codes.OK
    assert answer.json()["accepted"] == 0
    (line,) = answer.json()["quarantined"]
    assert "DICOM" in line["reason"]


def test_after_all_that_the_service_is_well(hospital: Hospital) -> None:
    health = httpx.get(f"{hospital.system.url}/api/health", timeout=30).json()
    assert health["ready"], health
