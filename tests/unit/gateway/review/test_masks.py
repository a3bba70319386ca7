from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gateway.review.masks import BoxMask, side_of
from processing.domain.errors import InputRejected
from processing.domain.imaging import Grid
from processing.domain.result import Side

GRID = Grid.from_axes((6, 40, 50), origin_mm=(-50, -40, 0), spacing_mm=(3, 2, 2), directions=np.eye(3)[:, ::-1])


@given(arrays(bool, st.tuples(*[st.integers(1, 6)] * 3)).filter(lambda mask: mask.any()))
def test_a_mask_comes_back_from_its_bits(mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> None:
    box = BoxMask.around(mask)
    read = BoxMask.unpacked(box.first, box.size, box.packed)
    whole = np.zeros_like(mask)
    whole[read.window()] = read.array
    assert np.array_equal(whole, mask)


def test_bits_that_do_not_fill_the_box_are_refused() -> None:
    bits = zlib.compress(bytes(2))
    assert BoxMask.unpacked((0, 0, 0), (1, 2, 8), bits).size == (1, 2, 8)
    for size in ((1, 1, 8), (1, 3, 8), (0, 2, 8), (400, 400, 400)):
        with pytest.raises(InputRejected):
            BoxMask.unpacked((0, 0, 0), size, bits)
    with pytest.raises(InputRejected, match="can't be read"):
        BoxMask.unpacked((0, 0, 0), (1, 2, 8), b"\x00\x01\x02\x03")


def test_a_bomb_is_not_unpacked() -> None:
    with pytest.raises(InputRejected, match="does not fill"):
        BoxMask.unpacked((0, 0, 0), (1, 1, 8), zlib.compress(bytes(50_000_000)))


def test_a_box_that_leaves_the_grid_is_seen() -> None:
    mask = BoxMask((4, 39, 49), np.ones((2, 1, 1), bool))
    assert mask.inside(GRID.shape)
    assert not BoxMask((5, 39, 49), mask.array).inside(GRID.shape)
    assert not BoxMask((-1, 0, 0), mask.array).inside(GRID.shape)


def test_volume_and_a_voxel_inside() -> None:
    ring = np.ones((1, 5, 5), bool)
    ring[0, 1:4, 1:4] = False
    mask = BoxMask((2, 10, 20), ring)
    assert mask.volume_mm3(GRID) == pytest.approx(16 * 12)
    z, y, x = mask.inner_index(GRID)
    assert ring[z - 2, y - 10, x - 20], "the middle of a ring is not in it"


@pytest.mark.parametrize(("x", "side"), [(10, Side.RIGHT), (38, Side.LEFT), (25, Side.MIDLINE)])
def test_the_side_is_the_patients_own(x: int, side: Side) -> None:
    """LPS: a larger x is further to the patient's left."""
    head = np.zeros(GRID.shape, bool)
    head[:, 5:35, 5:46] = True
    assert side_of(GRID, head, GRID.index_to_lps((3, 20, x))) is side


def test_the_side_follows_the_axes_not_the_array() -> None:
    directions = np.array([[0, 0, -1.0], [0, 1, 0], [1, 0, 0]])
    mirrored = Grid.from_axes(GRID.shape, origin_mm=(50, -40, 0), spacing_mm=(3, 2, 2), directions=directions)
    head = np.zeros(GRID.shape, bool)
    head[:, 5:35, 5:46] = True
    assert side_of(mirrored, head, mirrored.index_to_lps((3, 20, 10))) is Side.LEFT
