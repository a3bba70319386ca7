"""An unacceptable result: no volume anywhere, and a note of the rejection in the PACS."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom.uid import KeyObjectSelectionDocumentStorage

from demo.studies import write_visits
from processing.domain.case import CaseState
from processing.domain.decision import Acceptance
from tests.e2e.hospital import Hospital
from tests.e2e.objects import dicom_errors, texts
from validation.phantom import SMALL_PHANTOM, make_phantom

REASON = "The prior is motion-blurred."


def test_a_rejected_result_leaves_only_a_note_with_the_reason(
    hospital: Hospital, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    phantom = make_phantom(SMALL_PHANTOM)
    prior, current = write_visits((phantom.prior, phantom.current), tmp_path_factory.mktemp("rejected"), "REJECTED")
    hospital.send(prior.files)
    hospital.send(current.files)
    ready = hospital.wait(current.patient_id, CaseState.READY_FOR_REVIEW, study_date=current.study_date)
    assert ready.lesions
    with hospital.reader() as reader:
        reader.assess(ready.summary.case_id, Acceptance.UNACCEPTABLE, rating=1, comment=REASON)
        reader.sign(ready.summary.case_id)
    archived = hospital.wait(current.patient_id, CaseState.ARCHIVED, study_date=current.study_date)

    assert archived.summary.new_lesions is None
    assert archived.lesions == []
    (note,) = hospital.in_pacs(current.study_instance_uid)
    assert note.SOPClassUID == KeyObjectSelectionDocumentStorage
    assert note.ConceptNameCodeSequence[0].CodeValue == "113001"
    assert REASON in texts(note)
    assert note.PatientID == current.patient_id
    assert dicom_errors(note, tmp_path) == []
    assert "mm3" not in str(note)
    patients_own = {str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID) for path in current.files}
    assert not [uid for uid in patients_own if uid in str(note)]
