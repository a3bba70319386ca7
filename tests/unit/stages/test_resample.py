from __future__ import annotations

from itertools import permutations, product

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from processing.domain.imaging import Grid, RigidTransform, Volume
from processing.stages.resample import (
    Interpolation,
    blur,
    blur_to_voxel,
    coverage,
    crop,
    halfway_grid,
    isotropic,
    reorient,
    resample,
    rotation_about,
)

ORIENTATIONS = [(order, flips) for order in permutations(range(3)) for flips in product((False, True), repeat=3)]


def ramp(grid: Grid) -> Volume:
    """An image whose intensity is a linear function of the place in the patient, so that geometry can be read off."""
    points = grid.index_to_lps(np.moveaxis(np.indices(grid.shape), 0, -1))
    return Volume((points @ np.array([1.0, 10.0, 100.0])).astype(np.float32), grid)


def stored_as(volume: Volume, order: tuple[int, ...], flips: tuple[bool, ...]) -> Volume:
    """The same voxels in another storage order."""
    affine = np.array(volume.grid.affine)
    array: npt.NDArray[np.float32] = volume.array
    for axis, flip in enumerate(flips):
        if flip:
            affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
            affine[:3, axis] *= -1
            array = np.flip(array, axis)
    array = np.transpose(array, order)
    affine[:3, :3] = affine[:3, list(order)]
    z, y, x = array.shape
    return Volume(np.ascontiguousarray(array), Grid((z, y, x), affine))


@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS)
def test_every_storage_order_is_reoriented_to_the_same_image(
    cube: Grid, order: tuple[int, ...], flips: tuple[bool, ...]
) -> None:
    tilted = Grid(cube.shape, rotation_about(np.zeros(3), np.array([0.3, 0.1, -0.2])).matrix @ cube.affine)
    image = ramp(tilted)
    found = reorient(stored_as(image, order, flips))
    assert np.array_equal(found.array, image.array)
    assert found.grid.same_as(image.grid)


def test_reorienting_lets_axes_run_to_head_back_and_left(cube: Grid) -> None:
    found = reorient(stored_as(ramp(cube), (2, 0, 1), (True, False, True)))
    assert np.allclose(found.grid.directions, np.eye(3)[:, ::-1])


def test_an_image_at_45_degrees_keeps_all_three_axes(cube: Grid) -> None:
    turned = Grid(cube.shape, rotation_about(np.zeros(3), np.array([0.0, 0.0, np.pi / 4])).matrix @ cube.affine)
    found = reorient(ramp(turned))
    assert np.allclose(found.array, ramp(found.grid).array, atol=1e-2)


def test_resampling_onto_its_own_grid_changes_nothing(cube: Grid) -> None:
    image = Volume(np.random.default_rng(1).normal(size=cube.shape).astype(np.float32), cube)
    assert np.array_equal(resample(image, cube).array, image.array)
    assert np.array_equal(resample(image, cube, interpolation=Interpolation.NEAREST).array, image.array)


@settings(max_examples=20)
@given(
    rotation=st.tuples(*[st.floats(-0.4, 0.4)] * 3),
    shift=st.tuples(*[st.floats(-3, 3)] * 3),
    shear=st.floats(-0.2, 0.2),
)
def test_a_known_motion_is_followed_exactly(
    rotation: tuple[float, float, float], shift: tuple[float, float, float], shear: float
) -> None:
    source = Grid.from_axes(
        (30, 60, 60), origin_mm=(-30, -30, -45), spacing_mm=(3, 1, 1), directions=np.eye(3)[:, ::-1]
    )
    affine = np.array(source.affine)
    affine[:3, :3] *= 0.25
    affine[:3, 3] *= 0.2
    affine[1, 0] += shear
    target = Grid((20, 20, 20), affine)
    motion = rotation_about(np.zeros(3), np.array(rotation)).matrix
    motion = motion + np.pad(np.array(shift)[:, None], ((0, 1), (3, 0)))
    points = RigidTransform(motion).apply(target.index_to_lps(np.moveaxis(np.indices(target.shape), 0, -1)))
    found = resample(ramp(source), target, to_volume=motion).array
    assert np.allclose(found, points @ np.array([1.0, 10.0, 100.0]), atol=0.05)


def test_beyond_the_field_of_view_is_the_outside_value(cube: Grid) -> None:
    away = np.eye(4)
    away[0, 3] = 1000.0
    assert (resample(ramp(cube), cube, to_volume=away, outside=-7.0).array == -7.0).all()
    assert not coverage(ramp(cube), cube, to_volume=away).any()
    assert coverage(ramp(cube), cube, to_volume=np.eye(4)).all()


def test_blur_has_the_width_that_is_asked_for_in_millimetres() -> None:
    grid = Grid.from_axes((21, 61, 61), origin_mm=(0, 0, 0), spacing_mm=(2, 1, 1), directions=np.eye(3)[:, ::-1])
    point = np.zeros(grid.shape, np.float32)
    point[10, 30, 30] = 1.0
    array = blur(Volume(point, grid), (8.0, 5.0, 0.0)).array.astype(np.float64)
    assert array.sum() == pytest.approx(1.0, abs=1e-3)
    z, y, _ = np.indices(grid.shape)
    spread = [np.sqrt((array * ((axis - centre) * mm) ** 2).sum()) for axis, centre, mm in ((z, 10, 2), (y, 30, 1))]
    assert np.array(spread) * 2.3548 == pytest.approx([8.0, 5.0], rel=0.04)
    assert np.array_equal(np.flatnonzero(array.sum(axis=(0, 1)) > 1e-6), [30])


def test_blurring_to_a_finer_voxel_changes_nothing(cube: Grid) -> None:
    image = ramp(cube)
    assert np.array_equal(blur_to_voxel(image, (1.0, 0.5, 1.0)).array, image.array)


@pytest.mark.parametrize("spacing", [1.5, 4.0])
def test_cubic_voxels_stay_at_their_place_in_the_patient(cube: Grid, spacing: float) -> None:
    tilted = Grid(cube.shape, rotation_about(np.zeros(3), np.array([0.2, -0.1, 0.3])).matrix @ cube.affine)
    found = isotropic(ramp(tilted), spacing)
    assert np.allclose(found.grid.spacing_mm, spacing)
    inner = (slice(2, -2),) * 3
    assert np.allclose(found.array[inner], ramp(found.grid).array[inner], atol=1.0)
    assert np.allclose(
        found.grid.index_to_lps((np.array(found.grid.shape) - 1) / 2), tilted.index_to_lps([5.5, 19.5, 19.5])
    )


def test_halfway_space_does_not_depend_on_which_scan_comes_first(cube: Grid) -> None:
    motion = rotation_about(np.array([1.0, 2.0, 3.0]), np.array([0.1, -0.05, 0.2]))
    prior = Grid.from_axes(
        (30, 44, 44),
        origin_mm=(-18, -17, -16),
        spacing_mm=(1.2, 0.9, 0.9),
        directions=Rotation.from_rotvec([0.05, 0, 0]).as_matrix()[:, ::-1],
    )
    there = halfway_grid(ramp(cube), ramp(prior), motion)
    back = halfway_grid(ramp(prior), ramp(cube), motion.inverse())
    assert there.same_as(back, tolerance_mm=1e-6)
    assert np.allclose(there.spacing_mm, (3.0, 1.0, 1.0))


def test_halfway_grid_of_two_equal_scans_is_their_own(cube: Grid) -> None:
    assert halfway_grid(ramp(cube), ramp(cube), RigidTransform.identity()).same_as(cube)


def test_a_crop_keeps_every_voxel_at_its_place(cube: Grid) -> None:
    mask = np.zeros(cube.shape, bool)
    mask[3:5, 10:20, 0:7] = True
    part = crop(cube, mask, margin_voxels=2)
    assert part.shape == (6, 14, 9)
    assert np.allclose(part.index_to_lps([0, 0, 0]), cube.index_to_lps([1, 8, 0]))
    assert crop(cube, np.zeros(cube.shape, bool), margin_voxels=2) is cube
