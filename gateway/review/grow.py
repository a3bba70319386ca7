"""A lesion from one click: the bright region around a point of the current FLAIR."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from gateway.review.masks import BoxMask, Index
from processing.domain.errors import InputRejected
from processing.domain.imaging import FloatArray, Grid, IntArray

REACH_MM = 15.0
"""A lesion that one click finds has at most this radius; a larger one is drawn with the brush."""

_SURROUNDINGS_MM = 12.0
_NEAR_MM = 1.5
_CONTRAST = 3.0


class NothingBright(InputRejected):
    """The point lies in nothing that stands out from its surroundings."""


def grow_region(intensities: FloatArray | IntArray, grid: Grid, seed: Index, *, level: float = 0.5) -> BoxMask:
    """Return the voxels around a point that are brighter than a level between background and peak.

    Half-way between the tissue around and the lesion's peak is where a blurred edge really lies, whatever the
    resolution (the full width at half maximum). Background is the median within 12 mm, peak the brightest of the
    point's own neighbours; the region is what hangs together with the point (26-connected) within 15 mm.

    Parameters
    ----------
    intensities : ndarray, shape (z, y, x)
        Of the current FLAIR, in any unit.
    grid : Grid
    seed : tuple of int
        Index (z, y, x).
    level : float
        0 is the background's intensity, 1 the peak's; lower grows further.

    Raises
    ------
    NothingBright
        If the point does not stand out: peak less than 3 deviations above the surroundings.
    """
    window, centre = _window(grid, seed)
    box = np.asarray(intensities[window], dtype=np.float32)
    distance_mm = _distance_mm(box.shape, centre, grid)
    around = box[distance_mm <= _SURROUNDINGS_MM]
    background = float(np.median(around))
    deviation = 1.4826 * float(np.median(np.abs(around - background)))
    near = (distance_mm <= _NEAR_MM) | (distance_mm == distance_mm.min())
    peak = float(box[near].max())
    if peak - background <= max(_CONTRAST * deviation, 1e-6):
        raise NothingBright("Nothing bright is here. Click into the middle of the lesion, or draw it with the brush.")
    threshold = background + min(max(level, 0.1), 0.9) * (peak - background)
    bright = (box >= threshold) & (distance_mm <= REACH_MM)
    start = np.unravel_index(int(np.argmax(np.where(near, box, -np.inf))), box.shape)
    labels, _ = ndimage.label(bright, structure=np.ones((3, 3, 3), int))
    region = labels == labels[start]
    found = BoxMask.around(region)
    z, y, x = (part.start + offset for part, offset in zip(window, found.first, strict=True))
    return BoxMask((z, y, x), found.array)


def growth(now: BoxMask, before: FloatArray | IntArray, grid: Grid, seed: Index, level: float) -> tuple[BoxMask, float]:
    """Return what was added to a lesion since the earlier study, and its volume then in mm3.

    Parameters
    ----------
    now : BoxMask
        The lesion as it is.
    before : ndarray, shape (z, y, x)
        Intensities of the registered earlier FLAIR.
    grid : Grid
        Of both.
    seed : tuple of int
    level : float
        As `grow_region` takes it.

    Raises
    ------
    NothingBright
        If nothing stands out there in the earlier images, or the lesion covers nothing beyond what was there.
    """
    try:
        then = grow_region(before, grid, seed, level=level)
    except NothingBright as nothing:
        raise NothingBright("The earlier images show nothing bright here that could have grown.") from nothing
    whole = np.zeros(grid.shape, dtype=bool)
    whole[now.window()] = now.array
    whole[then.window()] &= ~then.array
    if not whole.any():
        raise NothingBright("The lesion was as large in the earlier images.")
    return BoxMask.around(whole), then.volume_mm3(grid)


def _window(grid: Grid, seed: Index) -> tuple[tuple[slice, slice, slice], Index]:
    """Return the part of the grid within reach, and the seed's index in it."""
    parts, centre = [], []
    for place, spacing_mm, length in zip(seed, grid.spacing_mm, grid.shape, strict=True):
        reach = int(np.ceil(REACH_MM / spacing_mm))
        start = max(0, place - reach)
        parts.append(slice(start, min(length, place + reach + 1)))
        centre.append(place - start)
    return (parts[0], parts[1], parts[2]), (centre[0], centre[1], centre[2])


def _distance_mm(shape: tuple[int, ...], centre: Index, grid: Grid) -> npt.NDArray[np.float64]:
    index = np.moveaxis(np.indices(shape), 0, -1)
    distance: npt.NDArray[np.float64] = np.linalg.norm(grid.index_to_lps(index) - grid.index_to_lps(centre), axis=-1)
    return distance
