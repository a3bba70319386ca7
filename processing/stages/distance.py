"""Distances in millimetres from a structure, by one exact algorithm (Maurer et al., IEEE TPAMI 2003; SimpleITK).

SciPy's transform of the same name keeps three index volumes beside its result: four times the time and eight times
the memory on a 1 mm head.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813 - the library's own abbreviation

from processing.stages.itk_images import THREADS

Mask = npt.NDArray[np.bool_]
Distance = npt.NDArray[np.float32]


def distance_from(structure: Mask, spacing_mm: tuple[float, float, float]) -> Distance:
    """Measure how far every voxel's centre lies from the nearest voxel of a structure.

    Parameters
    ----------
    structure : ndarray of bool, shape (z, y, x)
    spacing_mm : tuple of float
        Along (z, y, x).

    Returns
    -------
    ndarray of float32, shape (z, y, x)
        Millimetres; 0 in the structure, infinite everywhere if it is empty.
    """
    if not structure.any():
        return np.full(structure.shape, np.inf, np.float32)
    image = sitk.GetImageFromArray(structure.astype(np.uint8))
    image.SetSpacing(spacing_mm[::-1])
    filtering = sitk.SignedMaurerDistanceMapImageFilter()
    filtering.SetNumberOfWorkUnits(THREADS)
    filtering.SetSquaredDistance(False)
    filtering.SetUseImageSpacing(True)
    filtering.SetInsideIsPositive(False)
    distance: Distance = np.maximum(sitk.GetArrayFromImage(filtering.Execute(image)), np.float32(0.0))
    return distance


def depth_within(structure: Mask, spacing_mm: tuple[float, float, float]) -> Distance:
    """Measure how far every voxel of a structure lies from the nearest voxel outside it; 0 outside.

    What lies beyond the array does not count as outside.
    """
    return distance_from(~structure, spacing_mm)
