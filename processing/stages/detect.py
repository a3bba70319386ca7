"""Candidates for change, and what tells them from noise, vessels and edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from processing.domain.imaging import Volume
from processing.stages.components import MINIMUM_VOLUME_MM3, connected_components
from processing.stages.distance import depth_within
from processing.stages.subtract import Subtraction, robust_spread, slice_axis

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class DetectionParameters:
    """Thresholds of the detector; z and robust in standard deviations, intensities in white-matter units."""

    voxel_z: float = 2.0
    voxel_robust: float = 0.5
    peak_z: float = 3.0
    peak_robust: float = 5.0
    peak_robust_with_t2: float = 4.0
    t2_minimum_z: float = 1.0
    t1_maximum_z: float = 2.0
    peak_fraction: float = 0.25
    brightness_fraction: float = 0.15
    minimum_volume_mm3: float = MINIMUM_VOLUME_MM3
    white_matter_prior: float = 0.3
    local_contrast: float = 0.6
    inside_mm: float = 3.0


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known about a change on one grid.

    Parameters
    ----------
    rise : Subtraction
        FLAIR, later minus earlier.
    t1_z, t2_z : Volume or None
        The same change on T1 and T2, in deviations; NaN where it is not known. None without these series.
    """

    rise: Subtraction
    t1_z: Volume | None = None
    t2_z: Volume | None = None


@dataclass(frozen=True, eq=False)
class Candidate:
    """A component that passed every test.

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
    volume_mm3 : float
    mean_intensity : float
        Of the later scan, in units of the white-matter median.
    score : float
        0 to 1, how far the weakest test was passed; not a probability.
    disputed : bool
        Whether a second detector, where there is one, did not find it.
    """

    mask: Mask
    volume_mm3: float
    mean_intensity: float
    score: float
    disputed: bool = False


def detect_rise(
    later: Volume,
    evidence: Evidence,
    *,
    brain: Mask,
    white_matter_prior: Volume,
    params: DetectionParameters,
) -> tuple[Candidate, ...]:
    """Find what became brighter in white matter.

    A lesion that rises on FLAIR rises on T2 and not on T1; what rises on all three is flow, fat or a slice that
    shifted. Where T2 agrees, a weaker rise on FLAIR is enough.

    Parameters
    ----------
    later : Volume
        The FLAIR in which the rise shows, in units of the white-matter median.
    evidence : Evidence
        Of this scan and the earlier one.
    brain : ndarray of bool, shape (z, y, x)
    white_matter_prior : Volume
        Probability of white matter from the atlas, 0 to 1, on the same grid.
    params : DetectionParameters

    Returns
    -------
    tuple of Candidate
        In order of the first voxel.
    """
    grid = later.grid
    deep = depth_within(brain, grid.spacing_mm) > params.inside_mm
    raised = (evidence.rise.z.array > params.voxel_z) & (evidence.rise.robust.array > params.voxel_robust) & deep
    labels = connected_components(
        raised, voxel_volume_mm3=grid.voxel_volume_mm3, minimum_volume_mm3=params.minimum_volume_mm3
    )
    white = (white_matter_prior.array > 0.9) & brain
    if not white.any():
        return ()
    level = float(np.median(later.array[white]))
    spread = max(robust_spread(later.array[white]), 1e-3)
    found = []
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        mask = np.zeros(labels.shape, bool)
        mask[box] = labels[box] == label
        score = _weakest_margin(mask, evidence, params)
        mean = float(later.array[mask].mean())
        if (
            score is not None
            and float(white_matter_prior.array[mask].mean()) > params.white_matter_prior
            and mean > level
            and mean - _surroundings(mask, later, brain) > params.local_contrast * spread
        ):
            shaped = _shape(mask, later, evidence, deep, level, params)
            found.append(Candidate(shaped, float(shaped.sum()) * grid.voxel_volume_mm3, mean, score))
    return tuple(found)


def _weakest_margin(mask: Mask, evidence: Evidence, params: DetectionParameters) -> float | None:
    """Score a component from 0.5 to 1 by the test that it passes most narrowly; None if it fails one."""
    on_t1, on_t2 = mean_known(evidence.t1_z, mask), mean_known(evidence.t2_z, mask)
    if on_t1 is not None and on_t1 > params.t1_maximum_z:
        return None
    if on_t2 is not None and on_t2 < params.t2_minimum_z:
        return None
    needed = params.peak_robust if on_t2 is None else min(params.peak_robust, params.peak_robust_with_t2)
    margin = min(
        float(evidence.rise.z.array[mask].max()) / params.peak_z, float(evidence.rise.robust.array[mask].max()) / needed
    )
    return float(1.0 - 0.5 * np.exp(1.0 - margin)) if margin > 1.0 else None


def mean_known(change: Volume | None, mask: Mask) -> float | None:
    """Mean over the part of a component that is known; None if that is less than half of it."""
    if change is None:
        return None
    values = change.array[mask]
    known = np.isfinite(values)
    return float(values[known].mean()) if known.mean() >= 0.5 else None


def _shape(
    mask: Mask, later: Volume, evidence: Evidence, allowed: Mask, level: float, params: DetectionParameters
) -> Mask:
    """Give a component its outline.

    The robust test that kept misregistration out also cut a strip of a voxel along whatever was bright before: it is
    added again where z allows. Then the rim goes, where the rise is only a small part of the component's own height
    (blur, not lesion), and so does what is no brighter than normal white matter (a ventricle's edge that moved).
    """
    index = np.argwhere(mask)
    low, high = np.maximum(index.min(axis=0) - 1, 0), index.max(axis=0) + 2
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    part, difference, bright = mask[box], evidence.rise.difference.array[box], later.array[box] - level
    plane = np.ones((3, 3, 3), bool)
    through = np.moveaxis(plane, slice_axis(later.grid), 0)
    through[0] = through[2] = False
    wider = ndimage.binary_dilation(part, plane) & allowed[box] & (evidence.rise.z.array[box] > params.voxel_z)
    height, brightness = np.percentile(difference[part], 95), np.percentile(bright[part], 95)
    kept = (part | wider) & (difference >= params.peak_fraction * height)
    kept &= bright >= params.brightness_fraction * brightness
    pieces, count = ndimage.label(kept, structure=np.ones((3, 3, 3)))
    shaped = np.zeros(mask.shape, bool)
    if count:
        shaped[box] = pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    enough = shaped.sum() * later.grid.voxel_volume_mm3 >= params.minimum_volume_mm3 - 1e-6
    return shaped if enough else mask


def _surroundings(mask: Mask, scan: Volume, brain: Mask) -> float:
    """Median intensity of the brain between 2 and 6 mm around a component."""
    index = np.argwhere(mask)
    spacing = np.array(scan.grid.spacing_mm)
    margin = np.ceil(6.0 / spacing).astype(int) + 1
    low = np.maximum(index.min(axis=0) - margin, 0)
    high = np.minimum(index.max(axis=0) + margin + 1, scan.grid.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    distance = ndimage.distance_transform_edt(~mask[box], sampling=spacing)
    ring = (distance > 2.0) & (distance <= 6.0) & brain[box]
    return float(np.median(scan.array[box][ring])) if ring.any() else float(np.median(scan.array[mask]))
