"""A scanner: writes studies as classic MR DICOM files, as real scanners do; `send_study` sends them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage
from pydicom.valuerep import DSfloat
from scipy.ndimage import map_coordinates

from demo.examinations import (
    DEMO_PATIENT,
    DEMO_SCANNERS,
    LOCALIZER,
    PatientFacts,
    ScannerFacts,
    SequenceFacts,
    StudyFacts,
    demo_visit,
)
from demo.nifti import read_nifti_visits
from demo.sending import SendReport, find_dicom_files, send_study
from processing.dicom.attributes import own_copy
from processing.dicom.uids import derived_uid
from processing.domain.errors import InputRejected
from processing.domain.imaging import Grid, Volume
from processing.domain.study import SeriesRole

__all__ = [
    "DEMO_PATIENT",
    "DEMO_SCANNERS",
    "PatientFacts",
    "ScannerFacts",
    "SendReport",
    "SequenceFacts",
    "StudyFacts",
    "WrittenStudy",
    "demo_visit",
    "find_dicom_files",
    "in_scanner_planes",
    "read_nifti_visits",
    "send_study",
    "write_study",
]

_IMPLEMENTATION_UID = derived_uid("demo scanner")
_STORED_MAXIMUM = 4095
_MHZ_PER_TESLA = 42.577


@dataclass(frozen=True)
class WrittenStudy:
    """A study on disk."""

    study_instance_uid: str
    files: tuple[Path, ...]


def write_study(
    folder: Path,
    images: Mapping[SeriesRole, Volume],
    *,
    patient: PatientFacts,
    study: StudyFacts,
    scanner: ScannerFacts,
) -> WrittenStudy:
    """Write one visit as a folder of classic MR images, with a localizer before them.

    Parameters
    ----------
    folder : Path
        Created if need be.
    images : mapping of SeriesRole to Volume
        Every volume on a grid with perpendicular axes; they share one frame of reference. Each is written in the
        plane in which its voxels are smallest.
    patient, study, scanner
        What the headers say.

    Raises
    ------
    InputRejected
        If a grid is sheared: DICOM images can't be.
    """
    study_uid = derived_uid("demo study", patient.patient_id, study.started_at.isoformat())
    base = _study_header(study_uid, patient, study, scanner)
    series = [(LOCALIZER, "localizer", _localizer_planes(_first(images)))]
    series += [(scanner.sequences[role], role.value, _planes(volume)) for role, volume in images.items()]
    files: list[Path] = []
    for number, (facts, kind, planes) in enumerate(series, start=1):
        series_folder = folder / f"{number:03d}_{kind}"
        series_folder.mkdir(parents=True, exist_ok=True)
        started = study.started_at + timedelta(minutes=1 + 6 * (number - 1))
        header = _series_header(base, facts, scanner, number, started)
        for index, plane in enumerate(planes, start=1):
            path = series_folder / f"IM{index:04d}.dcm"
            _write_image(path, header, plane, index)
            files.append(path)
    return WrittenStudy(study_uid, tuple(files))


@dataclass(frozen=True, eq=False)
class _Plane:
    """One image: stored pixels, shape (rows, columns), and its place in LPS millimetres."""

    pixels: npt.NDArray[np.uint16]
    position_mm: npt.NDArray[np.float64]
    row_mm: npt.NDArray[np.float64]
    column_mm: npt.NDArray[np.float64]
    thickness_mm: float

    @property
    def spacing_mm(self) -> tuple[float, float]:
        """Distance between rows and between columns."""
        return float(np.linalg.norm(self.column_mm)), float(np.linalg.norm(self.row_mm))


def _first(images: Mapping[SeriesRole, Volume]) -> Volume:
    if not images:
        raise InputRejected("A study without images can't be written.")
    return next(iter(images.values()))


def _planes(volume: Volume) -> list[_Plane]:
    turned = in_scanner_planes(volume)
    axes = turned.grid.affine[:3, :3]
    stored = _stored(turned.array)
    return [
        _Plane(pixels, turned.grid.index_to_lps((z, 0, 0)), axes[:, 2], axes[:, 1], turned.grid.spacing_mm[0])
        for z, pixels in enumerate(stored)
    ]


def _stored(array: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """Turn intensities into stored values: as they are where they fit, scaled where they don't."""
    clipped = np.clip(array, 0, None)
    top = float(clipped.max())
    scale = 1.0 if 255 <= top <= np.iinfo(np.uint16).max else _STORED_MAXIMUM / max(top, 1e-6)
    stored: npt.NDArray[np.uint16] = np.rint(clipped * scale).astype(np.uint16)
    return stored


_DISPLAY_AXES = {0: ((1, 1), (2, -1)), 1: ((0, 1), (2, -1)), 2: ((0, 1), (1, 1))}
"""For a slice normal along LPS axis 0, 1 or 2 the (LPS axis, sign) along which columns and rows are counted: sagittal
images face left to the front, coronal and axial ones the patient's right side to the left."""


def in_scanner_planes(volume: Volume) -> Volume:
    """Swap and flip axes until slices, rows and columns run as a scanner writes them; no voxel moves in the patient.

    The slice axis is the one with the largest spacing; of equals the first.

    Raises
    ------
    InputRejected
        If the axes are not perpendicular.
    """
    directions = volume.grid.directions
    if np.abs(directions.T @ directions - np.eye(3)).max() > 1e-3:
        raise InputRejected("The image's axes are not perpendicular, which DICOM images can't be.")
    spacing = np.array(volume.grid.spacing_mm)
    slice_axis = int(np.argmax(spacing > spacing.max() - 1e-3))
    towards = [int(np.abs(directions[:, axis]).argmax()) for axis in range(3)]
    others = [axis for axis in range(3) if axis != slice_axis]
    (column_lps, column_sign), (row_lps, row_sign) = _DISPLAY_AXES[towards[slice_axis]]
    x_axis = max(others, key=lambda axis: abs(directions[column_lps, axis]))
    y_axis = next(axis for axis in others if axis != x_axis)
    order = (slice_axis, y_axis, x_axis)
    array = np.transpose(volume.array, order)
    affine = volume.grid.affine[:, [*order, 3]].copy()
    for axis, (lps, sign) in enumerate(((towards[slice_axis], 1), (row_lps, row_sign), (column_lps, column_sign))):
        if affine[lps, axis] * sign < 0:
            affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
            affine[:3, axis] *= -1
            array = np.flip(array, axis)
    return Volume(np.ascontiguousarray(array), Grid((array.shape[0], array.shape[1], array.shape[2]), affine))


def _localizer_planes(volume: Volume) -> list[_Plane]:
    """Cut three thick planes in each of the three directions through the middle of a volume."""
    size, step_mm, apart_mm = 128, 2.0, 20.0
    middle = volume.grid.index_to_lps((np.array(volume.grid.shape) - 1) / 2)
    scale = _STORED_MAXIMUM / max(float(volume.array.max()), 1e-6)
    planes: list[_Plane] = []
    for normal, ((column_lps, column_sign), (row_lps, row_sign)) in _DISPLAY_AXES.items():
        row_mm, column_mm, normal_mm = np.zeros(3), np.zeros(3), np.zeros(3)
        row_mm[column_lps], column_mm[row_lps], normal_mm[normal] = column_sign * step_mm, row_sign * step_mm, apart_mm
        for offset in (-1, 0, 1):
            position = middle + offset * normal_mm - (row_mm + column_mm) * (size - 1) / 2
            i, j = np.mgrid[:size, :size]
            points = position + i[..., None] * column_mm + j[..., None] * row_mm
            sampled = map_coordinates(volume.array, np.moveaxis(volume.grid.lps_to_index(points), -1, 0), order=1)
            pixels = np.rint(np.clip(sampled * scale, 0, _STORED_MAXIMUM)).astype(np.uint16)
            planes.append(_Plane(pixels, position, row_mm, column_mm, 8.0))
    return planes


def _study_header(study_uid: str, patient: PatientFacts, study: StudyFacts, scanner: ScannerFacts) -> Dataset:
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 100"
    header.SOPClassUID = MRImageStorage
    header.StudyDate, header.StudyTime = study.started_at.strftime("%Y%m%d"), study.started_at.strftime("%H%M%S")
    header.AccessionNumber = study.accession_number
    header.Modality = "MR"
    header.Manufacturer = scanner.manufacturer
    header.ManufacturerModelName = scanner.model
    header.SoftwareVersions = scanner.software
    header.DeviceSerialNumber = scanner.serial_number
    header.StationName = scanner.station
    header.InstitutionName = scanner.institution
    header.InstitutionAddress = "1 Demo Street"
    header.ReferringPhysicianName = study.referring_physician
    header.OperatorsName = "Operator^Demo"
    header.StudyDescription = study.description
    header.PatientName = patient.name
    header.PatientID = patient.patient_id
    header.PatientBirthDate = patient.birth_date.strftime("%Y%m%d")
    header.PatientSex = patient.sex
    header.PatientAge = f"{(study.started_at.date() - patient.birth_date).days // 365:03d}Y"
    header.BodyPartExamined = "HEAD"
    header.PatientPosition = "HFS"
    header.MagneticFieldStrength = scanner.field_strength_t
    header.ImagingFrequency = DSfloat(scanner.field_strength_t * _MHZ_PER_TESLA, auto_format=True)
    header.StudyInstanceUID = study_uid
    header.StudyID = study.study_id
    header.FrameOfReferenceUID = derived_uid(study_uid, "frame of reference")
    header.PositionReferenceIndicator = ""
    return header


def _series_header(
    base: Dataset, facts: SequenceFacts, scanner: ScannerFacts, number: int, started: datetime
) -> Dataset:
    header = own_copy(base)
    header.SeriesInstanceUID = derived_uid(base.StudyInstanceUID, "series", str(number))
    header.SeriesNumber = number
    header.SeriesDescription = facts.description
    header.ProtocolName = facts.description
    for kind in ("Series", "Acquisition", "Content"):
        setattr(header, f"{kind}Date", started.strftime("%Y%m%d"))
        setattr(header, f"{kind}Time", started.strftime("%H%M%S.%f"))
    header.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    header.ScanningSequence = list(facts.scanning_sequence)
    header.SequenceVariant = facts.sequence_variant
    header.ScanOptions = ""
    header.MRAcquisitionType = facts.acquisition_type
    header.RepetitionTime = facts.repetition_time_ms
    header.EchoTime = facts.echo_time_ms
    if facts.inversion_time_ms is not None:
        header.InversionTime = facts.inversion_time_ms
    header.FlipAngle = facts.flip_angle_deg
    header.EchoTrainLength = facts.echo_train_length
    header.AcquisitionNumber = 1
    if facts.contrast_agent:
        header.ContrastBolusAgent = facts.contrast_agent
    # Real scanners hide serial number and time of the scan in private elements; a pseudonymisation has to find them.
    private = header.private_block(0x0029, "INTERVAL DEMO HEADER", create=True)
    private.add_new(0x10, "LO", f"{scanner.serial_number} {started:%Y%m%d%H%M%S}")
    private.add_new(0x20, "OB", f"{base.PatientName};{base.StudyInstanceUID}".encode("latin-1", "replace"))
    return header


def _write_image(path: Path, header: Dataset, plane: _Plane, index: int) -> None:
    image = own_copy(header)
    instance_uid = UID(derived_uid(header.SeriesInstanceUID, str(index)))
    image.SOPInstanceUID = instance_uid
    image.InstanceNumber = index
    axes = np.concatenate([plane.row_mm / plane.spacing_mm[1], plane.column_mm / plane.spacing_mm[0]])
    image.ImagePositionPatient = [DSfloat(float(v), auto_format=True) for v in plane.position_mm]
    image.ImageOrientationPatient = [DSfloat(float(v), auto_format=True) for v in axes]
    image.PixelSpacing = [DSfloat(v, auto_format=True) for v in plane.spacing_mm]
    image.SliceThickness = DSfloat(plane.thickness_mm, auto_format=True)
    image.SpacingBetweenSlices = DSfloat(plane.thickness_mm, auto_format=True)
    image.SliceLocation = DSfloat(float(plane.position_mm @ np.cross(axes[:3], axes[3:])), auto_format=True)
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.Rows, image.Columns = plane.pixels.shape
    image.BitsAllocated = 16
    image.BitsStored = max(12, int(plane.pixels.max()).bit_length())
    image.HighBit = image.BitsStored - 1
    image.PixelRepresentation = 0
    image.WindowCenter = max(1, int(np.percentile(plane.pixels, 99)) // 2)
    image.WindowWidth = max(2, int(np.percentile(plane.pixels, 99)))
    image.PixelData = plane.pixels.astype("<u2").tobytes()
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = instance_uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(_IMPLEMENTATION_UID)
    image.file_meta = meta
    image.save_as(path, enforce_file_format=True)
