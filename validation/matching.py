"""Two results of one case side by side: lesions matched one to one, and how far their outlines lie apart.

Overlap and distances are SimpleITK's; the assignment is SciPy's (ADR 0011 says why no other library was taken).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813 - the library's own abbreviation
from scipy.optimize import linear_sum_assignment

from processing.domain.imaging import LabelMap

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class MatchedLesion:
    """One lesion in the reference and in the new result; a number is None where it is in one of them only.

    Parameters
    ----------
    reference, result : int or None
        Numbers of the lesion.
    reference_mm3, result_mm3 : float
    voxels_changed : int
        In one of the two masks and not in the other.
    voxels : int
        Of the larger mask.
    dice : float
    surface_mean_mm, surface_95_mm : float or None
        Symmetric distances between the surfaces; None where one of them has none.
    """

    reference: int | None
    result: int | None
    reference_mm3: float
    result_mm3: float
    voxels_changed: int
    voxels: int
    dice: float
    surface_mean_mm: float | None
    surface_95_mm: float | None


def match_lesions(reference: LabelMap, result: LabelMap) -> tuple[MatchedLesion, ...]:
    """Match the lesions of two maps on one grid so that their common volume is largest.

    Raises
    ------
    ValueError
        If the maps lie on different grids.
    """
    if reference.grid.shape != result.grid.shape:
        raise ValueError("the results lie on different grids")
    old, new = reference.labels, result.labels
    common = np.array(
        [[int(((reference.array == a) & (result.array == b)).sum()) for b in new] for a in old], dtype=np.int64
    ).reshape(len(old), len(new))
    rows, columns = linear_sum_assignment(common, maximize=True)
    pairs = [(old[r], new[c]) for r, c in zip(rows, columns, strict=True) if common[r, c]]
    lost = set(old) - {a for a, _ in pairs}
    gained = set(new) - {b for _, b in pairs}
    matched = [_matched(reference, result, a, b) for a, b in pairs]
    matched += [_matched(reference, result, a, None) for a in sorted(lost)]
    matched += [_matched(reference, result, None, b) for b in sorted(gained)]
    return tuple(matched)


def _matched(reference: LabelMap, result: LabelMap, old: int | None, new: int | None) -> MatchedLesion:
    none = np.zeros(reference.grid.shape, bool)
    before = reference.array == old if old is not None else none
    after = result.array == new if new is not None else none
    voxel = reference.grid.voxel_volume_mm3
    box = _box(before | after)
    mean, far = surface_distances_mm(before[box], after[box], reference.grid.spacing_mm)
    return MatchedLesion(
        reference=old,
        result=new,
        reference_mm3=float(before.sum()) * voxel,
        result_mm3=float(after.sum()) * voxel,
        voxels_changed=int((before ^ after).sum()),
        voxels=max(int(before.sum()), int(after.sum())),
        dice=overlap(before[box], after[box]),
        surface_mean_mm=mean,
        surface_95_mm=far,
    )


def _box(mask: Mask) -> tuple[slice, slice, slice]:
    index = np.argwhere(mask)
    low, high = np.maximum(index.min(axis=0) - 2, 0), index.max(axis=0) + 3
    return slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])


def overlap(one: Mask, other: Mask) -> float:
    """Return Dice's coefficient; 1 when both are empty, 0 when one is."""
    if not one.any() or not other.any():
        return float(one.any() == other.any())
    measure = sitk.LabelOverlapMeasuresImageFilter()
    measure.Execute(*(sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (one, other)))
    return float(measure.GetDiceCoefficient())


def surface_distances_mm(
    one: Mask, other: Mask, spacing_mm: tuple[float, float, float]
) -> tuple[float | None, float | None]:
    """Return the mean and the 95th percentile of the symmetric surface distance; None where a mask is empty.

    Parameters
    ----------
    one, other : ndarray of bool, shape (z, y, x)
    spacing_mm : tuple of float
        Along (z, y, x).
    """
    if not one.any() or not other.any():
        return None, None
    surfaces, distances = [], []
    for mask in (one, other):
        image = sitk.GetImageFromArray(np.pad(mask, 1).astype(np.uint8))
        image.SetSpacing(spacing_mm[::-1])
        contour = sitk.LabelContour(image)
        away = sitk.SignedMaurerDistanceMap(contour, squaredDistance=False, useImageSpacing=True)
        surfaces.append(sitk.GetArrayViewFromImage(contour) > 0)
        distances.append(np.abs(sitk.GetArrayFromImage(away)))
    apart = np.concatenate([distances[1][surfaces[0]], distances[0][surfaces[1]]])
    return float(apart.mean()), float(np.percentile(apart, 95))
