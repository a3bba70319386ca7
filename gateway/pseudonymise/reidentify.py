"""Gives a result its patient back, or refuses to.

Identity comes from the record of the original study in the vault, never from the result: the result only says which
study it claims to be of, and every claim in it is checked against the records before anything is restored.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from pydicom import DataElement, Dataset
from pydicom._uid_dict import UID_dictionary
from pydicom.uid import UID

from gateway.pseudonymise.identity import derived_uid
from gateway.pseudonymise.record import GENERAL_STUDY_MODULE, PATIENT_MODULE, StudyRecord
from processing.domain.errors import InputRejected

_TYPE_2 = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "StudyID",
)
_TRACES = (
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "LongitudinalTemporalInformationModified",
)
_RESULT_CLASSES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation
        "1.2.840.10008.5.1.4.1.1.88.34",  # Comprehensive 3D SR
        "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture
        "1.2.840.10008.5.1.4.1.1.7.4",  # Multi-frame True Color Secondary Capture
        "1.2.840.10008.5.1.4.1.1.104.1",  # Encapsulated PDF
        "1.2.840.10008.5.1.4.1.1.88.59",  # Key Object Selection
    }
)
_STANDARD_UIDS = frozenset(UID_dictionary)
_MIN_SHIFT_DAYS = 365


class ReleaseRefused(InputRejected):
    """A result may not go to the patient that it claims; it is quarantined with the reason."""


@dataclass(frozen=True)
class Demographics:
    """What the clinical archive says about the patient at the time of release.

    Parameters
    ----------
    patient_id, issuer_of_patient_id, patient_name : str
    birth_date : str
        YYYYMMDD, or empty.
    sex : str
        M, F, O or empty.
    """

    patient_id: str = field(repr=False)
    patient_name: str = field(repr=False)
    birth_date: str = field(repr=False)
    sex: str = field(repr=False)
    issuer_of_patient_id: str = field(default="", repr=False)


def reidentify(
    result: Dataset,
    current: StudyRecord,
    prior: StudyRecord | None = None,
    *,
    created: Collection[str] | None = None,
    archive: Demographics | None = None,
) -> Dataset:
    """Return a copy of a result that belongs to the patient and study of the record.

    Parameters
    ----------
    result : Dataset
        As the worker stored it; it is not changed.
    current : StudyRecord
        Of the study that the job was issued for.
    prior : StudyRecord, optional
        Of the study that it was compared with; its images may be referenced too.
    created : collection of str, optional
        SOP Instance UIDs of all objects of this job. With it, a reference to anything else that is no image of the
        two studies is refused; without it, references to objects of Interval's own result classes are let pass.
    archive : Demographics, optional
        The patient as the clinical archive knows them now.

    Raises
    ------
    ReleaseRefused
        If the result, the records and the archive do not agree on one patient and one study.
    """
    _refuse_mixed_records(current, prior)
    if archive is not None:
        _refuse_changed_patient(current, archive)
    _refuse_foreign_result(result, current)
    _refuse_foreign_references(result, current, prior, created)
    released = copy.deepcopy(result)
    # Text is decoded before the character set changes; the restored names need not fit into the result's own.
    released.decode()
    _Restoration(current, prior).restore(released)
    _restore_modules(released, current)
    for keyword in _TRACES:
        if keyword in released:
            delattr(released, keyword)
    released.SpecificCharacterSet = "ISO_IR 192"
    return released


def _refuse_mixed_records(current: StudyRecord, prior: StudyRecord | None) -> None:
    if prior is not None and (prior.identity != current.identity or prior.pseudonym != current.pseudonym):
        raise ReleaseRefused("the compared studies are not of one patient")


def _refuse_changed_patient(current: StudyRecord, archive: Demographics) -> None:
    patient = current.patient
    known = (
        current.patient_id.strip(),
        current.issuer_of_patient_id.strip(),
        _comparable_name(str(patient.get("PatientName", ""))),
        str(patient.get("PatientBirthDate", "") or ""),
        str(patient.get("PatientSex", "") or ""),
    )
    now = (
        archive.patient_id.strip(),
        archive.issuer_of_patient_id.strip(),
        _comparable_name(archive.patient_name),
        archive.birth_date,
        archive.sex,
    )
    if known != now:
        raise ReleaseRefused("the patient's data in the archive changed since the images were taken over")


def _comparable_name(name: str) -> str:
    return "=".join(group.rstrip("^ ").casefold() for group in name.split("=")).rstrip("=")


def _refuse_foreign_result(result: Dataset, current: StudyRecord) -> None:
    if str(result.get("StudyInstanceUID", "")) != current.study_instance_uid:
        raise ReleaseRefused("the result is of another study than the job was issued for")
    if str(result.get("PatientID", "")) != current.pseudonym:
        raise ReleaseRefused("the result carries another patient's pseudonym")
    if str(result.get("PatientName", "") or "") not in ("", current.pseudonym):
        raise ReleaseRefused("the result carries another patient's name")
    sex, known_sex = (str(data.get("PatientSex", "") or "") for data in (result, current.patient))
    if sex and sex != known_sex:
        raise ReleaseRefused("the result is of a patient of another sex")
    sop_instance_uid = str(result.get("SOPInstanceUID", ""))
    if not sop_instance_uid or current.original_uid(sop_instance_uid) is not None:
        raise ReleaseRefused("the result would take the place of one of the patient's own images")
    if current.original_uid(str(result.get("SeriesInstanceUID", ""))) is not None:
        raise ReleaseRefused("the result would be filed among the patient's own images")


def _refuse_foreign_references(
    result: Dataset, current: StudyRecord, prior: StudyRecord | None, created: Collection[str] | None
) -> None:
    records = (current,) if prior is None else (current, prior)
    images = {uid for record in records for uid in record.instances}
    studies = {record.study_instance_uid for record in records}
    own = str(result.get("SOPInstanceUID", ""))
    for item in _items(result):
        study = str(item.get("StudyInstanceUID", ""))
        if study and study not in studies:
            raise ReleaseRefused("the result refers to a study that it was not made from")
        reference = str(item.get("ReferencedSOPInstanceUID", ""))
        if not reference or reference in images or reference == own:
            continue
        if created is not None and reference in created:
            continue
        if created is None and str(item.get("ReferencedSOPClassUID", "")) in _RESULT_CLASSES:
            continue
        raise ReleaseRefused("the result refers to an image that is not of this patient's compared studies")


def _items(dataset: Dataset) -> Iterator[Dataset]:
    yield dataset
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from _items(item)


class _Restoration:
    """Puts original UIDs and dates back, at every depth."""

    def __init__(self, current: StudyRecord, prior: StudyRecord | None) -> None:
        self._records = (current,) if prior is None else (current, prior)
        self._release_key = bytes.fromhex(current.release_key)
        self._shift = timedelta(days=current.shift_days)
        study_date = _day(str(current.general_study.get("StudyDate", "") or ""))
        # A date that was written at the time of the result is later than the study; moved by a shift of at least a
        # year it would lie a year and more behind the study, where no date of the images themselves can lie.
        self._latest = (study_date or date.today()) + timedelta(days=_MIN_SHIFT_DAYS)

    def restore(self, dataset: Dataset) -> None:
        for item in _items(dataset):
            for element in item:
                if element.VR == "UI":
                    _change_values(element, self._uid)
                elif element.VR in ("DA", "DT"):
                    _change_values(element, self._date)
        meta = getattr(dataset, "file_meta", None)
        if meta is not None and "MediaStorageSOPInstanceUID" in meta:
            meta.MediaStorageSOPInstanceUID = UID(str(dataset.SOPInstanceUID))

    def _uid(self, value: str) -> str:
        if value in _STANDARD_UIDS:
            return value
        for record in self._records:
            original = record.original_uid(value)
            if original is not None:
                return original
        return derived_uid(self._release_key, value.encode())

    def _date(self, value: str) -> str:
        day = _day(value[:8])
        if day is None:
            return value
        original = day + self._shift
        return f"{original:%Y%m%d}{value[8:]}" if original <= self._latest else value


def _change_values(element: DataElement, change: Callable[[str], str]) -> None:
    if not element.value:
        return
    if element.VM > 1:
        element.value = [change(str(value)) for value in element.value]
    else:
        element.value = change(str(element.value))


def _day(value: str) -> date | None:
    try:
        return date(int(value[:4]), int(value[4:6]), int(value[6:8]))
    except ValueError:
        return None


def _restore_modules(released: Dataset, current: StudyRecord) -> None:
    """Put the Patient and General Study modules of the original study in place of the result's."""
    for element in list(released):
        if element.tag.group == 0x0010 or element.keyword in GENERAL_STUDY_MODULE:
            del released[element.tag]
    for module, keywords in ((current.patient, PATIENT_MODULE), (current.general_study, GENERAL_STUDY_MODULE)):
        for keyword in keywords:
            if keyword in module:
                released[keyword] = module[keyword]
    for keyword in _TYPE_2:
        if keyword not in released:
            setattr(released, keyword, "")
    released.StudyInstanceUID = UID(current.original_study_instance_uid)
