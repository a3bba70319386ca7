"""Lesion-wise agreement of a result with the ground truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from processing.stages.components import MINIMUM_VOLUME_MM3, connected_components

Mask = npt.NDArray[np.bool_]

FOUND_OVERLAP = 0.10
"""A lesion counts as found when at least this part of its volume is marked."""

SIZE_CLASSES_MM3: tuple[tuple[float, float], ...] = ((12.0, 50.0), (50.0, 150.0), (150.0, float("inf")))


@dataclass(frozen=True)
class TrueLesion:
    """A lesion of the ground truth: its volume, how much of it was marked, and its label in the truth."""

    label: int
    volume_mm3: float
    overlap: float

    @property
    def found(self) -> bool:
        """Whether enough of it was marked."""
        return self.overlap >= FOUND_OVERLAP


@dataclass(frozen=True)
class Agreement:
    """How a result compares with the truth.

    Parameters
    ----------
    lesions : tuple of TrueLesion
    false_positives : int
        Marked components that touch no voxel of the truth.
    dice : float
        Voxel-wise overlap, 1 when both are empty.
    """

    lesions: tuple[TrueLesion, ...]
    false_positives: int
    dice: float

    @property
    def found(self) -> int:
        """Number of true lesions found."""
        return sum(lesion.found for lesion in self.lesions)

    def by_size(self) -> dict[tuple[float, float], tuple[int, int]]:
        """Found and present lesions for each of `SIZE_CLASSES_MM3`."""
        return {
            (low, high): (
                sum(lesion.found for lesion in self.lesions if low <= lesion.volume_mm3 < high),
                sum(low <= lesion.volume_mm3 < high for lesion in self.lesions),
            )
            for low, high in SIZE_CLASSES_MM3
        }


def dice(marked: Mask, truth: Mask) -> float:
    """Return twice the common volume over the sum of both, from 0 to 1; 1 when both are empty."""
    total = int(marked.sum()) + int(truth.sum())
    return 2.0 * float((marked & truth).sum()) / total if total else 1.0


def compare(
    marked: npt.NDArray[np.integer],
    truth: npt.NDArray[np.integer],
    *,
    voxel_volume_mm3: float,
    ignored: Mask | None = None,
) -> Agreement:
    """Compare a result's lesions with the true ones.

    Parameters
    ----------
    marked : ndarray of int, shape (z, y, x)
        Label map of the result.
    truth : ndarray of int, shape (z, y, x)
        Label map of the true lesions, on the same grid.
    voxel_volume_mm3 : float
    ignored : ndarray of bool, shape (z, y, x), optional
        Where a mark is neither right nor wrong (a stable or a vanished lesion).

    Returns
    -------
    Agreement
    """
    if marked.shape != truth.shape:
        raise ValueError("result and truth lie on different grids")
    lesions = tuple(
        TrueLesion(
            label=int(label),
            volume_mm3=float((truth == label).sum()) * voxel_volume_mm3,
            overlap=float((marked[truth == label] > 0).mean()),
        )
        for label in np.unique(truth[truth > 0])
    )
    allowed = truth > 0 if ignored is None else (truth > 0) | ignored
    false_positives = sum(not allowed[marked == label].any() for label in np.unique(marked[marked > 0]))
    counted = marked > 0 if ignored is None else (marked > 0) & (~ignored | (truth > 0))
    return Agreement(lesions, int(false_positives), dice(counted, truth > 0))


def true_components(truth: Mask, *, voxel_volume_mm3: float) -> npt.NDArray[np.int32]:
    """Label a binary ground truth by the rule that results follow: 26-connected, at least 12 mm3."""
    return connected_components(truth, voxel_volume_mm3=voxel_volume_mm3, minimum_volume_mm3=MINIMUM_VOLUME_MM3)
