"""Which changes a registered, normalised pair shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from processing.domain.imaging import Volume
from processing.domain.result import LesionChange
from processing.domain.study import SeriesRole
from processing.pipelines.ms_longitudinal.network import with_network
from processing.pipelines.ms_longitudinal.pair import Pair
from processing.pipelines.ms_longitudinal.spec import MsLongitudinalParameters
from processing.stages.change import ChangeParameters, lesion_before
from processing.stages.detect import Candidate, DetectionParameters, Evidence, detect_rise
from processing.stages.learned import LearnedModel
from processing.stages.partial_volume import partial_volume
from processing.stages.subtract import Subtraction, SubtractionParameters, subtract_both


@dataclass(frozen=True, eq=False)
class Found:
    """A change, before it is carried to the current scan's own grid."""

    candidate: Candidate
    change: LesionChange
    other_volume_mm3: float
    """Of the lesion that the change touches, at the other time: before a rise, after a fall."""
    partial_volume_mm3: float
    """How much tissue the change fills, see `partial_volume`."""


def find_changes(
    pair: Pair, others: Mapping[SeriesRole, Volume], network: LearnedModel | None, params: MsLongitudinalParameters
) -> tuple[tuple[Found, ...], Subtraction]:
    """Find rises (new or growing) and falls (vanished)."""
    noise = SubtractionParameters(local_sigma_mm=params.local_noise_sigma_mm, edge_weight=params.edge_weight)
    rise, fall = subtract_both(pair.now, pair.before, brain=pair.brain, white_matter=pair.white, params=noise)
    t1_z, t2_z = others.get(SeriesRole.T1), others.get(SeriesRole.T2)
    risen = Evidence(rise, t1_z, t2_z)
    fallen = Evidence(fall, t1_z and t1_z.with_array(-t1_z.array), t2_z and t2_z.with_array(-t2_z.array))
    usual, strict = _limits(params)
    brain, white = pair.brain, pair.white_matter
    found = []
    candidates = detect_rise(pair.now, risen, brain=brain, white_matter_prior=white, params=usual)
    if network is not None:
        candidates = with_network(
            network,
            candidates,
            later=pair.now,
            earlier=pair.before,
            evidence=risen,
            brain=brain,
            white_matter_prior=white,
            params=params,
        )
    for candidate in candidates:
        volume = lesion_before(
            candidate.mask, pair.now, pair.before, brain=brain, white_matter_prior=white, params=ChangeParameters()
        )
        change = LesionChange.GROWING if volume else LesionChange.NEW
        filled = partial_volume(candidate.mask, rise.difference, brain=brain)
        found.append(Found(candidate, change, volume, filled))
    for candidate in detect_rise(pair.before, fallen, brain=brain, white_matter_prior=white, params=strict):
        # A fall is a rise seen backwards: what "was there before" it is what is left now.
        left = lesion_before(
            candidate.mask, pair.before, pair.now, brain=brain, white_matter_prior=white, params=ChangeParameters()
        )
        change = LesionChange.SHRINKING if left else LesionChange.VANISHED
        filled = partial_volume(candidate.mask, fall.difference, brain=brain)
        found.append(Found(candidate, change, left, filled))
    return tuple(found), rise


def _limits(params: MsLongitudinalParameters) -> tuple[DetectionParameters, DetectionParameters]:
    """Return the limits for rises and the stricter ones for falls."""
    usual = DetectionParameters(
        voxel_z=params.voxel_z,
        voxel_robust=params.voxel_robust,
        peak_z=params.peak_z,
        peak_robust=params.peak_robust,
        peak_robust_with_t2=params.peak_robust_with_t2,
        t2_minimum_z=params.t2_minimum_z,
        t1_maximum_z=params.t1_maximum_z,
        peak_fraction=params.peak_fraction,
        brightness_fraction=params.brightness_fraction,
        minimum_volume_mm3=params.minimum_volume_mm3,
        white_matter_prior=params.white_matter_prior,
        local_contrast=params.local_contrast,
        inside_mm=params.inside_mm,
    )
    strict = replace(
        usual,
        peak_z=params.vanished_peak_z,
        peak_robust=params.vanished_peak_robust,
        white_matter_prior=params.vanished_white_matter_prior,
        peak_robust_with_t2=params.vanished_peak_robust,
    )
    return usual, strict
