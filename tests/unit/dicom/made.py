"""Small made series and results: a head-like ellipsoid with blobs in it, written as a scanner writes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian
from scipy.spatial.transform import Rotation

from demo.scanner import DEMO_PATIENT, DEMO_SCANNERS, PatientFacts, demo_visit, write_study
from processing.dicom.provenance import Provenance
from processing.dicom.read import SourceSeries, parse_part10, read_series
from processing.domain.decision import Acceptance, SignedReview, Verdict
from processing.domain.imaging import Grid, LabelMap, RigidTransform, Volume
from processing.domain.result import Lesion, LesionChange, LongitudinalResult, Region, Side
from processing.domain.study import SeriesRole

PROVENANCE = Provenance("ms_longitudinal", "1.2.3", "MS lesions", seed="job-1")
NOTE = "The two studies come from different scanners."


def grid_of(
    *, shape: tuple[int, int, int] = (14, 48, 40), spacing_mm: tuple[float, float, float] = (4.0, 1.5, 1.5)
) -> Grid:
    """A tilted axial grid around the origin."""
    tilt = Rotation.from_euler("xyz", [8, -5, 3], degrees=True).as_matrix()
    directions = tilt @ np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    origin = -(directions * np.array(spacing_mm)) @ ((np.array(shape) - 1) / 2)
    return Grid.from_axes(shape, origin_mm=origin, spacing_mm=spacing_mm, directions=directions)


def head(grid: Grid, *, blobs: Sequence[tuple[tuple[float, float, float], float]] = ()) -> Volume:
    """An ellipsoid of intensity 400 with bright balls at LPS centres, each with its radius in millimetres."""
    z, y, x = np.indices(grid.shape)
    points = grid.index_to_lps(np.stack([z, y, x], axis=-1))
    array = np.where(((points / np.array([24.0, 30.0, 24.0])) ** 2).sum(axis=-1) < 1, 400.0, 0.0)
    array += 3 * np.sin(points[..., 0]) * (array > 0)
    for centre, radius_mm in blobs:
        array[np.linalg.norm(points - np.array(centre), axis=-1) < radius_mm] = 900.0
    return Volume(array.astype(np.float32), grid)


def written(folder: Path, volume: Volume, *, visit: int = 1, patient: PatientFacts = DEMO_PATIENT) -> list[Path]:
    """Write a volume as the FLAIR of a visit and return the FLAIR's files."""
    study = write_study(
        folder,
        {SeriesRole.FLAIR: volume},
        patient=patient,
        study=demo_visit(visit),
        scanner=DEMO_SCANNERS[visit],
    )
    return [path for path in study.files if "FLAIR" in path.parent.name]


def instances(folder: Path, volume: Volume, *, visit: int = 1, patient: PatientFacts = DEMO_PATIENT) -> list[Dataset]:
    """As `written`, parsed."""
    return parse_part10(path.read_bytes() for path in written(folder, volume, visit=visit, patient=patient))


def enhanced(classic: Sequence[Dataset]) -> Dataset:
    """Put classic images, in the order given, into one enhanced multi-frame image."""
    first = classic[0]
    image = Dataset()
    for keyword in (
        *("SpecificCharacterSet", "StudyDate", "StudyTime", "AccessionNumber", "Modality", "PatientName", "PatientID"),
        *("PatientBirthDate", "PatientSex", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "StudyID"),
        *("SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit"),
        *("PixelRepresentation", "SeriesNumber", "ReferringPhysicianName"),
    ):
        image[keyword] = first[keyword]
    image.SOPClassUID = EnhancedMRImageStorage
    image.SOPInstanceUID = "2.25.4711"
    image.InstanceNumber = 1
    image.ImageType = ["ORIGINAL", "PRIMARY", "M", "NONE"]
    image.NumberOfFrames = len(classic)
    orientation, measures = Dataset(), Dataset()
    orientation.ImageOrientationPatient = first.ImageOrientationPatient
    measures.PixelSpacing, measures.SliceThickness = first.PixelSpacing, first.SliceThickness
    shared = Dataset()
    shared.PlaneOrientationSequence = [orientation]
    shared.PixelMeasuresSequence = [measures]
    image.SharedFunctionalGroupsSequence = [shared]
    groups = []
    for number, frame in enumerate(classic):
        position, transformation, content, group = Dataset(), Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = frame.ImagePositionPatient
        transformation.RescaleSlope, transformation.RescaleIntercept = 2, -5
        transformation.RescaleType = "US"
        content.DimensionIndexValues = [number + 1]
        group.PlanePositionSequence = [position]
        group.PixelValueTransformationSequence = [transformation]
        group.FrameContentSequence = [content]
        groups.append(group)
    image.PerFrameFunctionalGroupsSequence = groups
    image.PixelData = b"".join(frame.PixelData for frame in classic)
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return image


@dataclass(frozen=True)
class Comparison:
    """A made comparison: what the writers take."""

    current: SourceSeries
    prior_headers: tuple[Dataset, ...]
    result: LongitudinalResult


_CENTRES = ((14.0, -6.0, 4.0), (-12.0, 10.0, -6.0), (2.0, 14.0, 12.0))
_CHANGES = (LesionChange.NEW, LesionChange.GROWING, LesionChange.VANISHED)
_SIDES = (Side.LEFT, Side.RIGHT, Side.MIDLINE)
_REGIONS = (Region.PERIVENTRICULAR, Region.INFRATENTORIAL, Region.JUXTACORTICAL)


def comparison(
    folder: Path,
    *,
    grid: Grid | None = None,
    multi_frame: bool = False,
    lesions: int = 3,
    patient: PatientFacts = DEMO_PATIENT,
) -> Comparison:
    """Write two visits and measure what was put in: lesion 1 new on the left, 2 growing on the right, 3 vanished."""
    grid = grid or grid_of()
    blobs = [(centre, 4.0) for centre in _CENTRES[:lesions]]
    prior_images = instances(folder / "prior", head(grid), visit=0, patient=patient)
    current_images = instances(folder / "current", head(grid, blobs=blobs), patient=patient)
    current = read_series([enhanced(current_images[::-1])] if multi_frame else current_images)
    prior = read_series(prior_images)
    result = result_of(current, prior, lesions)
    return Comparison(current, prior.headers, result)


def result_of(current: SourceSeries, prior: SourceSeries, lesions: int) -> LongitudinalResult:
    """The right answer for `comparison`."""
    grid = current.volume.grid
    z, y, x = np.indices(grid.shape)
    points = grid.index_to_lps(np.stack([z, y, x], axis=-1))
    labels: npt.NDArray[np.uint16] = np.zeros(grid.shape, dtype=np.uint16)
    found: list[Lesion] = []
    for number, centre in enumerate(_CENTRES[:lesions], start=1):
        inside = np.linalg.norm(points - np.array(centre), axis=-1) < 4.0
        labels[inside] = number
        found.append(
            Lesion(
                number=number,
                change=_CHANGES[number - 1],
                volume_mm3=float(inside.sum() * grid.voxel_volume_mm3),
                prior_volume_mm3=0.0 if number == 1 else 31.5,
                centroid_mm=centre,
                region=_REGIONS[number - 1],
                side=_SIDES[number - 1],
                score=0.9,
            )
        )
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("z", 2, degrees=True).as_matrix()
    turn[:3, 3] = (1.0, -2.0, 3.0)
    prior_array = np.asarray(prior.volume.array, dtype=np.float32)
    return LongitudinalResult(
        lesions=tuple(found),
        lesion_map=LabelMap(labels, grid),
        registered_prior=Volume(prior_array, grid),
        subtraction=current.volume.with_array((current.volume.array - prior_array) / 400),
        current_to_prior=RigidTransform(turn),
        quality=(),
        warnings=(NOTE,),
        compared=(SeriesRole.FLAIR,),
    )


SIGNED_AT = datetime(2025, 4, 1, 10, 20, 30, tzinfo=UTC)


def review_of(accepted: Sequence[int], rejected: Sequence[int], *, reader: str = "Dr. Jörg Prüfer") -> SignedReview:
    """An acceptable review."""
    verdicts = dict.fromkeys(accepted, Verdict.ACCEPTED) | dict.fromkeys(rejected, Verdict.REJECTED)
    return SignedReview(reader, SIGNED_AT, Acceptance.ACCEPTABLE, 4, "Good agreement, überprüft.", verdicts)


def unacceptable(reason: str = "Motion in the prior study") -> SignedReview:
    """A review that rejects everything."""
    return SignedReview("Dr. Jörg Prüfer", SIGNED_AT, Acceptance.UNACCEPTABLE, 1, reason, {})


def other_patient(name: str) -> PatientFacts:
    """The demo patient under another name."""
    return replace(DEMO_PATIENT, name=name)


def require_program(name: str) -> None:
    """Skip the test where a program is missing; in CI nothing may be missing."""
    if shutil.which(name) is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is missing")
        pytest.skip(f"{name} is not installed")


def dciodvfy_errors(path: Path) -> list[str]:
    """Return what dicom3tools' validator calls an error."""
    require_program("dciodvfy")
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]
