"""Who a study belongs to, as far as a single image of it says: enough to name the case, before any pixel is used."""

from __future__ import annotations

import hmac
import warnings
from datetime import date, timedelta
from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset

from gateway.clinical_study import ClinicalStudy
from gateway.flow.services import Services
from gateway.pseudonymise.apply import read_identity
from gateway.pseudonymise.encoded import read_encoded
from gateway.pseudonymise.identity import PatientIdentity, Pseudonymiser
from gateway.pseudonymise.record import GENERAL_STUDY_MODULE, PATIENT_MODULE, StudyRecord
from processing.dicom.unreadable import UNREADABLE
from processing.domain.errors import Defect, InputRejected

_NO_PATIENT_ID = "no patient ID, study "
_DATES = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")


def identity_at_sight(content: bytes, study: ClinicalStudy) -> tuple[PatientIdentity, Dataset]:
    """Return whose image a file is, and its header.

    A study without a patient ID is nobody's: it stands for itself under a made-up identity, so that it gets a case
    that says what is wrong, and is never compared with another study.

    Parameters
    ----------
    content : bytes
        One image of the study.
    study : ClinicalStudy
    """
    header = _header(content)
    try:
        return read_identity(read_encoded(content)), header
    except InputRejected:
        patient_id = str(header.get("PatientID", "") or "").strip() or next(iter(study.patient_ids), "")
        issuer = str(header.get("IssuerOfPatientID", "") or "").strip()
    if not patient_id:
        return PatientIdentity(f"{_NO_PATIENT_ID}{study.study_instance_uid}"), header
    return PatientIdentity(patient_id, issuer), header


def look_up(services: Services, study_uid: str) -> tuple[StudyRecord, ClinicalStudy]:
    """Return a study as the vault and as the clinical archive hold it.

    Raises
    ------
    Defect
        If the vault holds no entry.
    InputRejected
        If the study is gone, or nobody can tell whose it is.
    """
    try:
        record = services.vault.get(study_uid)
    except KeyError as error:
        raise Defect("The vault holds no entry for this study.") from error
    study = services.clinical.study(record.original_study_instance_uid)
    if study is None or not study.images:
        raise InputRejected("The clinical archive no longer holds the study.")
    if len(study.patient_ids) > 1:
        raise InputRejected("The study arrived under several patient IDs; nobody can tell whose it is.")
    if not has_patient_id(record) and not any(study.patient_ids):
        raise InputRejected("The images carry no patient ID, so they can't be told from another patient's.")
    return record, study


def has_patient_id(record: StudyRecord) -> bool:
    """Whether the images of a study said whose they are."""
    return not record.patient_id.startswith(_NO_PATIENT_ID)


def record_at_sight(
    header: Dataset, identity: PatientIdentity, study_instance_uid: str, pseudonymiser: Pseudonymiser
) -> StudyRecord:
    """Return what the vault keeps of a study of which nothing was pseudonymised yet."""
    keys = pseudonymiser.subkeys(identity)
    return StudyRecord(
        study_instance_uid=pseudonymiser.uid(study_instance_uid, identity),
        original_study_instance_uid=study_instance_uid,
        pseudonym=pseudonymiser.pseudonym(identity),
        key_id=keys.key_id,
        shift_days=pseudonymiser.shift_days(identity),
        patient_id=identity.patient_id,
        issuer_of_patient_id=identity.issuer_of_patient_id,
        release_key=hmac.digest(keys.release, identity.message, "sha256").hex(),
        patient_module=_module(header, PATIENT_MODULE),
        general_study_module=_module(header, GENERAL_STUDY_MODULE),
        series={},
        instances={},
        frames_of_reference={},
        other_uids={},
    )


def shifted_study_date(header: Dataset, shift_days: int) -> str:
    """Return the study's date as YYYYMMDD, moved like all dates of the patient; empty when it has none."""
    for keyword in _DATES:
        text = str(header.get(keyword, "") or "").replace(".", "").strip()
        try:
            day = date(int(text[:4]), int(text[4:6]), int(text[6:8]))
            shifted = day - timedelta(days=shift_days)
        except (ValueError, OverflowError):
            continue
        return f"{shifted:%Y%m%d}"
    return ""


def _header(content: bytes) -> Dataset:
    try:
        with warnings.catch_warnings():
            # Real headers break value rules that touch nothing here.
            warnings.simplefilter("ignore")
            return dcmread(BytesIO(content), stop_before_pixels=True)
    except UNREADABLE:
        return Dataset()


def _module(header: Dataset, keywords: tuple[str, ...]) -> str:
    module = Dataset()
    for keyword in keywords:
        if keyword in header:
            module[keyword] = header[keyword]
    module.SpecificCharacterSet = header.get("SpecificCharacterSet", None) or "ISO_IR 6"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module.decode()
        del module.SpecificCharacterSet
        text: str = module.to_json(suppress_invalid_tags=True)
    return text
