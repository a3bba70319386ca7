"""Measures of a segmented tumour: volumes, their ratios, and the two diameters that RANO asks for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import cdist

from processing.domain.imaging import LabelMap
from processing.domain.tumour import Diameters as Diameters
from processing.domain.tumour import TumourVolumes as TumourVolumes
from processing.stages.tumour.labels import ENHANCING_TUMOUR, TumourLabel


def volumes(tumour: LabelMap) -> TumourVolumes:
    """Count the voxels of each part.

    Parameters
    ----------
    tumour : LabelMap
        `TumourLabel`.
    """
    counts = np.bincount(tumour.array.ravel(), minlength=len(TumourLabel) + 1)
    voxel_ml = tumour.grid.voxel_volume_mm3 / 1000
    return TumourVolumes(
        core_ml=float(counts[TumourLabel.CORE]) * voxel_ml,
        hyperintensity_ml=float(counts[TumourLabel.HYPERINTENSITY]) * voxel_ml,
        enhancing_ml=float(counts[TumourLabel.ENHANCING]) * voxel_ml,
    )


def diameters(tumour: LabelMap) -> Diameters | None:
    """Measure the largest enhancing lesion on the slice where the product of its two diameters is largest.

    What the ring encloses counts, as on a reader's ruler.

    Parameters
    ----------
    tumour : LabelMap
        `TumourLabel`; slices are its first axis, which must be the acquisition's.

    Returns
    -------
    Diameters or None
        None if nothing enhances.
    """
    pieces, count = ndimage.label(ENHANCING_TUMOUR.of(tumour), structure=np.ones((3, 3, 3), int))
    if count == 0:
        return None
    largest = pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    axes = tumour.grid.affine[:3, 1:3]
    found = [
        Diameters(int(index), *_two_diameters(np.argwhere(ndimage.binary_fill_holes(largest[index])) @ axes.T))
        for index in np.flatnonzero(largest.any(axis=(1, 2)))
    ]
    return max(found, key=lambda one: (one.product_mm2, one.longest_mm))


def _two_diameters(points_mm: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Longest distance between points, shape (n, 3), and the longest across it, both from voxel centre to centre."""
    ends = _corners(points_mm)
    apart = cdist(ends, ends)
    first, last = np.unravel_index(int(np.argmax(apart)), apart.shape)
    longest = float(apart[first, last])
    if longest == 0.0:
        return 0.0, 0.0
    along = (ends[last] - ends[first]) / longest
    offset = points_mm - ends[first]
    place = offset @ along
    beside = offset - place[:, None] * along
    width = np.linalg.norm(beside, axis=1)
    if width.max() < 1e-6:
        return longest, 0.0
    across = beside[int(np.argmax(width))] / width.max()
    side = beside @ across
    # Points within half a millimetre along the axis lie on one line across it.
    strip = np.round(place).astype(int) - int(np.round(place).min())
    low, high = np.full(strip.max() + 1, np.inf), np.full(strip.max() + 1, -np.inf)
    np.minimum.at(low, strip, side)
    np.maximum.at(high, strip, side)
    reached = np.isfinite(low)
    return longest, float((high[reached] - low[reached]).max())


def _corners(points_mm: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The points of the convex hull; all of them where they lie on one line."""
    plane = points_mm - points_mm.mean(axis=0)
    axes = np.linalg.svd(plane, full_matrices=False)[2][:2]
    try:
        hull: npt.NDArray[np.float64] = points_mm[ConvexHull(plane @ axes.T).vertices]
    except (QhullError, ValueError):
        return points_mm
    return hull
