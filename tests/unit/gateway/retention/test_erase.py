"""Erasure takes everything of the one patient, and nothing of anybody else."""

from __future__ import annotations

import inspect
import re
from io import BytesIO

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from gateway.db.tables import Base, Case, Correction
from gateway.flow.erasure import names_patient
from gateway.pseudonymise.identity import PatientIdentity
from gateway.retention import erase
from gateway.retention.erase import erase_rows, rows_of
from processing.domain.case import CaseState
from tests.unit.gateway.rows import NOW, add_case


def moved(session: Session, study_uid: str, before: str, after: str) -> None:
    """Note that an operator confirmed a study of one patient as another's."""
    row = Correction(at=NOW, operation="merge", actor="otto", reason="filed wrongly", changed="PatientID")
    row.study_uid = row.new_study_uid = study_uid
    row.pseudonym, row.new_pseudonym = before, after
    session.add(row)
    session.flush()


def test_no_table_that_knows_a_case_is_forgotten() -> None:
    """Whoever adds a table about a patient's case has to erase its rows too; the audit trail alone stays."""
    tells = {"case_id", "study_uid", "pseudonym", "job_id", "review_id", "row_key"}
    about_patients = {
        mapper.class_.__name__
        for mapper in Base.registry.mappers
        if tells & {column.name for column in mapper.local_table.columns}
    }
    erased = set(re.findall(r"\b[A-Z]\w+", inspect.getsource(erase)))
    assert about_patients - erased == {"AuditEntry"}


def left(session: Session) -> set[str]:
    return set(session.scalars(select(Case.study_uid)))


def test_a_patient_who_lost_a_study_to_the_erased_one_keeps_the_others(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        add_case(session, CaseState.BASELINE, study_uid="2.25.1", pseudonym="IV-ERASED")
        add_case(session, CaseState.BASELINE, study_uid="2.25.2", pseudonym="IV-OTHER")
        moved(session, "2.25.1", "IV-OTHER", "IV-ERASED")
        rows = rows_of(session, {"IV-ERASED"})
        erase_rows(session, rows)
        assert rows.pseudonyms == {"IV-ERASED"}
        assert left(session) == {"2.25.2"}


def test_a_study_that_went_on_to_somebody_else_stays(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        add_case(session, CaseState.BASELINE, study_uid="2.25.1", pseudonym="IV-OTHER")
        add_case(session, CaseState.BASELINE, study_uid="2.25.2", pseudonym="IV-ERASED")
        moved(session, "2.25.1", "IV-FIRST", "IV-ERASED")
        moved(session, "2.25.1", "IV-ERASED", "IV-OTHER")
        rows = rows_of(session, {"IV-ERASED"})
        erase_rows(session, rows)
        assert rows.study_uids == ("2.25.2",)
        assert left(session) == {"2.25.1"}


def test_names_from_before_two_merges_are_the_patient_s_own(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        add_case(session, CaseState.BASELINE, study_uid="2.25.3", pseudonym="IV-NOW")
        moved(session, "2.25.3", "IV-FIRST", "IV-THEN")
        moved(session, "2.25.3", "IV-THEN", "IV-NOW")
        rows = rows_of(session, {"IV-NOW"})
        erase_rows(session, rows)
        assert rows.pseudonyms == {"IV-FIRST", "IV-THEN", "IV-NOW"}
        assert left(session) == set()
        assert session.scalars(select(Correction)).all() == []


def _file(patient_id: str, issuer: str = "") -> bytes:
    dataset = Dataset()
    dataset.PatientID, dataset.IssuerOfPatientID, dataset.PatientName = patient_id, issuer, "Room 12"
    dataset.file_meta = FileMetaDataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = EncapsulatedPDFStorage, "2.25.9"
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    with BytesIO() as buffer:
        dataset.save_as(buffer, enforce_file_format=True)
        return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "his"),
    [
        (_file("12"), True),
        (_file("12 "), True),
        (_file("12", "elsewhere"), False),
        (_file("312"), False),
        (_file(""), True),  # it says no ID, but the number stands in it
        (b"letter about patient 12, born", True),
        (b"letter about patient 3125", False),
    ],
)
def test_a_quarantined_file_goes_with_its_own_patient_only(content: bytes, his: bool) -> None:
    assert names_patient(content, PatientIdentity("12")) is his
