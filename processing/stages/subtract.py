"""What rose between two registered, normalised scans, measured against what noise and edges explain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from processing.domain.imaging import Grid, Volume
from processing.stages.resample import FWHM_TO_SIGMA, blur

Mask = npt.NDArray[np.bool_]
Map = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SubtractionParameters:
    """Numbers of the noise model."""

    local_sigma_mm: float = 10.0
    edge_weight: float = 0.15
    through_plane_weight: float = 0.5


@dataclass(frozen=True, eq=False)
class Subtraction:
    """Maps of the rise from one scan to another, all on their common grid.

    Parameters
    ----------
    difference : Volume
        Later minus earlier, in units of the white-matter median.
    z : Volume
        Difference over its expected standard deviation there; zero outside the brain.
    robust : Volume
        Later minus the local maximum of the earlier one, over `noise`: what no shift of a voxel explains. Zero
        outside the brain.
    noise : float
        Robust standard deviation of the difference in white matter, in units of the white-matter median.
    """

    difference: Volume
    z: Volume
    robust: Volume
    noise: float


def robust_spread(values: npt.NDArray[np.floating[Any]]) -> float:
    """Return 1.4826 times the median absolute deviation: the standard deviation of a Gaussian's bulk."""
    if values.size == 0:
        return 0.0
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def subtract(
    later: Volume, earlier: Volume, *, brain: Mask, white_matter: Mask, params: SubtractionParameters
) -> Subtraction:
    """Measure what became brighter.

    Parameters
    ----------
    later, earlier : Volume
        Registered, normalised, on one grid with axes superior, posterior, left.
    brain, white_matter : ndarray of bool, shape (z, y, x)
    params : SubtractionParameters
    """
    return subtract_both(later, earlier, brain=brain, white_matter=white_matter, params=params)[0]


def subtract_both(
    later: Volume, earlier: Volume, *, brain: Mask, white_matter: Mask, params: SubtractionParameters
) -> tuple[Subtraction, Subtraction]:
    """Measure what became brighter and what became darker; the second is the first with the scans exchanged."""
    difference, z, noise = standardise(later, earlier, brain=brain, white_matter=white_matter, params=params)
    inside = brain / np.float32(noise)
    rise = (later.array - _reach(earlier, params.through_plane_weight)) * inside
    fall = (earlier.array - _reach(later, params.through_plane_weight)) * inside
    return (
        Subtraction(difference, z, later.with_array(rise), noise),
        Subtraction(difference.with_array(-difference.array), z.with_array(-z.array), later.with_array(fall), noise),
    )


def standardise(
    later: Volume, earlier: Volume, *, brain: Mask, white_matter: Mask, params: SubtractionParameters
) -> tuple[Volume, Volume, float]:
    """Express a difference in its expected deviations.

    The expected deviation is the larger of the global noise and the local one, and grows with the gradient, along
    which the rest of a misregistration shows.

    Parameters
    ----------
    later, earlier, brain, white_matter, params
        As for `subtract`.

    Returns
    -------
    tuple of Volume, Volume and float
        Difference, z and noise of a `Subtraction`.
    """
    difference = later.array - earlier.array
    noise = max(robust_spread(difference[white_matter]), 1e-4)
    # What changed must not count as its own noise: it is cut at three deviations before the local variance is taken.
    inside = brain.astype(np.float32)
    cut = np.clip(difference, -3 * noise, 3 * noise) * inside
    width = params.local_sigma_mm / FWHM_TO_SIGMA
    fwhm = (width, width, width)
    weight = np.maximum(blur(later.with_array(inside), fwhm).array, 1e-3)
    local = blur(later.with_array(cut**2), fwhm).array / weight
    steps = np.gradient(0.5 * (later.array + earlier.array), axis=(0, 1, 2))
    edge_squared = sum(step**2 for step in steps)
    deviation = np.sqrt(np.maximum(local, noise**2) + params.edge_weight**2 * edge_squared)
    return later.with_array(difference), later.with_array(difference / deviation * inside), noise


def slice_axis(grid: Grid) -> int:
    """Return the array axis across the slices: the one with the largest spacing, the first of equals."""
    return int(np.argmax(np.round(grid.spacing_mm, 3)))


def _reach(scan: Volume, through_plane_weight: float) -> Map:
    """The brightest value within one voxel in plane, and part of the way to the brightest of the next slices.

    Cubic voxels count as axial.
    """
    through = slice_axis(scan.grid)
    in_plane = [3, 3, 3]
    in_plane[through] = 1
    own: Map = ndimage.maximum_filter(scan.array, size=tuple(in_plane))
    across = [1, 1, 1]
    across[through] = 3
    neighbours: Map = ndimage.maximum_filter(own, size=tuple(across))
    reached: Map = own + np.float32(through_plane_weight) * (neighbours - own)
    return reached
