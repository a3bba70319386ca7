from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from scipy.spatial.transform import Rotation

from processing.dicom.geometry import series_geometry
from processing.domain.errors import InputRejected
from processing.domain.imaging import Grid
from tests.unit.dicom.made import enhanced, grid_of, head, instances

COUNT = 8


def stack(
    count: int = COUNT, *, rotation: Rotation | None = None, gap_mm: float = 3.0, shear_mm: float = 0.0
) -> list[Dataset]:
    turn = Rotation.identity() if rotation is None else rotation
    row, column, normal = turn.as_matrix().T
    headers = []
    for index in range(count):
        header = Dataset()
        header.Rows, header.Columns = 20, 30
        position = np.array([-10.0, 5.0, 40.0]) + index * (gap_mm * normal + shear_mm * row)
        header.ImagePositionPatient = [round(float(v), 6) for v in position]
        header.ImageOrientationPatient = [round(float(v), 6) for v in (*row, *column)]
        header.PixelSpacing = [0.5, 0.8]
        headers.append(header)
    return headers


def rejected(headers: list[Dataset]) -> str:
    with pytest.raises(InputRejected) as caught:
        series_geometry(headers)
    return caught.value.reason


@given(st.permutations(range(COUNT)), st.integers(0, 10**6))
@settings(max_examples=40)
def test_the_order_of_files_does_not_matter(order: list[int], seed: int) -> None:
    headers = stack(rotation=Rotation.random(random_state=seed))
    geometry = series_geometry([headers[i] for i in order])
    assert [order[i] for i in geometry.order] == list(range(COUNT))
    expected = series_geometry(headers).grid
    assert geometry.grid.same_as(expected)


@given(st.integers(0, 10**6), st.integers(0, COUNT - 1), st.integers(0, 19), st.integers(0, 29))
@settings(max_examples=40)
def test_voxels_lie_where_the_standard_says(seed: int, k: int, i: int, j: int) -> None:
    headers = stack(rotation=Rotation.random(random_state=seed))
    grid = series_geometry(headers).grid
    axes = np.array([float(v) for v in headers[k].ImageOrientationPatient])
    position = np.array([float(v) for v in headers[k].ImagePositionPatient])
    # PS3.3 equation C.7.6.2.1-1: i counts rows here, j columns.
    expected = position + axes[:3] * 0.8 * j + axes[3:] * 0.5 * i
    np.testing.assert_allclose(grid.index_to_lps((k, i, j)), expected, atol=1e-4)
    assert grid.spacing_mm == pytest.approx((3.0, 0.5, 0.8), abs=1e-4)


def test_a_missing_slice_is_counted_and_placed() -> None:
    headers = stack()
    del headers[3]
    assert rejected(headers) == "1 slice is missing: 1 after 46.0 mm (slices are 3.00 mm apart)."


def test_several_missing_slices_are_counted_and_placed() -> None:
    headers = stack(20)
    for index in (15, 6, 5):
        del headers[index]
    assert rejected(headers) == "3 slices are missing: 2 after 52.0 mm; 1 after 82.0 mm (slices are 3.00 mm apart)."


def test_one_of_three_slices_is_missing() -> None:
    # Half of the gaps are double ones: neither is the usual one by number.
    headers = stack(4)
    del headers[2]
    assert "1 slice is missing" in rejected(headers)


def test_uneven_gaps_are_no_missing_slices() -> None:
    headers = stack()
    headers[4].ImagePositionPatient[2] += 1.0
    reason = rejected(headers)
    assert reason.startswith("The gaps between slices are uneven: from 2.00 to 4.00 mm")


def test_rounded_positions_are_even() -> None:
    headers = stack(gap_mm=3.3)
    for header in headers:
        header.ImagePositionPatient = [round(float(v), 1) for v in header.ImagePositionPatient]
    assert series_geometry(headers).grid.shape == (COUNT, 20, 30)


def test_several_images_at_one_position() -> None:
    headers = stack() + stack()[:2]
    assert rejected(headers).startswith("2 images lie at the position of another")


def test_mixed_orientations_are_counted() -> None:
    turned = stack(3, rotation=Rotation.from_euler("x", 90, degrees=True))
    assert rejected(stack() + turned) == "The series mixes images in 2 different orientations."


def test_a_localizer_of_three_planes_is_no_volume() -> None:
    planes = [stack(3, rotation=Rotation.from_euler(axis, 90, degrees=True)) for axis in "xyz"]
    assert rejected([header for plane in planes for header in plane]).endswith("3 different orientations.")


def test_mixed_sizes() -> None:
    headers = stack()
    headers[1].Rows = 40
    assert rejected(headers) == "The images of the series differ in size: 20 x 30 (7), 40 x 30 (1)."


def test_mixed_spacing() -> None:
    headers = stack()
    headers[1].PixelSpacing = [0.5, 0.9]
    assert "differ in pixel spacing" in rejected(headers)


def test_a_single_slice_is_no_volume() -> None:
    assert rejected(stack(1)) == "The series holds a single slice, which is not a volume."


def test_an_empty_series_is_no_volume() -> None:
    assert rejected([]) == "The series holds no image."


@pytest.mark.parametrize(
    ("keyword", "word"),
    [
        ("ImagePositionPatient", "position"),
        ("ImageOrientationPatient", "orientation"),
        ("PixelSpacing", "pixel spacing"),
    ],
)
@pytest.mark.parametrize("value", [None, "", "1.0", "one\\two\\three"])
def test_missing_geometry_is_named(keyword: str, word: str, value: str | None) -> None:
    headers = stack()
    if value is None:
        delattr(headers[2], keyword)
    else:
        headers[2].add_new(keyword, "LO", value.split("\\"))
    assert rejected(headers) == f"The series has no usable geometry: an image lacks its {word}."


def test_an_object_without_rows_is_no_image() -> None:
    headers = stack()
    del headers[0].Rows
    assert "is no image" in rejected(headers)


def test_a_sheared_stack_is_refused() -> None:
    assert "not stacked straight" in rejected(stack(shear_mm=0.2))


def test_axes_that_are_not_perpendicular_are_refused() -> None:
    headers = stack()
    headers[2].ImageOrientationPatient = [1, 0, 0, 0.6, 0.8, 0]
    assert "perpendicular" in rejected(headers)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=5)
@given(st.permutations(range(6)))
def test_a_multi_frame_image_has_the_geometry_of_its_frames(tmp_path: Path, order: list[int]) -> None:
    images = instances(tmp_path, head(grid_of(shape=(6, 12, 10))))
    expected = series_geometry(images)
    geometry = series_geometry([enhanced([images[i] for i in order])])
    assert geometry.grid.same_as(expected.grid)
    assert [order[i] for i in geometry.order] == list(expected.order)
    assert {frame.header for frame in geometry.frames} == {0}


def test_what_the_scanner_writes_is_read_where_it_was(tmp_path: Path) -> None:
    grid: Grid = grid_of()
    assert series_geometry(instances(tmp_path, head(grid))).grid.same_as(grid)


def test_a_series_of_several_multi_frame_images_is_refused(tmp_path: Path) -> None:
    """Nothing could refer to them afterwards: this must show before the measurement, not after it."""
    images = instances(tmp_path, head(grid_of(shape=(8, 24, 20))))
    assert "2 objects, 2 of them multi-frame" in rejected([enhanced(images[:4]), enhanced(images[4:])])
    assert "4 objects, 1 of them multi-frame" in rejected([enhanced(images[:5]), *images[5:]])
