"""What the vault keeps of a study, so that its results find the way back to the patient."""

from __future__ import annotations

import hashlib
import hmac
import warnings
from io import BytesIO

from pydantic import BaseModel, ConfigDict, Field
from pydicom import Dataset, dcmread

from gateway.pseudonymise.apply import PseudonymisedInstance
from gateway.pseudonymise.encoded import NotCleanable, data_set_offset
from gateway.pseudonymise.identity import PatientIdentity, Pseudonymiser
from processing.dicom.unreadable import UNREADABLE

PATIENT_MODULE = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "TypeOfPatientID",
    "IssuerOfPatientIDQualifiersSequence",
    "PatientBirthDate",
    "PatientBirthTime",
    "PatientSex",
    "OtherPatientIDsSequence",
    "OtherPatientNames",
    "EthnicGroup",
    "PatientComments",
    "PatientSpeciesDescription",
)
"""Attributes of PS3.3 C.7.1.1 that are restored."""

GENERAL_STUDY_MODULE = (
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "IssuerOfAccessionNumberSequence",
    "ReferringPhysicianName",
    "ReferringPhysicianIdentificationSequence",
    "ConsultingPhysicianName",
    "StudyDescription",
    "ProcedureCodeSequence",
    "PhysiciansOfRecord",
    "NameOfPhysiciansReadingStudy",
    "RequestingService",
    "ReferencedStudySequence",
    "StudyID",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
)
"""Attributes of PS3.3 C.7.2.1, and of C.7.2.2 (Patient Study) what an image needs, that are restored."""

_TWO_CONTENTS = "two images have the same SOP Instance UID and different contents"


class StudyRecord(BaseModel):
    """A study as it was, and the way from each pseudonymous UID to the original one.

    Parameters
    ----------
    study_instance_uid, original_study_instance_uid : str
    pseudonym, key_id : str
    shift_days : int
        Days by which dates were moved into the past.
    patient_id, issuer_of_patient_id : str
    release_key : str
        Hexadecimal; makes the identified-side UIDs of what Interval created for this patient.
    patient_module, general_study_module : str
        DICOM JSON model of the original attributes, in UTF-8.
    series, instances, frames_of_reference, other_uids : dict
        Pseudonymous UID -> original UID: of the study's own series and images, and of all else they name.
    digests : dict
        Pseudonymous SOP Instance UID -> SHA-256 of the original data set, to notice another content under the same UID.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    study_instance_uid: str
    original_study_instance_uid: str = Field(repr=False)
    pseudonym: str
    key_id: str
    shift_days: int = Field(repr=False)
    patient_id: str = Field(repr=False)
    issuer_of_patient_id: str = Field(repr=False)
    release_key: str = Field(repr=False)
    patient_module: str = Field(repr=False)
    general_study_module: str = Field(repr=False)
    series: dict[str, str] = Field(repr=False)
    instances: dict[str, str] = Field(repr=False)
    frames_of_reference: dict[str, str] = Field(repr=False)
    other_uids: dict[str, str] = Field(repr=False)
    digests: dict[str, str] = Field(default_factory=dict, repr=False)

    @property
    def identity(self) -> PatientIdentity:
        """Whose study it is."""
        return PatientIdentity(self.patient_id, self.issuer_of_patient_id)

    @property
    def patient(self) -> Dataset:
        """The original attributes of the Patient module."""
        return _read(self.patient_module)

    @property
    def general_study(self) -> Dataset:
        """The original attributes of the General Study module."""
        return _read(self.general_study_module)

    def original_uid(self, pseudonymous_uid: str) -> str | None:
        """Return the original of a pseudonymous UID, or None where this study does not know it."""
        if pseudonymous_uid == self.study_instance_uid:
            return self.original_study_instance_uid
        for uids in (self.instances, self.series, self.frames_of_reference, self.other_uids):
            if pseudonymous_uid in uids:
                return uids[pseudonymous_uid]
        return None

    def merged_with(self, later: StudyRecord) -> StudyRecord:
        """Return the record of the same study after more of it was pseudonymised.

        A name, birth date or sex that changed meanwhile does not slip in: the first one stays until an operator
        corrects it (`gateway.pseudonymise.corrections`), and until then no result is released.

        Raises
        ------
        NotCleanable
            If the two are not of one study of one patient, or hold an image with the same UID and another content.
        """
        own = (
            self.study_instance_uid,
            self.original_study_instance_uid,
            self.pseudonym,
            self.shift_days,
            self.identity,
        )
        if own != (
            later.study_instance_uid,
            later.original_study_instance_uid,
            later.pseudonym,
            later.shift_days,
            later.identity,
        ):
            raise NotCleanable("two sets of images claim to be one study, but are not of one patient")
        if any(self.digests.get(uid, digest) != digest for uid, digest in later.digests.items()):
            raise NotCleanable(_TWO_CONTENTS)
        same_person = _person(self.patient) == _person(later.patient)
        return later.model_copy(
            update={
                "patient_module": later.patient_module if same_person else self.patient_module,
                "digests": {**self.digests, **later.digests},
                "series": {**self.series, **later.series},
                "instances": {**self.instances, **later.instances},
                "frames_of_reference": {**self.frames_of_reference, **later.frames_of_reference},
                "other_uids": {**self.other_uids, **later.other_uids},
            }
        )


class StudyRecordBuilder:
    """Collects the record of one study while its instances are pseudonymised one by one.

    Parameters
    ----------
    pseudonymiser : Pseudonymiser
    """

    def __init__(self, pseudonymiser: Pseudonymiser) -> None:
        self._pseudonymiser = pseudonymiser
        self._first: PseudonymisedInstance | None = None
        self._patient_module = ""
        self._general_study_module = ""
        self._digests: dict[str, str] = {}
        self._series: dict[str, str] = {}
        self._instances: dict[str, str] = {}
        self._frames_of_reference: dict[str, str] = {}
        self._other_uids: dict[str, str] = {}

    def add(self, instance: PseudonymisedInstance, original_part10: bytes) -> None:
        """Add an instance; the same one twice changes nothing.

        Raises
        ------
        NotCleanable
            If it is not of the same study and patient as those before, or repeats a SOP Instance UID with another
            content.
        """
        if self._first is None:
            self._first = instance
            self._patient_module, self._general_study_module = _modules(original_part10)
        first = self._first
        if instance.original_study_instance_uid != first.original_study_instance_uid:
            raise NotCleanable("an image of another study came with this one")
        if instance.identity != first.identity or instance.demographics != first.demographics:
            raise NotCleanable("the images of this study do not agree on the patient's identity")
        digest = hashlib.sha256(memoryview(original_part10)[data_set_offset(original_part10) :]).hexdigest()
        if self._digests.setdefault(instance.sop_instance_uid, digest) != digest:
            raise NotCleanable(_TWO_CONTENTS)
        self._series[instance.series_instance_uid] = instance.original_series_instance_uid
        self._instances[instance.sop_instance_uid] = instance.original_sop_instance_uid
        if instance.frame_of_reference_uid in instance.uid_map:
            frame = instance.frame_of_reference_uid
            self._frames_of_reference[frame] = instance.uid_map[frame]
        self._other_uids.update(instance.uid_map)

    def build(self) -> StudyRecord:
        """Return the record of what was added.

        Raises
        ------
        NotCleanable
            If nothing was added.
        """
        first = self._first
        if first is None:
            raise NotCleanable("the study has no image that can be pseudonymised")
        own = {first.study_instance_uid, *self._series, *self._instances, *self._frames_of_reference}
        keys = self._pseudonymiser.subkeys(first.identity)
        return StudyRecord(
            study_instance_uid=first.study_instance_uid,
            original_study_instance_uid=first.original_study_instance_uid,
            pseudonym=first.pseudonym,
            key_id=first.key_id,
            shift_days=first.shift_days,
            patient_id=first.identity.patient_id,
            issuer_of_patient_id=first.identity.issuer_of_patient_id,
            release_key=hmac.digest(keys.release, first.identity.message, "sha256").hex(),
            patient_module=self._patient_module,
            general_study_module=self._general_study_module,
            series=dict(self._series),
            instances=dict(self._instances),
            frames_of_reference=dict(self._frames_of_reference),
            other_uids={uid: original for uid, original in self._other_uids.items() if uid not in own},
            digests=dict(self._digests),
        )


def _person(patient: Dataset) -> tuple[str, str, str]:
    name = str(patient.get("PatientName", "") or "").rstrip("^ ")
    return name, str(patient.get("PatientBirthDate", "") or ""), str(patient.get("PatientSex", "") or "")


def _read(module: str) -> Dataset:
    with warnings.catch_warnings():
        # As in `_modules`: a date that is none was kept as it came, and is given back so.
        warnings.simplefilter("ignore")
        return Dataset.from_json(module)


def _modules(original_part10: bytes) -> tuple[str, str]:
    """Return the Patient and General Study modules as DICOM JSON."""
    try:
        with warnings.catch_warnings():
            # Real headers break rules about values that are only kept and given back here.
            warnings.simplefilter("ignore")
            original = dcmread(BytesIO(original_part10), stop_before_pixels=True)
            return module_json(original, PATIENT_MODULE), module_json(original, GENERAL_STUDY_MODULE)
    except UNREADABLE as error:
        raise NotCleanable("the patient's and the study's data in the header can't be read") from error


def module_json(original: Dataset, keywords: tuple[str, ...]) -> str:
    """Return some attributes of a data set as DICOM JSON, their text decoded."""
    module = Dataset()
    for keyword in keywords:
        if keyword in original:
            module[keyword] = original[keyword]
    # What a character set can't decode must not be guessed: the name would come back wrong on the result.
    module.SpecificCharacterSet = original.get("SpecificCharacterSet", None) or "ISO_IR 6"
    module.decode()
    del module.SpecificCharacterSet
    return module.to_json()
