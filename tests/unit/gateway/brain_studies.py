"""Small brain studies with headers like a scanner's, whole or spoilt on purpose."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage

SLICES, SIDE = 24, 16
SLICE_GAP_MM, PIXEL_MM = 5.0, 8.0

_PHYSICS: dict[str, dict[str, object]] = {
    "FLAIR": {
        "ScanningSequence": ["SE", "IR"],
        "SequenceVariant": ["SK", "SP"],
        "RepetitionTime": "9000",
        "EchoTime": "92",
        "InversionTime": "2500",
        "FlipAngle": "150",
    },
    "T1": {
        "ScanningSequence": ["GR", "IR"],
        "SequenceVariant": ["SP", "MP"],
        "RepetitionTime": "2300",
        "EchoTime": "3",
        "InversionTime": "900",
        "FlipAngle": "9",
    },
    "T2": {
        "ScanningSequence": ["SE"],
        "SequenceVariant": ["SK"],
        "RepetitionTime": "5000",
        "EchoTime": "95",
        "FlipAngle": "150",
    },
}


def new_uid() -> str:
    return f"2.25.{uuid.uuid4().int}"


@dataclass(frozen=True)
class Person:
    """Made up; every one has another patient ID."""

    patient_id: str = field(default_factory=lambda: f"P{uuid.uuid4().hex[:10]}")
    name: str = "Möller^Ida"
    birth_date: str = "19710314"
    sex: str = "F"
    issuer: str = "ELSEWHERE"


def series(
    person: Person,
    study_uid: str,
    study_date: str,
    kind: str = "FLAIR",
    *,
    number: int = 1,
    slices: Sequence[int] = tuple(range(SLICES)),
    **changes: object,
) -> list[Dataset]:
    """Return the images of one series; `slices` says which places of the stack have one."""
    series_uid, frame_uid = new_uid(), new_uid()
    images = []
    for instance_number, place in enumerate(slices, start=1):
        image = _header(person, study_uid, study_date)
        for keyword, value in (_PHYSICS[kind] | changes).items():
            setattr(image, keyword, value)
        image.SeriesInstanceUID = series_uid
        image.FrameOfReferenceUID = frame_uid
        image.SeriesNumber = number
        image.InstanceNumber = instance_number
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = UID(new_uid())
        image.ImagePositionPatient = [-60.0, -60.0, place * SLICE_GAP_MM]
        image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        image.PixelData = np.full((SIDE, SIDE), 100 + place, "<u2").tobytes()
        images.append(image)
    return images


def _header(person: Person, study_uid: str, study_date: str) -> Dataset:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPClassUID = MRImageStorage
    image.SpecificCharacterSet = "ISO_IR 100"
    image.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    image.SOPClassUID = MRImageStorage
    image.StudyDate = image.SeriesDate = image.AcquisitionDate = image.ContentDate = study_date
    image.StudyTime = image.SeriesTime = image.AcquisitionTime = image.ContentTime = "101200"
    image.AccessionNumber = "ACC1"
    image.Modality = "MR"
    image.Manufacturer = "ACME"
    image.ReferringPhysicianName = "Ärztin^Rosa"
    image.PatientName = person.name
    image.PatientID = person.patient_id
    image.IssuerOfPatientID = person.issuer
    image.PatientBirthDate = person.birth_date
    image.PatientSex = person.sex
    image.BodyPartExamined = "BRAIN"
    image.MRAcquisitionType = "2D"
    image.SliceThickness = "5"
    image.StudyInstanceUID = study_uid
    image.StudyID = "1"
    image.PatientPosition = "HFS"
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows = image.Columns = SIDE
    image.PixelSpacing = [PIXEL_MM, PIXEL_MM]
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    return image


def encoded(image: Dataset) -> bytes:
    """Return the Part 10 file."""
    buffer = BytesIO()
    image.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def study(person: Person, study_date: str, *kinds: str) -> tuple[str, list[Dataset]]:
    """Return a new study's UID and the images of its series."""
    study_uid = new_uid()
    parts = [series(person, study_uid, study_date, kind, number=n) for n, kind in enumerate(kinds, start=1)]
    return study_uid, list(itertools.chain.from_iterable(parts))
