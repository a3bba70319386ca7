"""A scanner: writes studies as classic MR DICOM files, as real scanners do; `send_study` sends them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage
from pydicom.valuerep import DSfloat
from scipy.ndimage import map_coordinates

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
class SequenceFacts:
    """How one series was acquired, as its headers say it. Times in milliseconds."""

    description: str
    scanning_sequence: tuple[str, ...]
    sequence_variant: str
    repetition_time_ms: float
    echo_time_ms: float
    inversion_time_ms: float | None
    flip_angle_deg: float
    echo_train_length: int
    acquisition_type: str = "2D"
    contrast_agent: str = ""


@dataclass(frozen=True)
class ScannerFacts:
    """One scanner.

    Parameters
    ----------
    manufacturer, model, software, serial_number, station, institution : str
    field_strength_t : float
    sequences : mapping of SeriesRole to SequenceFacts
    """

    manufacturer: str
    model: str
    software: str
    serial_number: str
    station: str
    institution: str
    field_strength_t: float
    sequences: Mapping[SeriesRole, SequenceFacts] = field(default_factory=lambda: _TYPICAL_SEQUENCES)


@dataclass(frozen=True)
class PatientFacts:
    """Who is examined; `name` as DICOM writes it, parts separated by carets."""

    name: str
    patient_id: str
    birth_date: date
    sex: str


@dataclass(frozen=True)
class StudyFacts:
    """One visit."""

    started_at: datetime
    accession_number: str
    description: str
    referring_physician: str
    study_id: str = "1"


_TYPICAL_SEQUENCES: Mapping[SeriesRole, SequenceFacts] = {
    SeriesRole.FLAIR: SequenceFacts("t2_tirm_tra_dark-fluid", ("SE", "IR"), "SK", 9000.0, 93.0, 2500.0, 150.0, 16),
    SeriesRole.T1: SequenceFacts("t1_se_tra", ("SE",), "SK", 500.0, 9.0, None, 90.0, 1),
    SeriesRole.T1C: SequenceFacts(
        "t1_se_tra KM", ("SE",), "SK", 500.0, 9.0, None, 90.0, 1, contrast_agent="Gadobutrol"
    ),
    SeriesRole.T2: SequenceFacts("t2_tse_tra", ("SE",), "SK", 5000.0, 101.0, None, 150.0, 15),
}

_LOCALIZER = SequenceFacts("localizer", ("GR",), "SP", 8.6, 4.0, None, 20.0, 1)

DEMO_SCANNERS = (
    ScannerFacts("SIEMENS", "Avanto", "syngo MR B17", "25431", "MRC25431", "Interval Demo Hospital", 1.5),
    ScannerFacts(
        "Philips Medical Systems",
        "Ingenia",
        "5.3.0",
        "41052",
        "PHILIPS-41052",
        "Interval Demo Hospital",
        3.0,
        {
            SeriesRole.FLAIR: SequenceFacts("FLAIR_longTR", ("SE", "IR"), "SK", 11000.0, 125.0, 2800.0, 90.0, 27),
            SeriesRole.T1: SequenceFacts("T1W_TSE", ("SE",), "SK", 600.0, 10.0, None, 70.0, 4),
            SeriesRole.T1C: SequenceFacts(
                "T1W_TSE +C", ("SE",), "SK", 600.0, 10.0, None, 70.0, 4, contrast_agent="Gadobutrol"
            ),
            SeriesRole.T2: SequenceFacts("T2W_TSE", ("SE",), "SK", 3000.0, 80.0, None, 90.0, 15),
        },
    ),
)
"""The scanners of the baseline and of the follow-up."""

DEMO_PATIENT = PatientFacts("Demo^Interval", "INTERVAL-DEMO-1", date(1984, 5, 17), "F")


def demo_visit(number: int) -> StudyFacts:
    """Return the facts of the demo's first (0) or second (1) visit."""
    started = datetime(2024, 3, 11, 9, 30) + timedelta(days=371 * number, hours=2 * number)
    return StudyFacts(started, f"DEMO{1001 + number}", "MRI brain", "Referrer^Demo", str(1 + number))


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
    series = [(_LOCALIZER, "localizer", _localizer_planes(_first(images)))]
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
