"""Candidates for change, and what tells them from noise, vessels and edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from processing.domain.imaging import Volume
from processing.stages.components import MINIMUM_VOLUME_MM3, connected_components
from processing.stages.subtract import Subtraction, robust_spread

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class DetectionParameters:
    """Thresholds of the detector; z and robust in standard deviations, intensities in white-matter units."""

    voxel_z: float = 2.0
    voxel_robust: float = 0.5
    peak_z: float = 3.0
    peak_robust: float = 5.0
    minimum_volume_mm3: float = MINIMUM_VOLUME_MM3
    white_matter_prior: float = 0.5
    local_contrast: float = 0.6
    inside_mm: float = 3.0


@dataclass(frozen=True, eq=False)
class Candidate:
    """A component that passed every test.

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
    volume_mm3 : float
    peak_z, peak_robust : float
        Largest values in it.
    mean_intensity : float
        Of the later scan, in units of the white-matter median.
    score : float
        0 to 1, how far the weakest test was passed; not a probability.
    """

    mask: Mask
    volume_mm3: float
    peak_z: float
    peak_robust: float
    mean_intensity: float
    score: float


def detect_rise(
    later: Volume,
    rise: Subtraction,
    *,
    brain: Mask,
    white_matter_prior: Volume,
    params: DetectionParameters,
) -> tuple[Candidate, ...]:
    """Find what became brighter in white matter.

    Parameters
    ----------
    later : Volume
        The scan in which the rise shows, in units of the white-matter median.
    rise : Subtraction
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
    spacing = later.grid.spacing_mm
    volume = later.grid.voxel_volume_mm3
    deep = ndimage.distance_transform_edt(brain, sampling=spacing) > params.inside_mm
    raised = (rise.z.array > params.voxel_z) & (rise.robust.array > params.voxel_robust) & deep
    labels = connected_components(raised, voxel_volume_mm3=volume, minimum_volume_mm3=params.minimum_volume_mm3)
    white = (white_matter_prior.array > 0.9) & brain
    level = float(np.median(later.array[white])) if white.any() else 1.0
    spread = max(robust_spread(later.array[white]), 1e-3)
    found = []
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        candidate = _examine(
            labels == label if box is None else _whole(labels, label, box),
            later,
            rise,
            brain,
            white_matter_prior,
            level,
            spread,
            params,
        )
        if candidate is not None:
            found.append(candidate)
    return tuple(found)


def _whole(labels: npt.NDArray[np.int32], label: int, box: tuple[slice, ...]) -> Mask:
    mask = np.zeros(labels.shape, bool)
    mask[box] = labels[box] == label
    return mask


def _examine(
    mask: Mask,
    later: Volume,
    rise: Subtraction,
    brain: Mask,
    white_matter_prior: Volume,
    level: float,
    spread: float,
    params: DetectionParameters,
) -> Candidate | None:
    """Test one component; None if it fails."""
    peak_z = float(rise.z.array[mask].max())
    peak_robust = float(rise.robust.array[mask].max())
    mean = float(later.array[mask].mean())
    prior = float(white_matter_prior.array[mask].mean())
    contrast = (mean - _surroundings(mask, later, brain)) / spread
    if (
        peak_z <= params.peak_z
        or peak_robust <= params.peak_robust
        or prior <= params.white_matter_prior
        or mean <= level
        or contrast <= params.local_contrast
    ):
        return None
    margin = min(peak_z / params.peak_z, peak_robust / params.peak_robust) - 1.0
    score = float(1.0 - 0.5 * np.exp(-margin))
    return Candidate(mask, float(mask.sum()) * later.grid.voxel_volume_mm3, peak_z, peak_robust, mean, score)


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
