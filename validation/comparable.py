"""What validation keeps of a result, whatever its kind (ADR 0017): chosen by type here, and nowhere behind it.

A pipeline of another kind needs a branch in `found_in`, and cases that it can run on; run, comparison, gate and report
know label maps, images, measurements and lesions alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from processing.domain.imaging import LabelMap, RigidTransform, Volume
from processing.domain.result import Lesion, LongitudinalResult, PipelineResult, QualityFigure, TumourResult
from processing.domain.tumour import TumourLabel
from validation.against_truth import part_figures, truth_figures
from validation.datasets import Truth
from validation.outputs import Measurement, TruthFigures

MM3_PER_ML = 1000.0


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
