"""A result beside the truth of its case: lesion by lesion, or part by part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from processing.domain.imaging import LabelMap, RigidTransform
from processing.domain.result import Lesion
from processing.domain.tumour import TumourLabel
from validation.datasets import Truth
from validation.datasets.cases import landmark_errors_mm
from validation.matching import overlap
from validation.metrics import compare
from validation.outputs import HIT_MM, LandmarkFigures, TrueLesionFigures, TruthFigures

FOUND_DICE = 0.5
"""A part of a tumour counts as found from this overlap on."""


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
