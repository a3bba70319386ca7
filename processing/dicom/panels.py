"""Slices as pictures, turned as radiologists look at them and with square millimetres.

Axial and coronal pictures show the patient's right on the left, axial ones front up, sagittal ones face left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import binary_dilation, binary_erosion, zoom

from processing.domain.imaging import Grid

THICK_SLICES = 1.5
"""Slices so many times thicker than pixels are wide are shown as acquired; thinner ones are cut axially."""

_ABOVE_TISSUE = 1.65
"""White, as a multiple of the intensity of normal brain in a FLAIR image."""

_TINT = 0.30

_LETTERS = ("RL", "AP", "IS")
"""For each LPS axis the letter towards lower and towards higher coordinates (PS3.3 C.7.6.1.1.1)."""

_SECOND_LETTER = 0.5
"""A direction cosine from which a second letter is worth showing: 30 degrees off the axis."""

_PLANES = {
    0: ("sagittal", (1, 1), (2, -1)),
    1: ("coronal", (0, 1), (2, -1)),
    2: ("axial", (0, 1), (1, 1)),
}
"""For a slice normal along each LPS axis: name, then (LPS axis, sign) along which columns and rows are counted."""

FloatImage = npt.NDArray[np.float32]


@dataclass(frozen=True)
class View:
    """How a grid's arrays are turned for display.

    Parameters
    ----------
    plane : str
        axial, coronal or sagittal.
    axes : tuple of int
        The grid's axes that become slices, rows and columns.
    flips : tuple of bool
        Whether each of the three is counted backwards.
    spacing_mm : tuple of float
        Between slices, rows and columns.
    letters : tuple of str
        Directions at the left, right, upper and lower edge.
    """

    plane: str
    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]
    spacing_mm: tuple[float, float, float]
    letters: tuple[str, str, str, str]

    def turn(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return an array of the grid as (slices, rows, columns) for display; a view, not a copy."""
        steps = tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flips)
        turned: npt.NDArray[Any] = np.transpose(array, self.axes)[steps]
        return turned

    def grid_index(self, index: tuple[int, int, int], shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """Return the grid's index of a place in a turned array; `shape` is the grid's."""
        found = [0, 0, 0]
        for position, (axis, flip) in enumerate(zip(self.axes, self.flips, strict=True)):
            found[axis] = shape[axis] - 1 - index[position] if flip else index[position]
        return found[0], found[1], found[2]


def choose_view(grid: Grid) -> View:
    """Choose the plane in which a grid is shown, and how its arrays are turned for it."""
    spacing = np.array(grid.spacing_mm)
    directions = grid.directions
    if spacing.max() > THICK_SLICES * np.median(spacing):
        slice_axis = int(spacing.argmax())
    else:
        slice_axis = int(np.abs(directions[2]).argmax())
    normal = int(np.abs(directions[:, slice_axis]).argmax())
    plane, (column_lps, column_sign), (row_lps, row_sign) = _PLANES[normal]
    others = [axis for axis in range(3) if axis != slice_axis]
    column_axis = max(others, key=lambda axis: float(abs(directions[column_lps, axis])))
    row_axis = next(axis for axis in others if axis != column_axis)
    axes = (slice_axis, row_axis, column_axis)
    wanted = ((normal, 1), (row_lps, row_sign), (column_lps, column_sign))
    flips = [bool(directions[lps, axis] * sign < 0) for axis, (lps, sign) in zip(axes, wanted, strict=True)]
    row = directions[:, row_axis] * (-1 if flips[1] else 1)
    column = directions[:, column_axis] * (-1 if flips[2] else 1)
    return View(
        plane,
        axes,
        (flips[0], flips[1], flips[2]),
        (float(spacing[slice_axis]), float(spacing[row_axis]), float(spacing[column_axis])),
        (direction_letters(-column), direction_letters(column), direction_letters(-row), direction_letters(row)),
    )


def direction_letters(direction: npt.NDArray[np.float64]) -> str:
    """Return the letters of an LPS direction, the strongest first, as in Patient Orientation (0020,0020)."""
    order = np.argsort(-np.abs(direction), kind="stable")
    kept = [axis for rank, axis in enumerate(order) if rank == 0 or abs(direction[axis]) >= _SECOND_LETTER]
    return "".join(_LETTERS[axis][int(direction[axis] > 0)] for axis in kept)


@dataclass(frozen=True)
class Window:
    """A part of a turned slice: rows and columns, the ends not included."""

    top: int
    bottom: int
    left: int
    right: int

    def of(self, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Cut the window out of an image."""
        return image[self.top : self.bottom, self.left : self.right]


def head_window(turned: FloatImage, margin: int = 4) -> Window:
    """Return the smallest window that holds the head in every slice."""
    mean = turned.mean(axis=0)
    inside = mean > 0.15 * np.percentile(mean, 95)
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not rows.size or not columns.size:
        return Window(0, turned.shape[1], 0, turned.shape[2])
    return Window(
        max(0, int(rows[0]) - margin),
        min(turned.shape[1], int(rows[-1]) + margin + 1),
        max(0, int(columns[0]) - margin),
        min(turned.shape[2], int(columns[-1]) + margin + 1),
    )


def window_around(
    centre: tuple[float, float], size_mm: tuple[float, float], view: View, shape: tuple[int, int]
) -> Window:
    """Return a window of a given size (height, width) around a place (row, column), moved inside the image."""
    edges: list[int] = []
    for place, extent_mm, spacing_mm, length in zip(centre, size_mm, view.spacing_mm[1:], shape, strict=True):
        count = min(length, max(2, round(extent_mm / spacing_mm)))
        start = min(max(0, round(place - count / 2)), length - count)
        edges += [start, start + count]
    return Window(edges[0], edges[1], edges[2], edges[3])


def brightest_shown(turned: FloatImage) -> float:
    """Return the intensity that is shown white: well above normal tissue, so that lesions stand out from it."""
    inside = turned[turned > 0.1 * np.percentile(turned, 99)]
    if not inside.size:
        return 1.0
    return max(_ABOVE_TISSUE * float(np.percentile(inside, 60)), 1e-6)


def render(image: FloatImage, white: float, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Return a slice as grey values from 0 to 255 at a size in pixels (height, width)."""
    scaled = Image.fromarray(np.ascontiguousarray(image, dtype=np.float32))
    resized = scaled.resize((size[1], size[0]), Image.Resampling.BICUBIC)
    shown: npt.NDArray[np.float32] = np.clip(np.asarray(resized, dtype=np.float32) / white, 0, 1) * np.float32(255)
    return shown


def in_colour(grey: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return a grey picture as an RGB one, shape (rows, columns, 3)."""
    return np.repeat(grey[..., None], 3, axis=2)


def mark(
    rgb: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_], colour: tuple[int, int, int], *, filled: bool = True
) -> npt.NDArray[np.float32]:
    """Return an RGB picture with a mask, of the slice's own size, outlined and tinted.

    Each voxel of the mask stays where it is: the outline follows the voxels' edges, so that nothing looks more exact
    than it is.
    """
    if not mask.any():
        return rgb
    marked = rgb.copy()
    factors = [wanted / given for wanted, given in zip(rgb.shape[:2], mask.shape, strict=True)]
    shown = zoom(mask.astype(np.uint8), factors, order=0, grid_mode=True, mode="nearest").astype(bool)
    outline = binary_dilation(shown) & ~binary_erosion(shown)
    paint = np.array(colour, dtype=np.float32)
    if filled:
        marked[shown] = (1 - _TINT) * marked[shown] + _TINT * paint
    marked[outline] = paint
    return marked


def fitted_size(window: Window, view: View, largest: tuple[int, int]) -> tuple[int, int]:
    """Return the size in pixels (height, width) at which a window fits, with equal millimetres on both sides."""
    height_mm = (window.bottom - window.top) * view.spacing_mm[1]
    width_mm = (window.right - window.left) * view.spacing_mm[2]
    scale = min(largest[0] / height_mm, largest[1] / width_mm)
    return max(1, round(height_mm * scale)), max(1, round(width_mm * scale))
