"""An unacceptable result: no volume anywhere; in the PACS a note of the rejection and a report that says no more."""

from __future__ import annotations

import re
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import EncapsulatedPDFStorage, KeyObjectSelectionDocumentStorage

from demo.studies import write_visits
from processing.domain.case import CaseState
from processing.domain.decision import Acceptance
from tests.e2e.hospital import Hospital
from tests.e2e.objects import dicom_errors, of_class, printed, texts
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
    stored = hospital.in_pacs(current.study_instance_uid)
    assert len(stored) == 2
    (note,), (report,) = (
        of_class(stored, kind) for kind in (KeyObjectSelectionDocumentStorage, EncapsulatedPDFStorage)
    )
    assert note.ConceptNameCodeSequence[0].CodeValue == "113001"
    assert REASON in texts(note)
    assert "mm3" not in str(note)
    words = printed(report, tmp_path)
    assert REASON in words
    assert current.patient_id in words
    assert not re.search(r"mm(3|³)|\bml\b|[Nn]ew lesion", words)
    for one in stored:
        assert one.PatientID == current.patient_id
        assert dicom_errors(one, tmp_path) == []
    patients_own = {str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID) for path in current.files}
    assert not [uid for uid in patients_own if uid in str(note)]
