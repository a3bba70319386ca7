"""The whole way on the phantom: by C-STORE in, reviewed in a browser, back in the PACS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    Comprehensive3DSRStorage,
    MRImageStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from demo.installation import REPOSITORY
from demo.scanner import DEMO_PATIENT
from demo.story import DEMO_READER
from demo.studies import StudyToSend, studies_from_phantom
from gateway.api.schemas import CaseDetail
from processing.domain.case import CaseState
from processing.domain.decision import Verdict
from processing.domain.result import LesionChange
from tests.e2e.hospital import Hospital
from tests.e2e.objects import dicom_errors, numbers, of_class, segments_at
from validation.phantom import DEMO_PHANTOM, LesionKind, Phantom, make_phantom

VOLUME = "118565006"
ADDED_VOLUME = "ADDEDVOLUME"
LOST_VOLUME = "LOSTVOLUME"
NUMBER_OF_LESIONS = "246206008"


@dataclass(frozen=True)
class Sent:
    """The phantom as the scanner sent it, and its case when it was ready for review."""

    phantom: Phantom
    prior: StudyToSend
    current: StudyToSend
    ready: CaseDetail


@dataclass(frozen=True)
class Reviewed:
    """The case after a review in the browser, and what the PACS then held."""

    verdicts: dict[int, Verdict]
    detail: CaseDetail
    objects: Sequence[pydicom.Dataset]


@pytest.fixture(scope="module")
def sent(hospital: Hospital, tmp_path_factory: pytest.TempPathFactory) -> Sent:
    prior, current = studies_from_phantom(tmp_path_factory.mktemp("phantom"), print)
    hospital.send(prior.files)
    hospital.send(current.files)
    ready = hospital.wait(current.patient_id, CaseState.READY_FOR_REVIEW, study_date=current.study_date)
    return Sent(make_phantom(DEMO_PHANTOM), prior, current, ready)


@pytest.fixture(scope="module")
def reviewed(hospital: Hospital, sent: Sent, tmp_path_factory: pytest.TempPathFactory) -> Reviewed:
    """Let a browser do the whole review; it checks the pictures' pixels on its way."""
    pictures = tmp_path_factory.mktemp("pictures")
    environment = dict(os.environ) | {
        "BASE_URL": hospital.system.url,
        "REVIEW_USER": DEMO_READER,
        "REVIEW_PASSWORD": hospital.system.secret(DEMO_READER),
        "REVIEW_CASE": sent.ready.summary.case_id,
        "SCREENSHOT_DIR": str(pictures),
    }
    npm = shutil.which("npm")
    assert npm is not None
    run = subprocess.run(
        (npm, "run", "--silent", "e2e"),
        cwd=REPOSITORY / "viewer",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    decided = json.loads((pictures / "review.json").read_text(encoding="utf-8"))
    detail = hospital.wait(sent.current.patient_id, CaseState.ARCHIVED, study_date=sent.current.study_date)
    return Reviewed(
        verdicts={int(number): Verdict(verdict) for number, verdict in decided["verdicts"].items()},
        detail=detail,
        objects=hospital.in_pacs(sent.current.study_instance_uid),
    )


def test_the_earlier_study_is_kept_as_a_baseline(hospital: Hospital, sent: Sent) -> None:
    hospital.wait(sent.prior.patient_id, CaseState.BASELINE, study_date=sent.prior.study_date)


def test_every_series_is_taken_or_left_with_a_reason(sent: Sent) -> None:
    assert {line.role for line in sent.ready.series} >= {"FLAIR", "T1", "T2", None}
    assert all(line.reason for line in sent.ready.series)


def test_every_new_lesion_of_50_mm3_is_found_with_at_most_2_false_positives(sent: Sent) -> None:
    found = np.array([lesion.centroid_index for lesion in sent.ready.lesions if lesion.change.increase])
    truth = sent.phantom.increases()
    hit = [int(truth[tuple(index)]) for index in found]
    new = {
        change.number for change in sent.phantom.changes if change.kind is LesionKind.NEW and change.volume_mm3 >= 50
    }
    assert new <= set(hit)
    assert hit.count(0) <= 2


def test_the_research_archive_knows_nobody(hospital: Hospital, sent: Sent) -> None:
    originals = pydicom.dcmread(sent.current.files[-1])
    secrets = {
        str(originals.PatientID),
        str(DEMO_PATIENT.name).split("^")[0],
        str(originals.StudyInstanceUID),
        str(originals.SeriesInstanceUID),
        str(originals.AccessionNumber),
        str(originals.StudyDate),
        str(originals.InstitutionName),
    }
    objects = hospital.in_research()
    assert len(objects) > 100
    for dataset in objects:
        text = str(dataset)
        assert not [secret for secret in secrets if secret in text]
        assert dataset.PatientIdentityRemoved == "YES"


def test_the_browser_review_reaches_the_pacs(reviewed: Reviewed) -> None:
    assert Verdict.REJECTED in reviewed.verdicts.values()
    review = reviewed.detail.review
    assert review is not None
    assert review.signed_at is not None
    assert review.rating == 4


def test_only_accepted_lesions_leave_under_the_patients_own_name(sent: Sent, reviewed: Reviewed) -> None:
    accepted = [number for number, verdict in reviewed.verdicts.items() if verdict is Verdict.ACCEPTED]
    (segmentation,) = of_class(reviewed.objects, SegmentationStorage)
    (report,) = of_class(reviewed.objects, Comprehensive3DSRStorage)
    assert len(segmentation.SegmentSequence) == len(accepted)
    assert numbers(report, NUMBER_OF_LESIONS) == [len(accepted)]
    lesions = [lesion for lesion in sent.ready.lesions if lesion.number in accepted]
    for concept, wanted in (
        (VOLUME, [lesion.volume_mm3 for lesion in lesions if lesion.change is LesionChange.NEW]),
        (LOST_VOLUME, [lesion.volume_mm3 for lesion in lesions if not lesion.change.increase]),
    ):
        assert sorted(numbers(report, concept)) == pytest.approx(sorted(wanted), abs=0.06)
    grown = [lesion.volume_mm3 for lesion in lesions if lesion.change is LesionChange.GROWING]
    # The sum over all accepted lesions that are new or grew stands under the same concept.
    total = sum(lesion.volume_mm3 for lesion in lesions if lesion.change.increase)
    wanted_added = [*grown, *([total] if total else [])]
    assert sorted(numbers(report, ADDED_VOLUME)) == pytest.approx(sorted(wanted_added), abs=0.06)
    assert len(of_class(reviewed.objects, SecondaryCaptureImageStorage)) >= len(accepted)
    original = pydicom.dcmread(sent.current.files[-1])
    for dataset in reviewed.objects:
        assert dataset.PatientID == original.PatientID
        assert str(dataset.PatientName) == str(original.PatientName)
        assert dataset.PatientBirthDate == original.PatientBirthDate
        assert dataset.StudyInstanceUID == original.StudyInstanceUID
        assert dataset.StudyDate == original.StudyDate
        assert dataset.AccessionNumber == original.AccessionNumber
        assert "PatientIdentityRemoved" not in dataset


def test_the_segmentation_lies_on_the_true_lesions(sent: Sent, reviewed: Reviewed) -> None:
    """Read by highdicom in the frame of reference of the images that the scanner sent."""
    flair = next(
        header
        for header in (pydicom.dcmread(path, stop_before_pixels=True) for path in sent.current.files)
        if header.get("InversionTime")
    )
    (segmentation,) = of_class(reviewed.objects, SegmentationStorage)
    assert segmentation.FrameOfReferenceUID == flair.FrameOfReferenceUID
    assert segmentation.ReferencedSeriesSequence[0].SeriesInstanceUID == flair.SeriesInstanceUID
    accepted = {number for number, verdict in reviewed.verdicts.items() if verdict is Verdict.ACCEPTED}
    truth = sent.phantom.increases()
    grid = sent.phantom.current_lesions.grid
    tested = 0
    for lesion in sent.ready.lesions:
        label = int(truth[tuple(lesion.centroid_index)])
        if lesion.number in accepted and label:
            points = grid.index_to_lps(np.argwhere(truth == label))
            assert (segments_at(reviewed.objects, points) > 0).mean() > 0.5
            tested += 1
    assert tested >= 3


def test_the_registered_prior_lies_on_the_current_grid(sent: Sent, reviewed: Reviewed) -> None:
    derived = of_class(reviewed.objects, MRImageStorage)
    assert derived
    grid = sent.phantom.current_lesions.grid
    positions = {tuple(np.round(grid.index_to_lps((z, 0, 0)), 2)) for z in range(grid.shape[0])}
    for image in derived:
        assert image.ImageType[0] == "DERIVED"
        place = tuple(np.round([float(value) for value in image.ImagePositionPatient], 2))
        assert min(np.abs(np.subtract(place, one)).max() for one in positions) < 0.02


def test_dciodvfy_finds_no_error_in_what_the_pacs_received(reviewed: Reviewed, tmp_path: Path) -> None:
    found = {
        dataset.SOPClassUID.name: errors for dataset in reviewed.objects if (errors := dicom_errors(dataset, tmp_path))
    }
    assert found == {}


def test_sending_the_same_study_again_changes_nothing(hospital: Hospital, sent: Sent, reviewed: Reviewed) -> None:
    before = reviewed.detail
    hospital.send(sent.current.files)
    # Long enough for the gateway to have seen the archive's changes and let the quiet time pass.
    hospital.settle()
    with hospital.reader() as reader:
        (case,) = hospital.cases(sent.current.patient_id, sent.current.study_date, reader)
        after = reader.case(case.case_id)
    assert after.summary.case_id == before.summary.case_id
    assert after.summary.state is CaseState.ARCHIVED
    assert len(after.events) == len(before.events)
    assert len(hospital.in_pacs(sent.current.study_instance_uid)) == len(reviewed.objects)
