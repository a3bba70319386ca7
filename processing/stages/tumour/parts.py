"""Rules that several segmenters share: which piece is the tumour, and what lies inside its ring."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from processing.domain.imaging import Grid, LabelMap
from processing.stages.distance import depth_within, distance_from
from processing.stages.tumour.labels import TumourLabel

Map = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

SMALLEST_PIECE_ML = 0.3
"""No segmenter looks for less. What is smaller in a fused outline is what they left of each other at an edge."""

_COUNTED_WITH = {
    TumourLabel.CORE: (TumourLabel.ENHANCING, TumourLabel.HYPERINTENSITY),
    TumourLabel.HYPERINTENSITY: (TumourLabel.CORE, TumourLabel.ENHANCING),
    TumourLabel.ENHANCING: (TumourLabel.CORE, TumourLabel.HYPERINTENSITY),
}
"""With which part one too small to be measured counts: the first of these that is there."""


def main_pieces(mask: Mask, grid: Grid, *, of_largest: float = 0.15) -> Mask:
    """Keep the largest connected piece and others of at least a part of its size and 0.3 ml."""
    labels, count = ndimage.label(mask)
    if count == 0:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    bar = max(of_largest * float(sizes.max()), SMALLEST_PIECE_ML * 1000 / grid.voxel_volume_mm3)
    kept: Mask = (sizes >= bar)[labels]
    return kept


def measurable(tumour: LabelMap) -> tuple[LabelMap, tuple[TumourLabel, ...]]:
    """Leave out pieces of under 0.3 ml, and let a part of under 0.3 ml count with another one.

    Parameters
    ----------
    tumour : LabelMap
        `TumourLabel`, fused.

    Returns
    -------
    tumour : LabelMap
    too_small : tuple of TumourLabel
        The parts that were seen and are too small to be measured.
    """
    kept = main_pieces(tumour.array > 0, tumour.grid, of_largest=0.0)
    array = np.where(kept, tumour.array, 0).astype(np.uint16)
    least = SMALLEST_PIECE_ML * 1000 / tumour.grid.voxel_volume_mm3
    counts = {label: int(np.count_nonzero(array == label)) for label in TumourLabel}
    for label in (label for label, count in counts.items() if count < least):
        beside = [other for other in _COUNTED_WITH[label] if counts[other] >= least]
        array[array == label] = beside[0] if beside else 0
    too_small = tuple(label for label in TumourLabel if label in tumour.labels and label not in array)
    return LabelMap(array, tumour.grid), too_small


def smoothed(mask: Mask, grid: Grid, sigma_mm: float = 1.0) -> Mask:
    """Round off a mask without changing its size: a Gaussian, cut at one half."""
    soft = ndimage.gaussian_filter(mask.astype(np.float32), [sigma_mm / s for s in grid.spacing_mm])
    rounded: Mask = soft > 0.5
    return rounded


def grown(mask: Mask, grid: Grid, by_mm: float) -> Mask:
    """Widen a mask."""
    wider: Mask = distance_from(mask, grid.spacing_mm) <= by_mm if mask.any() else mask
    return wider


def closed(mask: Mask, grid: Grid, by_mm: float) -> Mask:
    """Close gaps of up to twice the given width."""
    if not mask.any():
        return mask
    margin = [int(np.ceil(by_mm / s)) + 1 for s in grid.spacing_mm]
    padded = np.pad(mask, [(m, m) for m in margin])
    wide = distance_from(padded, grid.spacing_mm) <= by_mm
    inner = tuple(slice(m, -m) for m in margin)
    shut: Mask = (depth_within(wide, grid.spacing_mm) > by_mm)[inner] | mask
    return shut


def filled(mask: Mask) -> Mask:
    """Fill what is enclosed, in the volume and in each axial slice: a ring may be open above and below."""
    slices: Mask = np.stack([ndimage.binary_fill_holes(plane) for plane in mask])
    return slices | ndimage.binary_fill_holes(mask)


def compose(whole: Mask, core: Mask, enhancing: Mask, grid: Grid) -> LabelMap:
    """Paint enhancing tumour over core over hyperintensity; core and ring belong to the tumour wherever they reach."""
    array = np.zeros(grid.shape, np.uint16)
    array[whole] = TumourLabel.HYPERINTENSITY
    array[core] = TumourLabel.CORE
    array[enhancing] = TumourLabel.ENHANCING
    return LabelMap(array, grid)


def midway(values: npt.NDArray[np.float32], low: float) -> float:
    """Return the level halfway between a background and the bright part of some values: where an edge lies."""
    bright = values[values > low]
    if bright.size == 0:
        return float("inf")
    return (low + float(np.percentile(bright, 75))) / 2


def box_around(mask: Mask, shape: tuple[int, ...], margin: tuple[int, ...]) -> tuple[slice, ...]:
    """Return the smallest box around a mask with a margin in voxels, within an array of this shape."""
    found = ndimage.find_objects(mask.astype(np.uint8))[0]
    return tuple(
        slice(max(0, axis.start - m), min(n, axis.stop + m)) for axis, n, m in zip(found, shape, margin, strict=True)
    )
