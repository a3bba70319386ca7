from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from processing.domain.imaging import Grid, Volume
from processing.stages.partial_volume import partial_volume

EVERYWHERE = np.ones((15, 40, 40), bool)


def place(slice_mm: float) -> Grid:
    return Grid.from_axes(
        EVERYWHERE.shape, origin_mm=(0, 0, 0), spacing_mm=(slice_mm, 1.0, 1.0), directions=np.eye(3)[:, ::-1]
    )


def ball(radius_mm: float, slice_mm: float) -> npt.NDArray[np.float32]:
    """How much of each voxel a ball fills."""
    fine = [np.linspace(-0.5 + 1 / (2 * n), 0.5 - 1 / (2 * n), n) for n in (9, 5, 5)]
    z, y, x = np.indices(EVERYWHERE.shape) - np.array([7, 20, 20])[:, None, None, None]
    filled = np.zeros(EVERYWHERE.shape, np.float32)
    for dz in fine[0]:
        for dy in fine[1]:
            for dx in fine[2]:
                filled += ((z + dz) * slice_mm) ** 2 + (y + dy) ** 2 + (x + dx) ** 2 <= radius_mm**2
    return filled / np.float32(9 * 5 * 5)


@pytest.mark.parametrize("slice_mm", [1.0, 3.0])
@pytest.mark.parametrize("radius_mm", [3.0, 4.5, 6.0])
def test_a_ball_has_its_volume_where_an_outline_at_a_quarter_of_its_height_has_more(
    radius_mm: float, slice_mm: float
) -> None:
    grid, true_mm3 = place(slice_mm), 4 / 3 * np.pi * radius_mm**3
    change = Volume(np.float32(0.3) * ball(radius_mm, slice_mm) + np.float32(0.02), grid)
    outline = change.array > 0.02 + 0.25 * 0.3
    measured = partial_volume(outline, change, brain=EVERYWHERE)
    assert measured == pytest.approx(true_mm3, rel=0.06)
    assert outline.sum() * grid.voxel_volume_mm3 > 1.1 * true_mm3


def test_a_tighter_outline_gives_the_same_volume() -> None:
    grid = place(3.0)
    change = Volume(ball(4.5, 3.0), grid)
    tight, wide = (partial_volume(change.array > level, change, brain=EVERYWHERE) for level in (0.6, 0.2))
    assert tight == pytest.approx(wide, rel=0.1)


def test_what_lies_outside_the_brain_does_not_count() -> None:
    grid = place(1.0)
    change = Volume(ball(4.0, 1.0), grid)
    half = EVERYWHERE.copy()
    half[:, :, 20:] = False
    whole = partial_volume(change.array > 0.5, change, brain=EVERYWHERE)
    assert partial_volume((change.array > 0.5) & half, change, brain=half) < 0.6 * whole


def test_an_outline_around_nothing_has_no_volume() -> None:
    grid = place(1.0)
    assert (
        partial_volume(ball(3.0, 1.0) > 0.5, Volume(np.zeros(EVERYWHERE.shape, np.float32), grid), brain=EVERYWHERE)
        == 0
    )
