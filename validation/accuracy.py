"""How well the pipeline finds what truly changed, on the phantom and on real pairs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from processing.domain.imaging import Volume
from processing.domain.result import LongitudinalResult
from processing.domain.study import SeriesRole
from processing.pipelines.runners import find_runner
from validation.layout import columns
from validation.metrics import SIZE_CLASSES_MM3, Agreement, compare
from validation.phantom import DEMO_PHANTOM, LesionKind, Phantom, PhantomSpec, make_phantom
from validation.real_pairs import RealPair, carry, read_image, read_pair, true_change

PIPELINE = "ms_longitudinal"

SCORES: tuple[float, ...] = (0.0, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Lowest score at which a lesion counts, for the operating curve."""


@dataclass(frozen=True)
class CurvePoint:
    """What is found when lesions below a score are left out."""

    score: float
    found: int
    present: int
    false_positives: int


@dataclass(frozen=True)
class MeasuredVolume:
    """A new lesion that was found: its true volume and that of the marks that touch it."""

    true_mm3: float
    measured_mm3: float


@dataclass(frozen=True)
class CaseAccuracy:
    """One case's figures.

    Parameters
    ----------
    name : str
    agreement : Agreement
        Of new and growing lesions with the true increases.
    visible : frozenset of int
        Labels of the true increases that the images show at all.
    registration_error_mm : float
        Mean distance, over the brain, between the transform that was found and the reference.
    cpu_s, wall_s : float
        Of the whole pipeline.
    curve : tuple of CurvePoint
    volumes : tuple of MeasuredVolume
        Where the truth knows volumes (phantoms).
    """

    name: str
    agreement: Agreement
    visible: frozenset[int]
    registration_error_mm: float
    cpu_s: float
    wall_s: float
    curve: tuple[CurvePoint, ...] = ()
    volumes: tuple[MeasuredVolume, ...] = ()

    @property
    def found_visible(self) -> int:
        """Number of visible increases that were found."""
        return sum(lesion.found and lesion.label in self.visible for lesion in self.agreement.lesions)


@dataclass(frozen=True, eq=False)
class _Run:
    result: LongitudinalResult
    cpu_s: float
    wall_s: float


def _run(current: Mapping[SeriesRole, Volume], prior: Mapping[SeriesRole, Volume]) -> _Run:
    wall, cpu = time.perf_counter(), time.process_time()
    result = find_runner(PIPELINE)(current, prior, lambda _stage, _fraction: None)
    return _Run(result, time.process_time() - cpu, time.perf_counter() - wall)


def increases(result: LongitudinalResult, *, minimum_score: float = 0.0) -> npt.NDArray[np.uint16]:
    """Return the map of new and growing lesions of at least a score."""
    kept = {lesion.number for lesion in result.lesions if lesion.change.increase and lesion.score >= minimum_score}
    return result.lesion_map.keep(kept).array


def operating_curve(
    result: LongitudinalResult, truth: npt.NDArray[np.integer], *, ignored: npt.NDArray[np.bool_] | None = None
) -> tuple[CurvePoint, ...]:
    """Count what is found and what is false at each of `SCORES`; arguments are those of `compare`."""
    points = []
    for score in SCORES:
        marked = increases(result, minimum_score=score)
        agreement = compare(marked, truth, voxel_volume_mm3=result.lesion_map.grid.voxel_volume_mm3, ignored=ignored)
        points.append(CurvePoint(score, agreement.found, len(agreement.lesions), agreement.false_positives))
    return tuple(points)


def measured_volumes(result: LongitudinalResult, phantom: Phantom) -> tuple[MeasuredVolume, ...]:
    """Compare the volume of each new lesion that was found with the truth."""
    marked, voxel = increases(result), result.lesion_map.grid.voxel_volume_mm3
    volumes = []
    for change in phantom.changes:
        touching = np.unique(marked[phantom.current_lesions.array == change.number])
        touching = touching[touching > 0]
        if change.kind is LesionKind.NEW and touching.size:
            volumes.append(MeasuredVolume(change.volume_mm3, float(np.isin(marked, touching).sum()) * voxel))
    return tuple(volumes)


def phantom_accuracy(spec: PhantomSpec = DEMO_PHANTOM, *, name: str = "phantom") -> CaseAccuracy:
    """Run the pipeline on a phantom and compare it with what the phantom was made of."""
    phantom = make_phantom(spec)
    done = _run(phantom.current, phantom.prior)
    truth = phantom.increases()
    agreement = compare(increases(done.result), truth, voxel_volume_mm3=phantom.current_lesions.grid.voxel_volume_mm3)
    return CaseAccuracy(
        name=name,
        agreement=agreement,
        visible=frozenset(lesion.label for lesion in agreement.lesions),
        registration_error_mm=phantom_error_mm(phantom, done.result.current_to_prior.matrix),
        cpu_s=done.cpu_s,
        wall_s=done.wall_s,
        curve=operating_curve(done.result, truth),
        volumes=measured_volumes(done.result, phantom),
    )


def phantom_error_mm(phantom: Phantom, current_to_prior: npt.NDArray[np.float64]) -> float:
    """Mean distance over the brain between a transform and the phantom's true motion, in millimetres."""
    points = np.random.default_rng(0).uniform((-60, -50, -40), (60, 90, 70), (2000, 3))
    found = points @ current_to_prior[:3, :3].T + current_to_prior[:3, 3]
    return float(np.linalg.norm(found - phantom.current_to_prior.apply(points), axis=1).mean())


def read_visit(folder: Path, study: int) -> Mapping[SeriesRole, Volume]:
    """Read FLAIR, T1 and T2 of one visit (1 or 2) of a patient of `ms-longitudinal`."""
    names = {SeriesRole.FLAIR: "FLAIR", SeriesRole.T1: "T1W", SeriesRole.T2: "T2W"}
    return {role: read_image(folder / f"study{study}_{name}.nii.gz") for role, name in names.items()}


def registration_error_mm(pair: RealPair, current_to_prior: npt.NDArray[np.float64]) -> float:
    """Mean distance over the brain between a transform and the data's own, in millimetres."""
    index = np.argwhere(pair.brain.array > 0.5)[::101]
    common = np.column_stack([pair.brain.grid.index_to_lps(index), np.ones(len(index))])
    found = common @ pair.current_from_common.T @ current_to_prior.T
    return float(np.linalg.norm((found - common @ pair.prior_from_common.T)[:, :3], axis=1).mean())


def pair_accuracy(data: Path, patient: str) -> CaseAccuracy:
    """Run the pipeline on a real pair and compare it with the increases that a reader marked.

    What the reader marked as a decrease counts neither for nor against.
    """
    folder = data / "ms-longitudinal" / patient
    done = _run(read_visit(folder, 2), read_visit(folder, 1))
    pair = read_pair(data, patient)
    truth = true_change(pair)
    grid = done.result.lesion_map.grid
    to_common = np.linalg.inv(pair.current_from_common).astype(np.float64)
    increased = carry(truth.increases, truth.grid, grid, to_source=to_common)
    decreased = carry(truth.decreases, truth.grid, grid, to_source=to_common) > 0
    agreement = compare(increases(done.result), increased, voxel_volume_mm3=grid.voxel_volume_mm3, ignored=decreased)
    return CaseAccuracy(
        name=patient,
        agreement=agreement,
        visible=truth.visible,
        registration_error_mm=registration_error_mm(pair, done.result.current_to_prior.matrix),
        cpu_s=done.cpu_s,
        wall_s=done.wall_s,
        curve=operating_curve(done.result, increased, ignored=decreased),
    )


def table(cases: list[CaseAccuracy]) -> str:
    """Lay out cases as text, one line each."""
    sizes = [f"{low:.0f}-{high:.0f}" if np.isfinite(high) else f">{low:.0f}" for low, high in SIZE_CLASSES_MM3]
    head = ["case", "found", "visible", *(f"{size} mm3" for size in sizes), "false pos.", "Dice", "reg. mm", "cpu s",
            "wall s"]  # fmt: skip
    lines = [head]
    for case in cases:
        by_size = case.agreement.by_size()
        lines.append(
            [
                case.name,
                f"{case.agreement.found}/{len(case.agreement.lesions)}",
                f"{case.found_visible}/{len(case.visible)}",
                *(f"{found}/{present}" for found, present in (by_size[size] for size in SIZE_CLASSES_MM3)),
                str(case.agreement.false_positives),
                f"{case.agreement.dice:.3f}",
                f"{case.registration_error_mm:.3f}",
                f"{case.cpu_s:.1f}",
                f"{case.wall_s:.1f}",
            ]
        )
    return columns(lines)


def curve_table(cases: list[CaseAccuracy]) -> str:
    """Lay out found of present, and false positives, for every case over the scores below which lesions are dropped."""
    lines = [["found/present, false positives at score", *(f">={score:.2f}" for score in SCORES)]]
    lines += [[case.name, *(f"{p.found}/{p.present}, {p.false_positives}" for p in case.curve)] for case in cases]
    return columns(lines)


def volume_table(cases: list[CaseAccuracy]) -> str:
    """Lay out the measured over the true volume of new lesions, the geometric mean over each size class."""
    lines = [["measured over true volume", *(f"{low:.0f}-{high:.0f} mm3" for low, high in SIZE_CLASSES_MM3)]]
    for case in cases:
        line = [case.name]
        for low, high in SIZE_CLASSES_MM3:
            ratios = [v.measured_mm3 / v.true_mm3 for v in case.volumes if low <= v.true_mm3 < high]
            line.append(f"{np.exp(np.mean(np.log(ratios))):.2f} ({len(ratios)})" if ratios else "-")
        lines.append(line)
    return columns(lines)
