from __future__ import annotations

import numpy as np

from processing.domain.imaging import Grid, LabelMap
from processing.domain.tumour import TumourLabel
from processing.stages.tumour.parts import measurable

GRID = Grid.from_axes((20, 20, 20), origin_mm=np.zeros(3), spacing_mm=(2.0, 2.0, 2.0), directions=np.eye(3)[:, ::-1])
"""A voxel holds 0.008 ml: 0.3 ml are 37.5 voxels."""


def tumour(*painted: tuple[int, tuple[slice, ...]]) -> LabelMap:
    array = np.zeros(GRID.shape, np.uint16)
    array[3:10, 3:10, 3:10] = TumourLabel.HYPERINTENSITY
    array[4:8, 4:8, 4:8] = TumourLabel.ENHANCING
    for label, place in painted:
        array[place] = label
    return LabelMap(array, GRID)


def test_a_part_of_one_voxel_counts_with_the_part_beside_it_and_is_named() -> None:
    found, too_small = measurable(tumour((TumourLabel.CORE, np.s_[5:6, 5:6, 5:6])))
    assert np.array_equal(found.array, tumour().array)
    assert too_small == (TumourLabel.CORE,)


def test_of_ring_and_core_the_one_that_can_be_measured_stays() -> None:
    found, too_small = measurable(tumour((TumourLabel.CORE, np.s_[4:8, 4:8, 4:7])))
    assert np.count_nonzero(found.array == TumourLabel.CORE) == 64
    assert too_small == (TumourLabel.ENHANCING,)


def test_a_speck_apart_is_left_out_silently() -> None:
    found, too_small = measurable(tumour((TumourLabel.HYPERINTENSITY, np.s_[15:18, 15:18, 15:18])))
    assert np.array_equal(found.array, tumour().array)
    assert too_small == ()


def test_nothing_stays_nothing() -> None:
    found, too_small = measurable(LabelMap(np.zeros(GRID.shape, np.uint16), GRID))
    assert not found.array.any()
    assert too_small == ()


def test_a_tumour_that_is_too_small_as_a_whole_is_named() -> None:
    array = np.zeros(GRID.shape, np.uint16)
    array[5:8, 5:8, 5:8] = TumourLabel.HYPERINTENSITY
    found, too_small = measurable(LabelMap(array, GRID))
    assert not found.array.any()
    assert too_small == (TumourLabel.HYPERINTENSITY,)
