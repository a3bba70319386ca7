from __future__ import annotations

import numpy as np
import pytest

from processing.domain.imaging import Grid, LabelMap
from processing.stages.fusion import Mask, Region, dice, fuse, majority, simple, staple

GRID = Grid((20, 20, 20), np.eye(4))
WHOLE = Region("whole", frozenset({1, 2, 3}), paint=2)
CORE = Region("core", frozenset({1, 3}), paint=1)
ENHANCING = Region("enhancing", frozenset({3}), paint=3)


def ball(radius: float, centre: tuple[float, float, float] = (10, 10, 10)) -> Mask:
    z, y, x = np.indices(GRID.shape)
    mask: Mask = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 <= radius**2
    return mask


def nearly(mask: Mask, missing: int) -> Mask:
    """The mask without its first few voxels."""
    index = np.argwhere(mask)[:missing]
    fewer = mask.copy()
    fewer[tuple(index.T)] = False
    return fewer


def test_majority_takes_what_half_of_the_candidates_show() -> None:
    small, large = ball(3), ball(6)
    assert np.array_equal(majority([small, small, large, large]).mask, large)
    assert np.array_equal(majority([small, small, large]).mask, small)


def test_simple_drops_the_candidate_that_falls_behind() -> None:
    stray = ball(5, (4, 4, 4))
    fused = simple([ball(6), nearly(ball(6), 5), nearly(ball(6), 8), ball(6), stray])
    assert fused.dropped == (4,)
    assert fused.weights[4] == 0.0
    assert all(weight > 0.9 for weight in fused.weights[:4])
    assert dice(fused.mask, ball(6)) > 0.95


def test_simple_keeps_candidates_that_hardly_differ() -> None:
    fused = simple([ball(6), ball(6), nearly(ball(6), 4), nearly(ball(6), 12), ball(6)])
    assert fused.dropped == ()


def test_simple_gets_rid_of_what_two_bad_candidates_share() -> None:
    """A plain majority of four keeps whatever two of them share; the weights of SIMPLE do not."""
    outlier = ball(2, (3, 3, 3))
    good, bad = ball(6), ball(4) | outlier
    assert (majority([good, good, bad, bad]).mask & outlier).any()
    assert not (simple([good, nearly(good, 9), bad, ball(3.5) | outlier, good]).mask & outlier).any()


@pytest.mark.parametrize("method", [majority, simple, staple])
def test_empty_candidates_agree_on_nothing(method: object) -> None:
    nothing = np.zeros(GRID.shape, bool)
    assert callable(method)
    assert not method([nothing] * 3).mask.any()


@pytest.mark.parametrize("method", [majority, simple, staple])
def test_candidates_that_are_the_same_are_their_own_fusion(method: object) -> None:
    assert callable(method)
    assert np.array_equal(method([ball(5)] * 3).mask, ball(5))


@pytest.mark.parametrize("method", [majority, simple, staple])
def test_candidates_of_different_shapes_are_refused(method: object) -> None:
    assert callable(method)
    with pytest.raises(ValueError, match="one grid"):
        method([ball(5), np.zeros((2, 2, 2), bool)])
    with pytest.raises(ValueError, match="at least one"):
        method([])


def test_disjoint_candidates_have_no_consensus() -> None:
    apart = [ball(2, (3, 3, 3)), ball(2, (10, 10, 10)), ball(2, (16, 16, 16))]
    assert not simple(apart).mask.any()


def test_regions_are_painted_from_the_outside_in_without_holes() -> None:
    def candidate(enhancing: float, core: float, whole: float) -> LabelMap:
        labels = np.where(ball(whole), 2, 0)
        labels[ball(core)] = 1
        labels[ball(enhancing)] = 3
        return LabelMap(labels.astype(np.uint16), GRID)

    regions = (WHOLE, CORE, ENHANCING)
    # Half call the shell between 3 and 5 core, half call it enhancing: none of both alone has a majority of kinds.
    candidates = [candidate(2, 5, 8), candidate(2, 5, 8), candidate(5, 5, 8), candidate(1, 5, 7)]
    agreed = [majority([region.of(one) for one in candidates]) for region in regions]
    fused = fuse(candidates, agreed, regions)
    assert np.array_equal(fused.array > 0, ball(8))
    assert np.array_equal(CORE.of(fused), ball(5))
    assert set(fused.labels) == {1, 2, 3}


def test_an_inner_region_never_reaches_outside_the_one_around_it() -> None:
    wide = LabelMap(np.where(ball(6), 3, 0).astype(np.uint16), GRID)
    agreed = [majority([ball(4)]), majority([ball(6)])]
    fused = fuse([wide], agreed, (WHOLE, ENHANCING))
    assert np.array_equal(fused.array > 0, ball(4))


def test_maps_on_different_grids_are_not_fused() -> None:
    shifted = np.eye(4)
    shifted[0, 3] = 1.0
    empty = np.zeros(GRID.shape, np.uint16)
    with pytest.raises(ValueError, match="one grid"):
        fuse([LabelMap(empty, GRID), LabelMap(empty, Grid(GRID.shape, shifted))], [majority([ball(3)])], (WHOLE,))


def test_dice_of_two_empty_masks_is_agreement() -> None:
    nothing = np.zeros(GRID.shape, bool)
    assert dice(nothing, nothing) == 1.0
    assert dice(ball(3), nothing) == 0.0
