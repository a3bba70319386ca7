"""What validation keeps of a result, whatever its kind (ADR 0017): chosen by type here, and nowhere behind it.

A pipeline of another kind needs a branch in `found_in`, and cases that it can run on; run, comparison, gate and report
know label maps, images, measurements and lesions alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from processing.domain.imaging import LabelMap, RigidTransform, Volume
from processing.domain.result import Lesion, LongitudinalResult, PipelineResult, QualityFigure, TumourResult
from processing.domain.tumour import TumourLabel
from validation.datasets import Truth
from validation.datasets.cases import landmark_errors_mm
from validation.matching import overlap
from validation.metrics import compare
from validation.outputs import HIT_MM, LandmarkFigures, Measurement, TrueLesionFigures, TruthFigures

MM3_PER_ML = 1000.0

FOUND_DICE = 0.5
"""A part of a tumour counts as found from this overlap on."""


@dataclass(frozen=True, eq=False)
class Found:
    """A result as it is compared.

    Parameters
    ----------
    label_map : LabelMap
        Of lesions by their numbers, or of parts.
    images : mapping of str to Volume
        Others that the result holds.
    quality, warnings
        The result's own.
    lesions : tuple of Lesion
        Of a comparison of two visits.
    measurements : tuple of Measurement
        What is measured beside lesions.
    transform : RigidTransform or None
        From the current visit to the prior.
    truth : TruthFigures or None
    """

    label_map: LabelMap
    images: Mapping[str, Volume]
    quality: tuple[QualityFigure, ...]
    warnings: tuple[str, ...]
    lesions: tuple[Lesion, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    transform: RigidTransform | None = None
    truth: TruthFigures | None = field(default=None)


def found_in(result: PipelineResult, truth: Truth | None) -> Found:
    """Take from a result what is compared."""
    if isinstance(result, LongitudinalResult):
        return _comparison(result, truth)
    return _tumour(result, truth)


def _comparison(result: LongitudinalResult, truth: Truth | None) -> Found:
    return Found(
        label_map=result.lesion_map,
        images={"registered prior": result.registered_prior, "subtraction": result.subtraction},
        quality=result.quality,
        warnings=result.warnings,
        lesions=result.lesions,
        transform=result.current_to_prior,
        truth=truth_figures(result.lesions, result.lesion_map, truth, result.current_to_prior) if truth else None,
    )


def _tumour(result: TumourResult, truth: Truth | None) -> Found:
    measurements = [
        Measurement(name=part.words, value=result.volumes.of(part) * MM3_PER_ML, unit="mm3") for part in TumourLabel
    ]
    if result.diameters is not None:
        longest, across = result.diameters.longest_mm, result.diameters.perpendicular_mm
        measurements += [
            Measurement(name="longest diameter", value=longest, unit="mm"),
            Measurement(name="perpendicular diameter", value=across, unit="mm"),
        ]
    return Found(
        label_map=result.tumour,
        images={f"aligned {role.value}": volume for role, volume in result.aligned.items()},
        quality=result.quality,
        warnings=result.warnings,
        measurements=tuple(measurements),
        truth=part_figures(result.tumour, truth) if truth is not None else None,
    )


def truth_figures(
    lesions: Sequence[Lesion], lesion_map: LabelMap, truth: Truth, current_to_prior: RigidTransform | None = None
) -> TruthFigures:
    """Compare the lesions of two visits with the truth, one by one, and the registration where there is one."""
    marked = lesion_map.keep({lesion.number for lesion in lesions if lesion.change.increase}).array
    agreement = compare(
        marked, truth.increases, voxel_volume_mm3=lesion_map.grid.voxel_volume_mm3, ignored=truth.ignored
    )
    scores = []
    for lesion in (lesion for lesion in lesions if lesion.change.increase):
        place = marked == lesion.number
        real = bool((truth.increases[place] > 0).any())
        if real or truth.ignored is None or not truth.ignored[place].any():
            scores.append((lesion.score, real))
    errors = landmark_errors_mm(truth, current_to_prior) if current_to_prior is not None else np.zeros(0)
    return TruthFigures(
        lesions=tuple(
            TrueLesionFigures(
                volume_mm3=lesion.volume_mm3,
                overlap=round(lesion.overlap, 4),
                found=lesion.found,
                visible=lesion.label in truth.visible,
            )
            for lesion in agreement.lesions
        ),
        false_positives=agreement.false_positives,
        dice=agreement.dice,
        landmarks=_landmark_figures(errors),
        scores=tuple(scores),
    )


def part_figures(tumour: LabelMap, truth: Truth) -> TruthFigures:
    """Compare every part of a tumour with the truth: a part is found from half overlap (Dice) on."""
    voxel = tumour.grid.voxel_volume_mm3
    parts, false = [], 0
    for label in TumourLabel:
        true, marked = truth.increases == label, tumour.array == label
        if not true.any():
            false += bool(marked.any())
            continue
        agreed = overlap(true, marked)
        volume = float(true.sum()) * voxel
        parts.append(
            TrueLesionFigures(
                volume_mm3=volume, overlap=round(agreed, 4), found=agreed >= FOUND_DICE, visible=label in truth.visible
            )
        )
    whole = overlap(truth.increases > 0, tumour.array > 0)
    return TruthFigures(lesions=tuple(parts), false_positives=false, dice=whole, landmarks=None, scores=())


def _landmark_figures(errors_mm: npt.NDArray[np.float64]) -> LandmarkFigures | None:
    if errors_mm.size == 0:
        return None
    return LandmarkFigures(
        mean_mm=round(float(errors_mm.mean()), 4),
        largest_mm=round(float(errors_mm.max()), 4),
        hit_rates={f"{within:g} mm": round(float((errors_mm <= within).mean()), 4) for within in HIT_MM},
    )
