"""How much tissue changed, when voxels at the rim changed only in part."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from processing.domain.imaging import Volume

Mask = npt.NDArray[np.bool_]


def partial_volume(mask: Mask, change: Volume, *, brain: Mask) -> float:
    """Measure a lesion by how much its voxels changed instead of by how many.

    A voxel that lies half in a lesion changes half as much as one that lies within. Summed over the outline and the
    voxels next to it, and divided by the largest change inside, the change gives the volume that a sharp lesion of
    that height fills: an outline counts the blurred rim as if it were whole. Where no voxel lies wholly within, the
    height is taken too low and the volume too large; where a lesion's core is much brighter than the rest, too small.

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
        One component's outline, not empty.
    change : Volume
        What became of the lesion, positive inside it (any unit).
    brain : ndarray of bool, shape (z, y, x)

    Returns
    -------
    float
        In mm3; 0 if the outline changed no more than its surroundings.
    """
    index = np.argwhere(mask)
    low = np.maximum(index.min(axis=0) - 4, 0)
    high = np.minimum(index.max(axis=0) + 5, mask.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    outline, inside = mask[box], brain[box]
    near = np.ones((3, 3, 3), bool)
    whole = outline | (ndimage.binary_dilation(outline, near) & inside)
    around = ndimage.binary_dilation(whole, near, iterations=2) & ~whole & inside
    level = float(np.median(change.array[box][around])) if around.any() else 0.0
    risen = change.array[box] - np.float32(level)
    height = float(risen[outline].max())
    if height <= 0:
        return 0.0
    filled = float(np.clip(risen[whole], 0.0, height).sum(dtype=np.float64)) / height
    return filled * change.grid.voxel_volume_mm3
