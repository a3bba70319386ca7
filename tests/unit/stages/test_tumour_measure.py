from __future__ import annotations

import numpy as np
import pytest

from processing.domain.imaging import Grid, LabelMap
from processing.stages.fusion import Mask
from processing.stages.tumour.labels import TumourLabel
from processing.stages.tumour.measure import TumourVolumes, diameters, volumes

SPACING_MM = (3.0, 0.5, 0.5)


def grid(turn_deg: float = 0.0) -> Grid:
    """Slices turned about the first axis, so that no diameter runs along a voxel's edge."""
    angle = np.deg2rad(turn_deg)
    directions = np.array([[0, np.sin(angle), np.cos(angle)], [0, np.cos(angle), -np.sin(angle)], [1, 0, 0]])
    return Grid.from_axes((9, 100, 100), origin_mm=(5, -3, 8), spacing_mm=SPACING_MM, directions=directions)


def ellipse(half_long_mm: float, half_short_mm: float, *, tilt_deg: float = 0.0) -> Mask:
    z, y, x = np.indices((9, 100, 100), float)
    angle = np.deg2rad(tilt_deg)
    a = ((x - 50) * np.cos(angle) + (y - 50) * np.sin(angle)) * 0.5
    b = (-(x - 50) * np.sin(angle) + (y - 50) * np.cos(angle)) * 0.5
    inside: Mask = (a / half_long_mm) ** 2 + (b / half_short_mm) ** 2 + ((z - 4) / 3) ** 2 <= 1
    return inside


def enhancing(mask: Mask, place: Grid) -> LabelMap:
    return LabelMap(np.where(mask, TumourLabel.ENHANCING, 0).astype(np.uint16), place)


def test_volumes_count_voxels_of_each_part() -> None:
    array = np.zeros((9, 100, 100), np.uint16)
    array[0, 0, :4], array[1, 0, :8], array[2, 0, :16] = 1, 2, 3
    measured = volumes(LabelMap(array, grid()))
    parts = (measured.core_ml, measured.hyperintensity_ml, measured.enhancing_ml)
    assert parts == pytest.approx((0.003, 0.006, 0.012))
    assert measured.whole_ml == pytest.approx(0.021)


def test_the_eight_ratios() -> None:
    ratios = TumourVolumes(core_ml=2.0, hyperintensity_ml=6.0, enhancing_ml=4.0).ratios()
    assert list(ratios.values()) == pytest.approx([2, 4 / 6, 4 / 6, 1 / 3, 3, 1, 0.5, 1 / 6])


def test_a_ratio_to_nothing_is_left_out() -> None:
    ratios = TumourVolumes(core_ml=0.0, hyperintensity_ml=6.0, enhancing_ml=4.0).ratios()
    assert len(ratios) == 6
    assert not any(name.endswith("to necrosis") for name in ratios)
    assert TumourVolumes(0, 0, 0).ratios() == {}


@pytest.mark.parametrize("turn_deg", [0.0, 35.0])
@pytest.mark.parametrize("tilt_deg", [0.0, 20.0, 45.0, 90.0])
def test_diameters_of_an_ellipse_whichever_way_it_lies(turn_deg: float, tilt_deg: float) -> None:
    found = diameters(enhancing(ellipse(15, 8, tilt_deg=tilt_deg), grid(turn_deg)))
    assert found is not None
    assert found.slice_index == 4
    assert found.longest_mm == pytest.approx(30, abs=1.0)
    assert found.perpendicular_mm == pytest.approx(16, abs=1.0)
    assert found.measurable


def test_what_the_ring_encloses_counts() -> None:
    ring = ellipse(15, 10) & ~ellipse(12, 7)
    found = diameters(enhancing(ring, grid()))
    assert found is not None
    assert found.perpendicular_mm == pytest.approx(20, abs=1.0)


def test_only_the_largest_lesion_is_measured() -> None:
    mask = ellipse(6, 6)
    mask[:, 2:4, 2:90] = True
    mask[:2] = mask[7:] = False
    alone = diameters(enhancing(ellipse(6, 6), grid()))
    both = diameters(enhancing(mask, grid()))
    assert alone is not None
    assert both is not None
    assert both.longest_mm == pytest.approx(alone.longest_mm)


def test_a_small_lesion_is_not_measurable() -> None:
    found = diameters(enhancing(ellipse(12, 4), grid()))
    assert found is not None
    assert not found.measurable


def test_single_voxels_and_nothing_have_no_extent() -> None:
    mask = np.zeros((9, 100, 100), bool)
    assert diameters(enhancing(mask, grid())) is None
    mask[3, 5, 5] = True
    found = diameters(enhancing(mask, grid()))
    assert found is not None
    assert (found.longest_mm, found.perpendicular_mm) == (0.0, 0.0)
