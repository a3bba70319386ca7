from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from gateway.review.grow import REACH_MM, NothingBright, grow_region, growth
from processing.domain.imaging import Grid

SHAPE = (24, 60, 60)
GRID = Grid.from_axes(SHAPE, origin_mm=(0, 0, 0), spacing_mm=(2.0, 1.0, 1.0), directions=np.eye(3)[:, ::-1])


def scan(
    radius_mm: float, centre: tuple[int, int, int] = (12, 30, 30), *, blur_mm: float = 1.0
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """White matter with noise and a blurred bright ball."""
    index = np.moveaxis(np.indices(SHAPE), 0, -1)
    distance = np.linalg.norm(GRID.index_to_lps(index) - GRID.index_to_lps(centre), axis=-1)
    ball = (distance <= radius_mm).astype(float)
    blurred = ndimage.gaussian_filter(ball, [blur_mm / step for step in GRID.spacing_mm])
    return 300 + 150 * blurred + np.random.default_rng(1).normal(0, 6, SHAPE)


@pytest.mark.parametrize("radius_mm", [3.0, 5.0, 8.0])
@pytest.mark.parametrize("seed", [(12, 30, 30), (12, 31, 29), (11, 30, 31)])
def test_a_balls_volume_is_found_wherever_one_clicks_into_it(radius_mm: float, seed: tuple[int, int, int]) -> None:
    mask = grow_region(scan(radius_mm), GRID, seed)
    truth = 4 / 3 * np.pi * radius_mm**3
    assert mask.volume_mm3(GRID) == pytest.approx(truth, rel=0.3)


def test_a_lower_level_grows_further() -> None:
    image = scan(5.0, blur_mm=2.0)
    volumes = [grow_region(image, GRID, (12, 30, 30), level=level).volume_mm3(GRID) for level in (0.3, 0.5, 0.7)]
    assert volumes[0] > volumes[1] > volumes[2]


def test_a_second_lesion_nearby_is_left_alone() -> None:
    image = np.maximum(scan(4.0, (12, 24, 24)), scan(4.0, (12, 36, 36)))
    mask = grow_region(image, GRID, (12, 24, 24))
    whole = np.zeros(SHAPE, bool)
    whole[mask.window()] = mask.array
    assert whole[12, 24, 24]
    assert not whole[12, 36, 36]


def test_normal_tissue_grows_nothing() -> None:
    with pytest.raises(NothingBright):
        grow_region(scan(4.0, (12, 45, 45)), GRID, (12, 15, 15))


@pytest.mark.parametrize("seed", [(0, 0, 0), (23, 59, 59), (0, 30, 59)])
def test_the_edge_of_the_images_is_no_obstacle(seed: tuple[int, int, int]) -> None:
    mask = grow_region(scan(4.0, seed), GRID, seed)
    assert mask.inside(SHAPE)
    whole = np.zeros(SHAPE, bool)
    whole[mask.window()] = mask.array
    assert whole[seed]


def test_it_never_reaches_further_than_it_says() -> None:
    image = np.full(SHAPE, 300.0) + np.random.default_rng(2).normal(0, 2, SHAPE)
    image[11:14, 27:34, :] += 150.0
    mask = grow_region(image, GRID, (12, 30, 30))
    points = GRID.index_to_lps(np.argwhere(mask.array) + np.array(mask.first))
    distance = np.linalg.norm(points - GRID.index_to_lps((12, 30, 30)), axis=1)
    assert REACH_MM - 1 <= distance.max() <= REACH_MM


def test_of_a_growing_lesion_what_was_there_before_is_measured_and_left_out() -> None:
    now = grow_region(scan(5.0), GRID, (12, 30, 30))
    added, before_mm3 = growth(now, scan(3.0), GRID, (12, 30, 30), 0.5)
    then = grow_region(scan(3.0), GRID, (12, 30, 30))
    assert before_mm3 == then.volume_mm3(GRID) > 0
    assert added.volume_mm3(GRID) == pytest.approx(now.volume_mm3(GRID) - before_mm3, rel=0.05)


@pytest.mark.parametrize(("centre", "said"), [((12, 50, 50), "nothing bright"), ((12, 30, 30), "as large")])
def test_what_did_not_grow_is_refused(centre: tuple[int, int, int], said: str) -> None:
    now = grow_region(scan(5.0), GRID, (12, 30, 30))
    with pytest.raises(NothingBright, match=said):
        growth(now, scan(5.0, centre), GRID, (12, 30, 30), 0.5)
