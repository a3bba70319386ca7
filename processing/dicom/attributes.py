"""Attributes that every object of Interval shares: patient, study and equipment."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.coding import Code
from pydicom.uid import UID, ExplicitVRLittleEndian
from pydicom.valuerep import DA, TM, DSfloat, PersonName

from processing.dicom.provenance import MANUFACTURER, RESEARCH_USE, SOFTWARE_VERSION, Provenance
from processing.dicom.uids import derived_uid
from processing.domain.errors import InputRejected

CHARACTER_SET = "ISO_IR 192"
"""UTF-8: names keep their letters, whatever the source was encoded in."""

SERIES_NUMBERS = {
    "segmentation": 9001,
    "report": 9002,
    "pictures": 9003,
    "registered prior": 9004,
    "subtraction": 9005,
    "registration": 9006,
    "rejection": 9007,
    "document": 9008,
    "withdrawal": 9009,
    "aligned T1": 9010,
    "aligned T2": 9011,
    "aligned FLAIR": 9012,
}
"""Far above those of scanners, so that Interval's series come last in a list."""

_PATIENT_AND_STUDY = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "LongitudinalTemporalInformationModified",
    "StudyInstanceUID",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "StudyDescription",
    "AccessionNumber",
    "ReferringPhysicianName",
)


def has_true_dates(header: Dataset) -> bool:
    """Whether the dates in a header are the real ones, not those that a pseudonymisation moved."""
    modified = str(header.get("LongitudinalTemporalInformationModified") or "")
    return modified not in {"MODIFIED", "REMOVED"}


@dataclass(frozen=True)
class SeriesFacts:
    """What tells one series of Interval from another."""

    kind: str
    modality: str
    description: str


def text(header: Dataset, keyword: str) -> str:
    """Return an attribute as text, empty when it is absent."""
    value = header.get(keyword)
    return "" if value is None else str(value)


def study_moment(header: Dataset) -> tuple[str, str]:
    """Return date and time of the study as DA and TM strings; either may be empty."""
    return text(header, "StudyDate"), text(header, "StudyTime")


def content_moment(header: Dataset, signed_at: datetime | None) -> tuple[DA | None, TM | None]:
    """Return the date and time of an object's content.

    A signed object was made when it was signed, by the clock of the review's own time zone. A draft takes the study's
    own moment: the clock would tell the true date of a study whose dates were moved, and the same order twice shall
    give the same object.
    """
    if signed_at is not None:
        return DA(signed_at.strftime("%Y%m%d")), TM(signed_at.strftime("%H%M%S"))
    date, time = study_moment(header)
    return DA(date or "19000101"), TM(time or "000000")


def set_identity(
    target: Dataset, header: Dataset, provenance: Provenance, facts: SeriesFacts, *, signed_at: datetime | None
) -> None:
    """Give an object the patient and study of its source and Interval's equipment and series.

    Parameters
    ----------
    target : Dataset
        Changed in place.
    header : Dataset
        A header of the current study.
    provenance : Provenance
    facts : SeriesFacts
    signed_at : datetime or None
        With time zone; None for a draft.

    Raises
    ------
    InputRejected
        If the source has no Study Instance UID.
    """
    if not text(header, "StudyInstanceUID"):
        raise InputRejected("The current series has no study it belongs to.")
    target.SpecificCharacterSet = CHARACTER_SET
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex"):
        setattr(target, keyword, "")
    for keyword in ("StudyID", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName"):
        setattr(target, keyword, "")
    for keyword in _PATIENT_AND_STUDY:
        if keyword in header:
            setattr(target, keyword, _portable(header[keyword].value))
    date, time = content_moment(header, signed_at)
    target.ContentDate, target.ContentTime = date, time
    target.SeriesDate, target.SeriesTime = date, time
    if signed_at is not None:
        # Without it (PS3.3 C.12.1) nobody can tell what moment a date and time of day mean.
        target.TimezoneOffsetFromUTC = signed_at.strftime("%z")[:5]
    for keyword in ("InstanceCreationDate", "InstanceCreationTime"):
        if keyword in target:
            delattr(target, keyword)
    for equipment in target.get("ContributingEquipmentSequence", []):
        # highdicom notes the time by the clock.
        if "ContributionDateTime" in equipment:
            del equipment.ContributionDateTime
    target.Modality = facts.modality
    target.SeriesInstanceUID = provenance.uid(facts.kind)
    target.SeriesNumber = SERIES_NUMBERS[facts.kind]
    target.SeriesDescription = facts.description
    set_equipment(target, provenance)


def set_equipment(target: Dataset, provenance: Provenance) -> None:
    """Name Interval as the maker of an object."""
    target.Manufacturer = MANUFACTURER
    target.ManufacturerModelName = provenance.title[:64]
    target.SoftwareVersions = list(provenance.software_versions)
    target.DeviceSerialNumber = provenance.device_serial_number[:64]


def set_instance(target: Dataset, sop_class_uid: UID, sop_instance_uid: str, number: int) -> None:
    """Make a dataset an instance of a class that can be written to a file (PS3.10 section 7.1)."""
    target.SOPClassUID = sop_class_uid
    target.SOPInstanceUID = UID(sop_instance_uid)
    target.InstanceNumber = number
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class_uid
    meta.MediaStorageSOPInstanceUID = UID(sop_instance_uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(derived_uid("interval"))
    meta.ImplementationVersionName = f"INTERVAL {SOFTWARE_VERSION}"
    target.file_meta = meta


def code_item(code: Code) -> Dataset:
    """Return a code as an item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning
    return item


def decimal(value: float) -> DSfloat:
    """Return a number as a decimal string of at most 16 characters."""
    return DSfloat(float(value), auto_format=True)


def own_copy(dataset: Dataset) -> Dataset:
    """Return a copy that shares no element: whoever changes one object of a series changes only that one."""
    copied = Dataset()
    for element in dataset:
        value = copy.deepcopy(element.value) if element.VR == "SQ" else element.value
        copied[element.tag] = DataElement(element.tag, element.VR, value, already_converted=True)
    return copied


def described(words: str) -> str:
    """Return a series description that says what the series is not (at most 64 characters, LO)."""
    return f"{words} - {RESEARCH_USE.lower()}"[:64]


def _portable(value: Any) -> Any:
    """Detach a person's name from the character set that it was read in, and a sequence from its source."""
    return str(value) if isinstance(value, PersonName) else copy.deepcopy(value)
