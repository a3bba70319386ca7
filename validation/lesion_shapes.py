"""Outlines of lesions: taken from what readers drew, or made up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from processing.domain.imaging import Volume
from validation.metrics import SIZE_CLASSES_MM3

Mask = npt.NDArray[np.bool_]
Field = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class LesionShape:
    """A lesion's outline.

    Parameters
    ----------
    field : ndarray of float32, shape (z, y, x)
        Smoothed mask on cubic voxels; the outline is where it equals `level`.
    level : float
    spacing_mm : float
    volume_mm3 : float
        Inside the outline.
    radius_mm : float
        From the middle of the field to the outline's furthest point.
    """

    field: Field
    level: float
    spacing_mm: float
    volume_mm3: float
    radius_mm: float


def shape_of(mask: Mask, spacing_mm: tuple[float, float, float]) -> LesionShape:
    """Take the outline of an outlined lesion.

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
        One component, not empty.
    spacing_mm : tuple of float
        Along (z, y, x). Coarse steps between slices are smoothed away.
    """
    index = np.argwhere(mask)
    box = tuple(slice(int(a), int(b) + 1) for a, b in zip(index.min(axis=0), index.max(axis=0), strict=True))
    cubic = 0.75
    volume = float(mask.sum()) * float(np.prod(spacing_mm))
    margin = [int(np.ceil(3.0 / s)) for s in spacing_mm]
    padded = np.pad(mask[box].astype(np.float32), [(m, m) for m in margin])
    fine = ndimage.zoom(padded, [s / cubic for s in spacing_mm], order=1, grid_mode=True, mode="grid-constant")
    smooth = ndimage.gaussian_filter(fine, 0.6 / cubic)
    wanted = max(1, round(volume / cubic**3))
    level = float(np.sort(smooth, axis=None)[-wanted])
    inside = np.argwhere(smooth >= level)
    reach = float(np.linalg.norm(inside - (np.array(smooth.shape) - 1) / 2, axis=1).max()) * cubic
    return LesionShape(smooth.astype(np.float32), level, cubic, len(inside) * cubic**3, reach)


def rounded_shape(generator: np.random.Generator) -> LesionShape:
    """Make up an uneven ellipsoid, where no outlined lesions are at hand."""
    offsets = (np.indices((17, 17, 17)) - 8).astype(np.float64)
    axes = generator.uniform(4.0, 6.5, 3)
    distance = np.sqrt(((offsets / axes[:, None, None, None]) ** 2).sum(axis=0))
    bumps = ndimage.gaussian_filter(generator.normal(size=(17, 17, 17)), 2.5)
    return shape_of(distance + 0.25 * bumps / bumps.std() < 1.0, (0.75, 0.75, 0.75))


def outlined_lesions(
    scan: Volume, labels: npt.NDArray[np.integer], *, brain: Mask
) -> tuple[tuple[LesionShape, float], ...]:
    """Take shape and contrast of every outlined lesion of 12 mm3 or more.

    Parameters
    ----------
    scan : Volume
        FLAIR on the labels' grid.
    labels : ndarray of int, shape (z, y, x)
    brain : ndarray of bool, shape (z, y, x)

    Returns
    -------
    tuple of (LesionShape, float)
        The contrast is the lesion's mean over the median of the brain 3 to 8 mm around it, less one.
    """
    found = []
    spacing = scan.grid.spacing_mm
    margin = np.ceil(9.0 / np.array(spacing)).astype(int)
    for label, box in enumerate(ndimage.find_objects(labels.astype(np.int32)), start=1):
        if box is None or float((labels[box] == label).sum()) * scan.grid.voxel_volume_mm3 < SIZE_CLASSES_MM3[0][0]:
            continue
        wide = tuple(slice(max(0, s.start - m), s.stop + m) for s, m in zip(box, margin, strict=True))
        mask = labels[wide] == label
        distance = ndimage.distance_transform_edt(~mask, sampling=spacing)
        ring = (distance > 3.0) & (distance <= 8.0) & brain[wide] & (labels[wide] == 0)
        if not ring.any():
            continue
        around = float(np.median(scan.array[wide][ring]))
        found.append((shape_of(mask, spacing), float(scan.array[wide][mask].mean()) / around - 1.0))
    return tuple(found)
