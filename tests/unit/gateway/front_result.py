"""Two small studies of one patient, pseudonymised, with a result: real files, made by the real writers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from demo.scanner import DEMO_PATIENT, DEMO_SCANNERS, demo_visit, write_study
from gateway.pseudonymise.apply import pseudonymise_instance
from gateway.pseudonymise.identity import Pseudonymiser
from gateway.pseudonymise.keys import KeyRing
from gateway.pseudonymise.profile import load_profile
from gateway.pseudonymise.record import StudyRecord, StudyRecordBuilder
from gateway.review.finalise import provenance_of
from processing.dicom.read import parse_part10, read_series, without_pixels
from processing.dicom.result import to_part10, write_draft
from processing.domain.errors import InputRejected
from processing.domain.imaging import Grid, LabelMap, RigidTransform, Volume
from processing.domain.messages import JobOrder, JobOutcome, OutcomeStatus, StudyOrder
from processing.domain.result import Lesion, LesionChange, LongitudinalResult, Region, Side
from processing.domain.study import SeriesRole

SECRET = "5f0c1e0b6a7d4f5e9b2f8c3d7a1e4b60"
KEY_ID = "key-1"
SHAPE = (6, 48, 40)
SPACING_MM = (4.0, 1.5, 2.0)


@dataclass(frozen=True)
class Pair:
    """Images of two visits, and what a comparison found in them."""

    prior: Mapping[SeriesRole, Volume]
    current: Mapping[SeriesRole, Volume]
    found: Callable[[Volume], LongitudinalResult]
    """From the current FLAIR as it was read back."""


@dataclass
class MemoryArchive:
    """A DicomArchive that keeps Part 10 files in memory."""

    files: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)
    retrieved: int = 0

    def search_series(self, study_instance_uid: str) -> list[Dataset]:
        raise NotImplementedError("no test needs it")

    def retrieve_headers(self, study_instance_uid: str, series_instance_uid: str) -> list[Dataset]:
        return [without_pixels(d) for d in parse_part10(self.retrieve_series(study_instance_uid, series_instance_uid))]

    def retrieve_series(self, study_instance_uid: str, series_instance_uid: str) -> Iterator[bytes]:
        self.retrieved += 1
        found = self.files.get((study_instance_uid, series_instance_uid))
        if found is None:
            raise InputRejected("The archive does not hold the series.")
        # Not in the order of the slices: nobody may rely on it.
        yield from (found[uid] for uid in sorted(found, reverse=True))

    def store(self, instances: Iterable[bytes]) -> None:
        for content in instances:
            header = dcmread(BytesIO(content), stop_before_pixels=True)
            series = self.files.setdefault((str(header.StudyInstanceUID), str(header.SeriesInstanceUID)), {})
            series[str(header.SOPInstanceUID)] = content


@dataclass(frozen=True)
class Compared:
    """A finished comparison."""

    order: JobOrder
    outcome: JobOutcome
    archive: MemoryArchive
    current: StudyRecord
    prior: StudyRecord
    result: LongitudinalResult


def head(grid: Grid, *, bright: float = 400.0) -> Volume:
    """A bright ellipsoid in air, with a ramp along x, so that no flip goes unseen."""
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in grid.shape), indexing="ij")
    inside = x**2 + y**2 + (z / 1.5) ** 2 < 0.8
    return Volume(np.where(inside, bright + 300 * x, 5.0).astype(np.float32), grid)


def small_pair(*, with_lesions: bool = True) -> Pair:
    """Two small heads; in the second there are a new and a growing lesion, or none."""
    grid = Grid.from_axes(SHAPE, origin_mm=(-40, -36, -12), spacing_mm=SPACING_MM, directions=np.eye(3)[:, ::-1])
    return Pair(
        prior={SeriesRole.FLAIR: head(grid, bright=350)},
        current={SeriesRole.FLAIR: head(grid)},
        found=lambda current: _result(current, with_lesions=with_lesions),
    )


def compare(folder: Path, pair: Pair | None = None) -> Compared:
    """Write, pseudonymise and compare the demo patient's two visits."""
    pair = pair or small_pair()
    archive = MemoryArchive()
    pseudonymiser = Pseudonymiser(KeyRing.from_secret(SECRET.encode(), KEY_ID), load_profile())
    prior, prior_series = _visit(folder / "prior", 0, pair.prior, archive, pseudonymiser)
    current, current_series = _visit(folder / "current", 1, pair.current, archive, pseudonymiser)
    order = JobOrder(
        job_id="0b0e3c0a-5f0e-4d2c-9c39-0a7f0b6f2f11",
        case_id="11111111-2222-3333-4444-555555555555",
        attempt=1,
        pipeline="ms_longitudinal",
        version="9.9.9",
        current=StudyOrder(study_instance_uid=current.study_instance_uid, series=current_series),
        prior=StudyOrder(study_instance_uid=prior.study_instance_uid, series=prior_series),
    )
    images = parse_part10(archive.retrieve_series(current.study_instance_uid, current_series[SeriesRole.FLAIR]))
    prior_headers = archive.retrieve_headers(prior.study_instance_uid, prior_series[SeriesRole.FLAIR])
    source = read_series(images)
    result = pair.found(source.volume)
    written = write_draft(source, prior_headers, result, provenance_of(order))
    archive.store(to_part10(one.dataset) for one in written)
    outcome = JobOutcome(
        job_id=order.job_id,
        attempt=1,
        status=OutcomeStatus.SUCCEEDED,
        lesions=result.lesions,
        warnings=result.warnings,
        objects=tuple(one.stored for one in written),
    )
    return Compared(order, outcome, archive, current, prior, result)


def _visit(
    folder: Path,
    number: int,
    images: Mapping[SeriesRole, Volume],
    archive: MemoryArchive,
    pseudonymiser: Pseudonymiser,
) -> tuple[StudyRecord, dict[SeriesRole, str]]:
    facts = {"patient": DEMO_PATIENT, "study": demo_visit(number), "scanner": DEMO_SCANNERS[number]}
    written = write_study(folder, images, **facts)  # type: ignore[arg-type]  # one dict, three types
    builder = StudyRecordBuilder(pseudonymiser)
    series: dict[SeriesRole, str] = {}
    for role in images:
        cleaned = []
        for file in (file for file in written.files if file.parent.name.endswith(role.value)):
            original = file.read_bytes()
            cleaned.append(pseudonymise_instance(original, pseudonymiser))
            builder.add(cleaned[-1], original)
        archive.store(one.part10 for one in cleaned)
        series[role] = cleaned[0].series_instance_uid
    return builder.build(), series


def _result(current: Volume, *, with_lesions: bool) -> LongitudinalResult:
    grid = current.grid
    labels = np.zeros(grid.shape, dtype=np.uint16)
    lesions: tuple[Lesion, ...] = ()
    if with_lesions:
        labels[2:4, 20:23, 10:13] = 1
        labels[4, 30:32, 25:27] = 2
        lesions = (
            _lesion(grid, labels, 1, LesionChange.NEW),
            _lesion(grid, labels, 2, LesionChange.GROWING),
        )
    prior = head(grid, bright=350)
    return LongitudinalResult(
        lesions=lesions,
        lesion_map=LabelMap(labels, grid),
        registered_prior=prior,
        subtraction=current.with_array((current.array - prior.array) / 400),
        current_to_prior=RigidTransform.identity(),
        quality=(),
        warnings=("The slices of the prior are thicker.",),
    )


def _lesion(
    grid: Grid, labels: np.ndarray[tuple[int, ...], np.dtype[np.uint16]], number: int, change: LesionChange
) -> Lesion:
    where = np.argwhere(labels == number)
    x, y, z = (float(value) for value in grid.index_to_lps(where[len(where) // 2]))
    return Lesion(
        number=number,
        change=change,
        volume_mm3=len(where) * grid.voxel_volume_mm3,
        prior_volume_mm3=0.0 if change is LesionChange.NEW else 12.0,
        centroid_mm=(x, y, z),
        region=Region.DEEP_WHITE_MATTER,
        side=Side.RIGHT,
        score=0.8,
    )


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    return compare(tmp_path_factory.mktemp("compared"))


@pytest.fixture(scope="session")
def compared_without_lesions(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    return compare(tmp_path_factory.mktemp("compared"), small_pair(with_lesions=False))
