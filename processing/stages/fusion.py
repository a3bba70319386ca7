"""One segmentation from several: majority vote, SIMPLE and STAPLE.

Labels are fused as nested regions, from the outside in (whole lesion, core, enhancing part). Fused one by one,
exclusive labels leave holes where the candidates agree that there is tumour and differ about its kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813 - the library's own abbreviation

from processing.domain.imaging import LabelMap

Mask = npt.NDArray[np.bool_]

_MAXIMUM_ROUNDS = 20
_CONVERGED_DICE = 0.999


@dataclass(frozen=True)
class Region:
    """A part of a lesion that candidates are compared in.

    Parameters
    ----------
    name : str
    labels : frozenset of int
        The labels that together make it up.
    paint : int
        The label that its voxels carry in the fused map, unless a region further inside paints them again.
    """

    name: str
    labels: frozenset[int]
    paint: int

    def of(self, candidate: LabelMap) -> Mask:
        """Return where the candidate shows this region, shape (z, y, x)."""
        mask = np.zeros(candidate.array.shape, bool)
        for label in self.labels:
            mask |= candidate.array == label
        return mask


@dataclass(frozen=True, eq=False)
class Consensus:
    """What the candidates agree on in one region.

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
    weights : tuple of float
        The weight with which each candidate voted last, in the order of the candidates; 0 for one dropped.
    rounds : int
        How many votes it took.
    """

    mask: Mask
    weights: tuple[float, ...]
    rounds: int

    @property
    def dropped(self) -> tuple[int, ...]:
        """The indices of the candidates that no longer voted in the last round."""
        return tuple(index for index, weight in enumerate(self.weights) if weight == 0.0)


def dice(first: Mask, second: Mask) -> float:
    """Return the overlap 2|A and B| / (|A| + |B|); 1 where both are empty, because they agree."""
    total = int(np.count_nonzero(first)) + int(np.count_nonzero(second))
    return 2.0 * int(np.count_nonzero(first & second)) / total if total else 1.0


def bounding_box(mask: Mask) -> tuple[slice, slice, slice]:
    """Return the smallest box that holds all of a mask, shape (z, y, x); an empty box where it holds nothing."""
    spans = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        found = np.flatnonzero(mask.any(axis=others))
        spans.append(slice(int(found[0]), int(found[-1]) + 1) if found.size else slice(0, 0))
    return spans[0], spans[1], spans[2]


def majority(candidates: Sequence[Mask]) -> Consensus:
    """Take each voxel that at least half of the candidates show (BraTS Toolkit, Kofler et al. 2020, 2.3).

    Parameters
    ----------
    candidates : sequence of ndarray of bool, shape (z, y, x)

    Raises
    ------
    ValueError
        If there is no candidate, or their shapes differ.
    """
    return Consensus(_vote(_stacked(candidates), np.ones(len(candidates))), (1.0,) * len(candidates), 1)


def simple(candidates: Sequence[Mask], *, alpha: float = 1.0, least_gap: float = 0.03) -> Consensus:
    """Fuse by the selective and iterative method for performance level estimation (Langerak et al., TMI 2010).

    A majority vote comes first. Each candidate is then weighted with its Dice overlap with the consensus, and one that
    falls behind is dropped; the vote is repeated until the consensus stays the same.

    Parameters
    ----------
    candidates : sequence of ndarray of bool, shape (z, y, x)
    alpha : float
        A candidate falls behind below mean - alpha x standard deviation of the overlaps that still count.
    least_gap : float
        And only if it lies at least this far below the mean: of five that hardly differ, one always lies a standard
        deviation below the others. At least half of the candidates keep their vote.

    Raises
    ------
    ValueError
        If there is no candidate, or their shapes differ.
    """
    whole = _stacked(candidates)
    # Where no candidate shows anything there is nothing to vote on.
    box = bounding_box(np.logical_or.reduce(whole))
    stack = whole[(slice(None), *box)]

    def placed(agreed: Mask, weights: npt.NDArray[np.float64], rounds: int) -> Consensus:
        mask = np.zeros(whole.shape[1:], bool)
        mask[box] = agreed
        return Consensus(mask, tuple(weights.tolist()), rounds)

    weights = np.ones(len(stack))
    consensus = _vote(stack, weights)
    for done in range(1, _MAXIMUM_ROUNDS + 1):
        overlaps = np.array([dice(candidate, consensus) for candidate in stack])
        weights = np.where(_keeps_its_vote(overlaps, weights > 0, alpha, least_gap), overlaps, 0.0)
        if not weights.any():
            return placed(consensus, weights, done)
        refined = _vote(stack, weights)
        if dice(refined, consensus) >= _CONVERGED_DICE:
            return placed(refined, weights, done + 1)
        consensus = refined
    return placed(consensus, weights, _MAXIMUM_ROUNDS + 1)


def staple(candidates: Sequence[Mask]) -> Consensus:
    """Fuse by simultaneous truth and performance level estimation (Warfield et al., TMI 2004; SimpleITK).

    The weights are the sensitivities that it estimates for the candidates.

    Parameters
    ----------
    candidates : sequence of ndarray of bool, shape (z, y, x)

    Raises
    ------
    ValueError
        If there is no candidate, or their shapes differ.
    """
    stack = _stacked(candidates)
    if not stack.any():
        return Consensus(np.zeros(stack.shape[1:], bool), (1.0,) * len(stack), 0)
    estimate = sitk.STAPLEImageFilter()
    estimate.SetForegroundValue(1.0)
    images = [sitk.GetImageFromArray(candidate.astype(np.uint8)) for candidate in stack]
    probability = sitk.GetArrayFromImage(estimate.Execute(images))
    weights = tuple(float(value) for value in estimate.GetSensitivity())
    return Consensus(probability >= 0.5, weights, int(estimate.GetElapsedIterations()))


def fuse(candidates: Sequence[LabelMap], consensus: Sequence[Consensus], regions: Sequence[Region]) -> LabelMap:
    """Paint the regions' consensus over each other.

    Parameters
    ----------
    candidates : sequence of LabelMap
        Where they come from; all on one grid.
    consensus : sequence of Consensus
        One for each region, in the same order.
    regions : sequence of Region
        From the outside in: a region is kept only inside the one before it.

    Returns
    -------
    LabelMap
        On the candidates' grid.
    """
    grid = candidates[0].grid
    if any(not candidate.grid.same_as(grid) for candidate in candidates):
        raise ValueError("candidates are fused on one grid")
    painted = np.zeros(grid.shape, np.uint16)
    inside = np.ones(grid.shape, bool)
    for region, agreed in zip(regions, consensus, strict=True):
        inside = inside & agreed.mask
        painted[inside] = region.paint
    return LabelMap(painted, grid)


def _stacked(candidates: Sequence[Mask]) -> Mask:
    if not candidates:
        raise ValueError("a fusion needs at least one candidate")
    if len({candidate.shape for candidate in candidates}) > 1:
        raise ValueError("candidates are fused on one grid")
    stack: Mask = np.stack([np.asarray(candidate, bool) for candidate in candidates])
    return stack


def _vote(stack: Mask, weights: npt.NDArray[np.float64]) -> Mask:
    shares = np.zeros(stack.shape[1:], np.float32)
    for weight, candidate in zip(weights, stack, strict=True):
        if weight:
            shares += np.float32(weight) * candidate
    # The hair absorbs rounding: exactly half is a majority.
    agreed: Mask = shares >= np.float32(0.5 * weights.sum() - 1e-5)
    return agreed


def _keeps_its_vote(
    overlaps: npt.NDArray[np.float64], voting: npt.NDArray[np.bool_], alpha: float, least_gap: float
) -> npt.NDArray[np.bool_]:
    counting = overlaps[voting]
    bar = counting.mean() - max(alpha * counting.std(), least_gap)
    best_half = np.zeros(len(overlaps), bool)
    best_half[np.argsort(-overlaps, kind="stable")[: (len(overlaps) + 1) // 2]] = True
    kept: npt.NDArray[np.bool_] = best_half | (voting & (overlaps >= bar))
    return kept
