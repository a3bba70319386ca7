"""Connected components and their measures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from processing.domain.imaging import Grid

Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int32]

MINIMUM_VOLUME_MM3 = 12.0
"""Smallest component that is reported, with 26-connectivity (MUSIC)."""


def connected_components(mask: Mask, *, voxel_volume_mm3: float, minimum_volume_mm3: float) -> Labels:
    """Label the 26-connected components of at least a given volume.

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
    voxel_volume_mm3, minimum_volume_mm3 : float

    Returns
    -------
    ndarray of int32, shape (z, y, x)
        0 outside, 1 to n in order of the first voxel.
    """
    labels, count = ndimage.label(mask, structure=np.ones((3, 3, 3), int))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    # A hair below the limit counts as the limit: the product of spacings carries rounding of its own.
    keep = sizes * voxel_volume_mm3 >= minimum_volume_mm3 - 1e-6
    keep[0] = False
    renumbered = np.zeros(count + 1, np.int32)
    renumbered[keep] = np.arange(1, int(keep.sum()) + 1)
    kept: Labels = renumbered[labels]
    return kept


def inner_voxel(mask: Mask, grid: Grid) -> tuple[int, int, int]:
    """Return the index (z, y, x) of the mask's voxel closest to its centre of mass in millimetres.

    Raises
    ------
    ValueError
        If the mask is empty.
    """
    index = np.argwhere(mask)
    if len(index) == 0:
        raise ValueError("an empty mask has no voxel inside")
    points = grid.index_to_lps(index)
    nearest = index[int(np.argmin(((points - points.mean(axis=0)) ** 2).sum(axis=1)))]
    return int(nearest[0]), int(nearest[1]), int(nearest[2])
