"""Grids, volumes, label maps and rigid transforms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from processing.domain.imaging import Grid, LabelMap, RigidTransform, Volume

Z, Y, X = 3, 4, 5


def grid(origin: tuple[float, float, float] = (10.0, -20.0, 30.0)) -> Grid:
    """An oblique grid with three different spacings."""
    angle = np.deg2rad(20)
    directions = np.array([[np.sin(angle), 0, np.cos(angle)], [0, 1, 0], [np.cos(angle), 0, -np.sin(angle)]])
    return Grid.from_axes((Z, Y, X), origin_mm=origin, spacing_mm=(3.0, 0.5, 0.8), directions=directions)


def rotation(degrees: float, shift: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> RigidTransform:
    matrix = np.eye(4)
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    matrix[:2, :2] = [[cosine, -sine], [sine, cosine]]
    matrix[:3, 3] = shift
    return RigidTransform(matrix)


def test_a_grid_keeps_its_parts() -> None:
    made = grid()
    assert_allclose(made.spacing_mm, (3.0, 0.5, 0.8))
    assert_allclose(made.origin_mm, (10.0, -20.0, 30.0))
    assert made.voxel_volume_mm3 == pytest.approx(3.0 * 0.5 * 0.8)
    assert_allclose(np.linalg.norm(made.directions, axis=0), 1.0)


def test_the_first_index_counts_slices_and_the_last_columns() -> None:
    made = Grid.from_axes((Z, Y, X), origin_mm=(0, 0, 0), spacing_mm=(3.0, 0.5, 0.8), directions=np.eye(3)[:, ::-1])
    assert_allclose(made.index_to_lps((1, 0, 0)), (0, 0, 3.0))
    assert_allclose(made.index_to_lps((0, 1, 0)), (0, 0.5, 0))
    assert_allclose(made.index_to_lps((0, 0, 1)), (0.8, 0, 0))


@given(st.tuples(*[st.floats(-50, 50) for _ in range(3)]))
def test_index_and_millimetres_are_each_other_s_inverse(index: tuple[float, float, float]) -> None:
    assert_allclose(grid().lps_to_index(grid().index_to_lps(index)), index, atol=1e-9)


@pytest.mark.parametrize(
    ("shape", "affine"),
    [
        ((0, 4, 5), np.eye(4)),
        ((3, 4, 5), np.eye(3)),
        ((3, 4, 5), np.diag([1.0, 1.0, 1.0, 2.0])),
        ((3, 4, 5), np.diag([1.0, 1.0, 0.0, 1.0])),
    ],
    ids=["no slice", "3 x 3", "last row", "flat"],
)
def test_an_impossible_grid_is_refused(shape: tuple[int, int, int], affine: np.ndarray) -> None:
    with pytest.raises(ValueError, match="grid"):
        Grid(shape, affine)


def test_grids_are_compared_by_where_their_voxels_lie() -> None:
    assert grid().same_as(grid((10.0005, -20.0, 30.0)))
    assert not grid().same_as(grid((10.01, -20.0, 30.0)))
    assert not grid().same_as(Grid((Z, Y, X + 1), grid().affine))


def test_images_can_t_be_changed_in_place_and_fit_their_grid() -> None:
    volume = Volume(np.zeros((Z, Y, X), dtype=np.float32), grid())
    assert volume.array.dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        volume.array[0, 0, 0] = 1
    with pytest.raises(ValueError, match="shape"):
        Volume(np.zeros((Z, Y, X + 1), dtype=np.float32), grid())
    with pytest.raises(ValueError, match="shape"):
        LabelMap(np.zeros((Z, Y), dtype=np.uint16), grid())


def test_the_caller_s_array_stays_writable() -> None:
    mine = np.zeros((Z, Y, X), dtype=np.float32)
    Volume(mine, grid())
    mine[0, 0, 0] = 1


def test_labels_are_listed_and_kept_by_number() -> None:
    array = np.zeros((Z, Y, X), dtype=np.uint16)
    array[0, 0, :3] = (1, 7, 3)
    labels = LabelMap(array, grid())
    assert labels.labels == (1, 3, 7)
    assert labels.keep({7, 3}).labels == (3, 7)
    assert labels.keep(frozenset()).labels == ()


def test_a_rigid_transform_neither_scales_nor_mirrors() -> None:
    for wrong in (np.diag([1.1, 1, 1, 1]), np.diag([-1.0, 1, 1, 1]), np.eye(3)):
        with pytest.raises(ValueError, match="rigid"):
            RigidTransform(wrong)


@given(st.floats(-179, 179), st.tuples(*[st.floats(-40, 40) for _ in range(3)]))
def test_half_of_a_transform_twice_is_the_whole(degrees: float, shift: tuple[float, float, float]) -> None:
    whole = rotation(degrees, shift)
    half = whole.half()
    assert_allclose(half.after(half).matrix, whole.matrix, atol=1e-6)


def test_a_transform_and_its_inverse_cancel() -> None:
    transform = rotation(30, (1.0, 2.0, 3.0))
    points = np.array([[0.0, 0, 0], [10, -5, 2]])
    assert_allclose(transform.inverse().apply(transform.apply(points)), points, atol=1e-12)
    assert_allclose(transform.after(transform.inverse()).matrix, RigidTransform.identity().matrix, atol=1e-12)


def test_transforms_apply_in_the_order_that_after_says() -> None:
    turn, move = rotation(90), rotation(0, (1.0, 0.0, 0.0))
    assert_allclose(move.after(turn).apply((1.0, 0.0, 0.0)), (1.0, 1.0, 0.0), atol=1e-12)
    assert_allclose(turn.after(move).apply((1.0, 0.0, 0.0)), (0.0, 2.0, 0.0), atol=1e-12)
