from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from processing.dicom.panels import (
    View,
    Window,
    choose_view,
    direction_letters,
    fitted_size,
    head_window,
    in_colour,
    mark,
    render,
    window_around,
)
from processing.domain.imaging import Grid

_ORDERS = list(itertools.permutations(range(3)))


def any_grid(order: tuple[int, ...], signs: tuple[int, ...], spacing_mm: tuple[float, ...], seed: int) -> Grid:
    """A grid whose axes run along any LPS axes, tilted by up to 20 degrees."""
    axes = np.zeros((3, 3))
    for column, (axis, sign) in enumerate(zip(order, signs, strict=True)):
        axes[axis, column] = sign
    vector = np.random.default_rng(seed).normal(size=3)
    tilt = Rotation.from_rotvec(np.deg2rad(20) * vector / np.linalg.norm(vector)).as_matrix()
    shape = (11, 13, 15)
    directions = tilt @ axes
    origin = -(directions * np.array(spacing_mm)) @ ((np.array(shape) - 1) / 2)
    return Grid.from_axes(
        shape, origin_mm=origin, spacing_mm=(spacing_mm[0], spacing_mm[1], spacing_mm[2]), directions=directions
    )


@given(st.sampled_from(_ORDERS), st.tuples(*[st.sampled_from((-1, 1))] * 3), st.integers(0, 10**6))
@settings(max_examples=80)
def test_isotropic_images_are_shown_axially_right_on_the_left(
    order: tuple[int, ...], signs: tuple[int, ...], seed: int
) -> None:
    grid = any_grid(order, signs, (1.0, 1.0, 1.2), seed)
    view = choose_view(grid)
    lps = np.moveaxis(grid.index_to_lps(np.moveaxis(np.indices(grid.shape), 0, -1)), -1, 0)
    x, y, z = (view.turn(axis) for axis in lps)
    assert view.plane == "axial"
    # Left of the picture is the patient's right, top is front, the first slice is lowest.
    assert x[5, 6, 0] < x[5, 6, -1]
    assert y[5, 0, 6] < y[5, -1, 6]
    assert z[0, 6, 6] < z[-1, 6, 6]
    assert [letters[0] for letters in view.letters] == ["R", "L", "A", "P"]


@pytest.mark.parametrize(
    ("thick", "plane", "letters"),
    [
        (0, "sagittal", ("A", "P", "S", "I")),
        (1, "coronal", ("R", "L", "S", "I")),
        (2, "axial", ("R", "L", "A", "P")),
    ],
)
@pytest.mark.parametrize("signs", list(itertools.product((-1, 1), repeat=3)))
@pytest.mark.parametrize("order", _ORDERS)
def test_thick_slices_are_shown_as_acquired(
    order: tuple[int, ...], signs: tuple[int, ...], thick: int, plane: str, letters: tuple[str, ...]
) -> None:
    spacing = tuple(4.0 if axis == thick else 0.9 for axis in order)
    view = choose_view(any_grid(order, signs, spacing, 7))
    assert view.plane == plane
    assert tuple(shown[0] for shown in view.letters) == letters
    assert view.spacing_mm == pytest.approx((4.0, 0.9, 0.9))


@given(st.sampled_from(_ORDERS), st.tuples(*[st.sampled_from((-1, 1))] * 3), st.tuples(*[st.integers(0, 10)] * 3))
def test_a_turned_place_is_found_again(
    order: tuple[int, ...], signs: tuple[int, ...], place: tuple[int, int, int]
) -> None:
    grid = any_grid(order, signs, (1.0, 1.0, 1.0), 3)
    view = choose_view(grid)
    numbered = np.arange(np.prod(grid.shape)).reshape(grid.shape)
    assert view.turn(numbered)[place] == numbered[view.grid_index(place, grid.shape)]


@pytest.mark.parametrize(
    ("direction", "letters"),
    [
        ((1, 0, 0), "L"),
        ((-1, 0, 0), "R"),
        ((0, -1, 0), "A"),
        ((0, 0.2, -0.98), "I"),
        ((0.6, -0.8, 0), "AL"),
        ((0.6, 0.5, 0.63), "SLP"),
    ],
)
def test_letters_of_directions(direction: tuple[float, float, float], letters: str) -> None:
    assert direction_letters(np.array(direction)) == letters


def test_millimetres_are_square() -> None:
    view = View("axial", (0, 1, 2), (False, False, False), (3.0, 2.0, 0.5), ("R", "L", "A", "P"))
    # 40 rows of 2 mm and 80 columns of 0.5 mm: twice as high as wide.
    height, width = fitted_size(Window(0, 40, 0, 80), view, (400, 400))
    assert (height, width) == (400, 200)


def test_the_head_is_cut_out() -> None:
    volume = np.zeros((4, 50, 60), dtype=np.float32)
    volume[:, 10:30, 20:50] = 100
    assert head_window(volume, margin=2) == Window(8, 32, 18, 52)


def test_an_empty_image_is_shown_whole() -> None:
    assert head_window(np.zeros((2, 5, 6), dtype=np.float32)) == Window(0, 5, 0, 6)


@given(st.floats(0, 40), st.floats(0, 50))
def test_a_close_up_stays_inside_the_image(row: float, column: float) -> None:
    view = View("axial", (0, 1, 2), (False, False, False), (3.0, 1.0, 2.0), ("R", "L", "A", "P"))
    window = window_around((row, column), (20.0, 30.0), view, (40, 50))
    assert 0 <= window.top < window.bottom <= 40
    assert 0 <= window.left < window.right <= 50
    assert (window.bottom - window.top, window.right - window.left) == (20, 15)


def test_only_the_mask_turns_red() -> None:
    grey = render(np.full((10, 10), 50.0, dtype=np.float32), 100.0, (40, 40))
    mask = np.zeros((10, 10), dtype=bool)
    mask[2:4, 5:8] = True
    picture = mark(in_colour(grey), mask, (255, 45, 45)).astype(int)
    red = picture[..., 0] - picture[..., 1] > 20
    rows, columns = np.nonzero(red)
    # The outline lies on the voxels' edges, a pixel to both sides.
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (7, 16, 19, 32)
    assert (picture[~red].std(axis=-1) == 0).all()


def test_an_outline_leaves_the_inside_as_it_was() -> None:
    grey = render(np.full((10, 10), 50.0, dtype=np.float32), 100.0, (80, 80))
    mask = np.zeros((10, 10), dtype=bool)
    mask[2:6, 2:6] = True
    picture = mark(in_colour(grey), mask, (70, 150, 255), filled=False)
    assert picture[16, 20].tolist() == [70, 150, 255]
    assert (picture[20:40, 20:40] == grey[0, 0]).all()
