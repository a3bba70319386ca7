"""Quality alarms from the discord of an ensemble (Kofler et al., Front. Neurosci. 2021, 15:752780).

Each candidate is compared with the fusion of all. Over a reference population every candidate, metric and region
gets a threshold of its own, median - alpha x median absolute deviation. A similarity below its threshold, or one
that is not finite, raises an alarm. The number of alarms is the case's risk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from processing.domain.imaging import Grid, LabelMap
from processing.stages.fusion import Region, bounding_box, dice

Mask = npt.NDArray[np.bool_]
Table = npt.NDArray[np.float64]

SMALLEST_POPULATION = 10
ALPHAS = (-3.0, -2.0, -1.0, -0.75, -0.5, -0.25, -0.1, 0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 2.0, 3.0)
"""The values that the paper's tables 1 and 2 go through."""


class Metric(StrEnum):
    """How alike two masks are; more is better in both."""

    DICE = "dice"
    HAUSDORFF = "hausdorff"
    """The additive inverse of the Hausdorff distance, in millimetres."""


class Aim(StrEnum):
    """What an alpha is chosen for (section 2.4)."""

    QUALITY = "quality"
    ENTROPY = "entropy"
    BOTH = "both"


def similarities(candidates: Sequence[LabelMap], fused: LabelMap, regions: Sequence[Region]) -> Table:
    """Compare every candidate with the fusion.

    Parameters
    ----------
    candidates : sequence of LabelMap
    fused : LabelMap
        On the same grid.
    regions : sequence of Region

    Returns
    -------
    ndarray of float64, shape (candidates, metrics, regions)
        Metrics in the order of `Metric`. Two empty masks are alike (1 and 0 mm): not every tumour enhances. Where one
        of two is empty, Dice is 0 and the distance infinite. All values are NaN where the fusion shows nothing at all:
        that everybody overlooked the tumour must not pass for agreement.
    """
    table = np.full((len(candidates), len(Metric), len(regions)), np.nan)
    if not fused.array.any():
        return table
    shown = fused.array > 0
    for candidate in candidates:
        shown |= candidate.array > 0
    box = bounding_box(shown)
    grid, boxed = _boxed(fused, box)
    for column, region in enumerate(regions):
        agreed = _Outline(region.of(boxed), grid)
        for row, candidate in enumerate(candidates):
            one = _Outline(region.of(_boxed(candidate, box)[1]), grid)
            table[row, :, column] = dice(one.mask, agreed.mask), -one.farthest_mm(agreed)
    return table


def _boxed(label_map: LabelMap, box: tuple[slice, slice, slice]) -> tuple[Grid, LabelMap]:
    affine = label_map.grid.affine.copy()
    affine[:3, 3] = label_map.grid.index_to_lps([axis.start for axis in box])
    array = label_map.array[box]
    z, y, x = array.shape
    grid = Grid((z, y, x), affine)
    return grid, LabelMap(array, grid)


def hausdorff_mm(first: Mask, second: Mask, grid: Grid) -> float:
    """Return the largest distance from the surface of either mask to that of the other, in millimetres.

    0 where both are empty, infinite where one is.
    """
    return _Outline(first, grid).farthest_mm(_Outline(second, grid))


class _Outline:
    """A mask with its surface, which is searched more than once."""

    def __init__(self, mask: Mask, grid: Grid) -> None:
        self.mask = mask
        self._points_mm = grid.index_to_lps(_surface(mask))

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self._points_mm)

    def farthest_mm(self, other: _Outline) -> float:
        if not len(self._points_mm) or not len(other._points_mm):
            return 0.0 if len(self._points_mm) == len(other._points_mm) else float("inf")
        there, back = other._tree.query(self._points_mm)[0], self._tree.query(other._points_mm)[0]
        return float(max(np.max(there), np.max(back)))


def _surface(mask: Mask) -> npt.NDArray[np.int64]:
    """Return the indices, shape (n, 3), of the mask's voxels that touch its outside."""
    box = bounding_box(mask)
    inside = mask[box]
    shell = inside & ~ndimage.binary_erosion(inside)
    indices: npt.NDArray[np.int64] = np.argwhere(shell) + np.array([axis.start for axis in box])
    return indices


@dataclass(frozen=True, eq=False)
class Thresholds:
    """Below which similarity an alarm is raised.

    Parameters
    ----------
    median, deviation : ndarray of float64, shape (candidates, metrics, regions)
        Of the reference population; the deviation is the median absolute one.
    """

    median: Table
    deviation: Table

    @classmethod
    def of(cls, population: Table) -> Thresholds:
        """Measure a reference population.

        Parameters
        ----------
        population : ndarray of float64, shape (cases, candidates, metrics, regions)
            Values that are not finite do not count towards median and deviation: they raise alarms anyway.

        Raises
        ------
        ValueError
            If a candidate, metric and region has fewer than `SMALLEST_POPULATION` finite values.
        """
        finite = np.isfinite(population)
        if int(finite.sum(axis=0).min()) < SMALLEST_POPULATION:
            raise ValueError(f"a threshold needs at least {SMALLEST_POPULATION} reference cases")
        values = np.where(finite, population, np.nan)
        median = np.nanmedian(values, axis=0)
        return cls(median, np.nanmedian(np.abs(values - median), axis=0))

    def at(self, alpha: float | Sequence[float]) -> Table:
        """Return the thresholds for one alpha, or for one alpha for each region."""
        values: Table = self.median - np.asarray(alpha, np.float64) * self.deviation
        return values


def raise_alarms(similarity: Table, thresholds: Thresholds, *, alpha: float | Sequence[float]) -> npt.NDArray[np.bool_]:
    """Return which similarities lie below their threshold or are not finite.

    Parameters
    ----------
    similarity : ndarray of float64, shape (..., candidates, metrics, regions)
    thresholds : Thresholds
    alpha : float or sequence of float
        More is fewer alarms: the paper raises it when readers are short of time, and lowers it for the region that
        matters most. A sequence has one value for each region.

    Returns
    -------
    ndarray of bool, of the shape of `similarity`
    """
    flags: npt.NDArray[np.bool_] = ~np.isfinite(similarity) | (similarity < thresholds.at(alpha))
    return flags


def alarm_counts(population: Table, thresholds: Thresholds, *, alpha: float | Sequence[float]) -> npt.NDArray[np.int64]:
    """Return how many alarms each case of a population raises, shape (cases,)."""
    counts: npt.NDArray[np.int64] = raise_alarms(population, thresholds, alpha=alpha).sum(axis=(1, 2, 3))
    return counts


def entropy(counts: npt.NDArray[np.int64]) -> float:
    """Return the entropy of the distribution of alarm counts, in nats: high where the counts tell cases apart."""
    shares = np.unique(counts, return_counts=True)[1] / len(counts)
    return float(-(shares * np.log(shares)).sum())


def correlation(counts: npt.NDArray[np.int64], quality: npt.NDArray[np.float64]) -> float:
    """Return Pearson's r between alarm counts and a quality; NaN where either is constant."""
    if np.ptp(counts) == 0 or np.ptp(quality) == 0:
        return float("nan")
    return float(np.corrcoef(counts, quality)[0, 1])


@dataclass(frozen=True)
class Calibration:
    """One row of the paper's tables 1 and 2.

    Parameters
    ----------
    alpha, entropy, correlation : float
        The correlation is NaN where the counts are constant or no quality is known.
    cases_by_count : tuple of int
        Cases with 0, 1, 2, ... alarms.
    by_metric : tuple of float
        The correlation of the alarms that each `Metric` alone raises.
    """

    alpha: float
    entropy: float
    correlation: float
    cases_by_count: tuple[int, ...]
    by_metric: tuple[float, ...] = ()


def calibrate(
    population: Table,
    thresholds: Thresholds,
    quality: npt.NDArray[np.float64] | None,
    *,
    alphas: Sequence[float] = ALPHAS,
) -> tuple[Calibration, ...]:
    """Try each alpha on a population.

    Parameters
    ----------
    population : ndarray of float64, shape (cases, candidates, metrics, regions)
    thresholds : Thresholds
    quality : ndarray of float64, shape (cases,), or None
        For example the Dice overlap with a reader's segmentation, where there is one.
    alphas : sequence of float
    """
    most = int(np.prod(population.shape[1:]))
    rows = []
    for alpha in alphas:
        flags = raise_alarms(population, thresholds, alpha=alpha)
        counts = flags.sum(axis=(1, 2, 3))
        alone = flags.sum(axis=(1, 3)).T
        r, *by_metric = (
            float("nan") if quality is None else correlation(counted, quality) for counted in (counts, *alone)
        )
        cases = tuple(np.bincount(counts, minlength=most + 1).tolist())
        rows.append(Calibration(alpha, entropy(counts), r, cases, tuple(by_metric)))
    return tuple(rows)


def calibrate_regions(
    population: Table,
    thresholds: Thresholds,
    quality: npt.NDArray[np.float64] | None,
    aim: Aim,
    *,
    alphas: Sequence[float] = ALPHAS,
) -> tuple[float, ...]:
    """Choose an alpha for each region by its own alarms and its own quality.

    Parameters
    ----------
    population : ndarray of float64, shape (cases, candidates, metrics, regions)
    thresholds : Thresholds
    quality : ndarray of float64, shape (cases, regions), or None
    aim : Aim
    alphas : sequence of float

    Raises
    ------
    ValueError
        If the aim needs a quality and none is known, or it is the same in all cases.
    """
    chosen = []
    for region in range(population.shape[-1]):
        here = slice(region, region + 1)
        alone = Thresholds(thresholds.median[..., here], thresholds.deviation[..., here])
        known = None if quality is None else quality[:, region]
        chosen.append(best_alpha(calibrate(population[..., here], alone, known, alphas=alphas), aim))
    return tuple(chosen)


def best_alpha(rows: Sequence[Calibration], aim: Aim) -> float:
    """Choose the alpha whose counts follow the quality best, tell cases apart best, or both.

    Raises
    ------
    ValueError
        If the aim needs a quality and no row has a correlation.
    """
    spread = max(row.entropy for row in rows) or 1.0

    def merit(row: Calibration) -> float:
        follows = 0.0 if np.isnan(row.correlation) else -row.correlation
        tells_apart = row.entropy / spread
        return {Aim.QUALITY: follows, Aim.ENTROPY: tells_apart, Aim.BOTH: follows + tells_apart}[aim]

    if aim is not Aim.ENTROPY and all(np.isnan(row.correlation) for row in rows):
        raise ValueError("without a known quality only the entropy can be calibrated")
    return max(rows, key=merit).alpha
