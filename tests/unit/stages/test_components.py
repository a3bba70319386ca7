from __future__ import annotations

import numpy as np
import pytest

from processing.domain.imaging import Grid
from processing.stages.components import connected_components, inner_voxel


def test_voxels_that_touch_by_a_corner_are_one_component() -> None:
    mask = np.zeros((6, 6, 6), bool)
    mask[1, 1, 1] = mask[2, 2, 2] = True
    mask[5, 5, 5] = True
    labels = connected_components(mask, voxel_volume_mm3=10.0, minimum_volume_mm3=0.0)
    assert labels[1, 1, 1] == labels[2, 2, 2] != labels[5, 5, 5]
    assert labels.max() == 2


@pytest.mark.parametrize(("voxels", "kept"), [(3, False), (4, True), (5, True)])
def test_the_smallest_component_is_12_cubic_millimetres(voxels: int, kept: bool) -> None:
    mask = np.zeros((3, 3, 9), bool)
    mask[1, 1, :voxels] = True
    labels = connected_components(mask, voxel_volume_mm3=3.0, minimum_volume_mm3=12.0)
    assert bool(labels.any()) is kept


def test_labels_have_no_gap_after_small_ones_are_dropped() -> None:
    mask = np.zeros((1, 1, 20), bool)
    mask[0, 0, [0, 2, 3, 5, 7, 8, 9]] = True
    labels = connected_components(mask, voxel_volume_mm3=1.0, minimum_volume_mm3=2.0)
    assert np.unique(labels).tolist() == [0, 1, 2]


def test_the_inner_voxel_of_a_bent_lesion_lies_in_it() -> None:
    grid = Grid.from_axes((1, 21, 21), origin_mm=(0, 0, 0), spacing_mm=(3, 1, 1), directions=np.eye(3)[:, ::-1])
    y, x = np.indices((21, 21))
    ring = (np.hypot(y - 10, x - 10) > 7) & (np.hypot(y - 10, x - 10) < 10) & (x > 6)
    mask = ring[None]
    assert mask[inner_voxel(mask, grid)]
    with pytest.raises(ValueError, match="empty"):
        inner_voxel(np.zeros_like(mask), grid)
