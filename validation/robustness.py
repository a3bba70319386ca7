"""What graded disturbances of the current scan cost: accuracy against strength, as curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from processing.domain.imaging import Volume
from processing.domain.study import SeriesRole
from processing.pipelines.spec import PipelineSpec
from validation.datasets import ReferenceCase, find_manifest, read_case
from validation.fetch import fetched
from validation.layout import columns
from validation.perturb import PERTURBATIONS
from validation.run import Say, compute
from validation.stability import require_comparing

KEPT = Path(__file__).parent / "reports" / "robustness"

CASE = ("phantom", "demo")


@dataclass(frozen=True)
class Point:
    """One disturbance at one strength; figures are None where the pipeline refused the images."""

    disturbance: str
    strength: float
    unit: str
    found: int | None
    present: int
    false_positives: int | None
    dice: float | None
    refusal: str = ""


def robustness(pipeline: str, *, say: Say, case: ReferenceCase | None = None) -> tuple[Point, ...]:
    """Disturb a case's current FLAIR in every way and strength, leave out its other series, and measure.

    The points are kept in the reports.
    """
    manifest = find_manifest(CASE[0])
    case = case or read_case(manifest, manifest.case(CASE[1]), fetched)
    spec = require_comparing(pipeline)
    points = [_point("undisturbed", 0.0, "", case, spec)]
    for name, (perturb, strengths, unit) in PERTURBATIONS.items():
        for strength in strengths:
            flair = perturb(case.current[SeriesRole.FLAIR], strength, np.random.default_rng(5))
            points.append(_point(name, strength, unit, _with(case, {**case.current, SeriesRole.FLAIR: flair}), spec))
            say(f"{name} {strength:g} {unit}\n")
    for role in (SeriesRole.T1, SeriesRole.T2):
        if role in case.current:
            left = {kept: volume for kept, volume in case.current.items() if kept is not role}
            points.append(_point(f"without {role.value}", 1.0, "", _with(case, left), spec))
    path = points_path(spec)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_POINTS.dump_json(tuple(points), indent=1))
    return tuple(points)


_POINTS = TypeAdapter(tuple[Point, ...])


def points_path(spec: PipelineSpec) -> Path:
    """Return where a version's curves are kept, for good."""
    return KEPT / f"{spec.name}-{spec.version}.json"


def kept_points(spec: PipelineSpec) -> tuple[Point, ...]:
    """Return the curves that were measured before; none where there are none."""
    path = points_path(spec)
    return _POINTS.validate_json(path.read_bytes()) if path.is_file() else ()


def _with(case: ReferenceCase, current: Mapping[SeriesRole, Volume]) -> ReferenceCase:
    return replace(case, current=current)


def _point(name: str, strength: float, unit: str, case: ReferenceCase, spec: PipelineSpec) -> Point:
    truth = case.truth
    if truth is None:
        raise ValueError("robustness is measured against a truth")
    shape = case.current[SeriesRole.FLAIR].grid.shape
    if shape != truth.increases.shape:
        # Slices were left out at the upper end: what lay there can't be found, and counts as missed.
        cut = tuple(slice(0, n) for n in shape)
        ignored = truth.ignored[cut] if truth.ignored is not None else None
        case = replace(case, truth=replace(truth, increases=truth.increases[cut], ignored=ignored))
    present = len(np.unique(truth.increases[truth.increases > 0]))
    record = compute(case, spec)[0].record
    if record.truth is None:
        return Point(name, strength, unit, None, present, None, None, record.failure)
    found = sum(lesion.found for lesion in record.truth.lesions)
    return Point(name, strength, unit, found, present, record.truth.false_positives, round(record.truth.dice, 4))


def robustness_table(points: Sequence[Point]) -> str:
    """Lay out every point as a line."""
    rows = [["disturbance", "strength", "found", "false pos.", "Dice", ""]]
    for point in points:
        if point.dice is None:
            figures = ["-", "-", "-", point.refusal]
        else:
            figures = [f"{point.found}/{point.present}", str(point.false_positives), f"{point.dice:.3f}", ""]
        rows.append([point.disturbance, f"{point.strength:g} {point.unit}".strip(), *figures])
    return columns(rows)
