"""The pictures of a result: one per lesion, and an overview."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from processing.dicom import lettering
from processing.dicom.lettering import BLUE, GREY, RED, WHITE, YELLOW
from processing.dicom.palette import COLOURS_RGB
from processing.dicom.panels import (
    FloatImage,
    View,
    Window,
    brightest_shown,
    choose_view,
    fitted_size,
    head_window,
    in_colour,
    mark,
    render,
    window_around,
)
from processing.dicom.provenance import RESEARCH_USE
from processing.domain.imaging import LabelMap, Volume
from processing.domain.result import Lesion, LesionChange

_MARGIN = 14
_GAP = 8
_PANEL_WIDTH = 380
_PANEL_HEIGHT = 460
_CLOSE_UP_HEIGHT = 250
_CLOSE_UP_MM = 46.0
"""Height of what a close-up shows."""

_ROW_MM = 90.0
"""Height and width of what a row of the report shows: enough brain around a lesion to know where it is."""
_ROW_PIXELS = 360

_TILES = (5, 3)
_TILE = (236, 216)

_TITLE, _TEXT, _SMALL = 26, 19, 16

_COLOUR_WORDS = {
    LesionChange.NEW: "new red",
    LesionChange.GROWING: "growing amber",
    LesionChange.SHRINKING: "shrinking light blue",
    LesionChange.VANISHED: "vanished blue",
}


@dataclass(frozen=True)
class Words:
    """What is written on every picture.

    Parameters
    ----------
    pipeline : str
        Name and version.
    prior, current : str
        Captions of the two studies, with dates where these are true.
    status : str
        Whether a reader has accepted this.
    notes : tuple of str
        Sentences that the reader must see; on the overview.
    """

    pipeline: str
    prior: str
    current: str
    status: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class LesionRow:
    """Three pictures of one lesion's surroundings, each an array of uint8, shape (rows, columns, 3).

    `plane` and `place` say which slice it is: ``axial`` and ``S 31.5 mm``.
    """

    lesion: Lesion
    plane: str
    place: str
    prior: npt.NDArray[np.uint8]
    current: npt.NDArray[np.uint8]
    overlay: npt.NDArray[np.uint8]


class Pictures:
    """Draws the pictures of one result; all volumes lie on the current FLAIR's grid."""

    def __init__(
        self, current: Volume, prior: Volume, lesion_map: LabelMap, lesions: Sequence[Lesion], words: Words
    ) -> None:
        self._view: View = choose_view(current.grid)
        self._current: FloatImage = self._view.turn(current.array)
        self._prior: FloatImage = self._view.turn(prior.array)
        self._labels: npt.NDArray[np.uint16] = self._view.turn(lesion_map.array)
        self._numbers_of = {
            change: [lesion.number for lesion in lesions if lesion.change is change] for change in LesionChange
        }
        self._grid = current.grid
        self._words = words
        self._head = head_window(self._current)
        self._white = brightest_shown(self._current), brightest_shown(self._prior)

    def lesion_picture(self, lesion: Lesion, place: int, count: int) -> npt.NDArray[np.uint8]:
        """Draw prior, current and current with lesions, at a lesion's largest slice, and close-ups below.

        Parameters
        ----------
        lesion : Lesion
        place, count : int
            Its place among the lesions that are reported.

        Returns
        -------
        ndarray of uint8, shape (rows, columns, 3)
        """
        z = self.largest_slice(lesion.number)
        size = fitted_size(self._head, self._view, (_PANEL_HEIGHT, _PANEL_WIDTH))
        rows, columns = np.nonzero(self._labels[z] == lesion.number)
        centre = float(rows.mean()) + 0.5, float(columns.mean()) + 0.5
        close_up_mm = _CLOSE_UP_MM, _CLOSE_UP_MM * size[1] / _CLOSE_UP_HEIGHT
        close = window_around(centre, close_up_mm, self._view, self._labels[z].shape)
        close_size = fitted_size(close, self._view, (_CLOSE_UP_HEIGHT, size[1]))
        header, footer = 112, 66
        width = 2 * _MARGIN + 3 * size[1] + 2 * _GAP
        picture = Image.new("RGB", (width, header + size[0] + _GAP + close_size[0] + footer))
        draw = ImageDraw.Draw(picture)
        title = f"Lesion {lesion.number}: {lesion.change}   ({place} of {count})"
        measures = f"{_volume_words(lesion)}   |   {lesion.side}, {lesion.region}   |   {self._slice_words(z)}"
        self._frame(picture, title, measures)
        captions = (self._words.prior, self._words.current, self._legend(z))
        colours = (WHITE, WHITE, RED if lesion.change.increase else BLUE)
        for column, caption in enumerate(captions):
            x = _MARGIN + column * (size[1] + _GAP)
            lettering.write(
                draw,
                (x + size[1] // 2, 84),
                caption,
                _TEXT if len(caption) < 36 else _SMALL,
                colours[column],
                align="center",
            )
            panel = self._panel(z, column, self._head, size)
            picture.paste(Image.fromarray(panel), (x, header))
            self._letters(draw, (x, header), size)
            self._ticks(draw, (x, header), size, close)
            detail = self._panel(z, column, close, close_size)
            offset = x + (size[1] - close_size[1]) // 2
            picture.paste(Image.fromarray(detail), (offset, header + size[0] + _GAP))
        return np.asarray(picture)

    def overview(self, lesions: Sequence[Lesion]) -> npt.NDArray[np.uint8]:
        """Draw slices through the whole head, with every lesion and its number.

        Returns
        -------
        ndarray of uint8, shape (rows, columns, 3)
        """
        chosen = self._overview_slices(lesions)
        size = fitted_size(self._head, self._view, _TILE)
        columns, rows = _TILES
        header, footer = 84 + 24 * len(self._words.notes), 66
        width = max(2 * _MARGIN + columns * size[1] + (columns - 1) * _GAP, 1000)
        picture = Image.new("RGB", (width, header + rows * (size[0] + _GAP) + footer))
        draw = ImageDraw.Draw(picture)
        self._frame(picture, _count_words(lesions), f"{self._words.current}   |   compared with: {self._words.prior}")
        for line, note in enumerate(self._words.notes):
            lettering.write(draw, (_MARGIN, 78 + 24 * line), note, _SMALL, YELLOW)
        left = (width - columns * size[1] - (columns - 1) * _GAP) // 2
        for number, z in enumerate(chosen):
            x = left + (number % columns) * (size[1] + _GAP)
            y = header + (number // columns) * (size[0] + _GAP)
            picture.paste(Image.fromarray(self._panel(z, 2, self._head, size)), (x, y))
            self._letters(draw, (x, y), size, small=True)
            self._numbers(draw, (x, y), size, z)
        return np.asarray(picture)

    def lesion_row(self, lesion: Lesion) -> LesionRow:
        """Draw the surroundings of a lesion at its largest slice: prior, current, and current with lesions."""
        z = self.largest_slice(lesion.number)
        rows, columns = np.nonzero(self._labels[z] == lesion.number)
        centre = float(rows.mean()) + 0.5, float(columns.mean()) + 0.5
        window = window_around(centre, (_ROW_MM, _ROW_MM), self._view, self._labels[z].shape)
        size = fitted_size(window, self._view, (_ROW_PIXELS, _ROW_PIXELS))
        drawn = [Image.fromarray(self._panel(z, column, window, size)) for column in range(3)]
        for picture in drawn:
            self._letters(ImageDraw.Draw(picture), (0, 0), size, small=True)
        arrays = [np.asarray(picture) for picture in drawn]
        return LesionRow(lesion, self._view.plane, self._slice_place(z), arrays[0], arrays[1], arrays[2])

    def largest_slice(self, label: int) -> int:
        """Return the turned slice in which a lesion has most voxels."""
        return int((self._labels == label).sum(axis=(1, 2)).argmax())

    def _panel(self, z: int, column: int, window: Window, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
        volume, white = (self._prior, self._white[1]) if column == 0 else (self._current, self._white[0])
        grey = render(window.of(volume[z]), white, size)
        picture = in_colour(grey)
        if column == 2:
            labels = window.of(self._labels[z])
            for change in LesionChange:
                # What is gone is outlined only: nobody takes it for a lesion that is there.
                marked = np.isin(labels, self._numbers_of[change])
                picture = mark(picture, marked, COLOURS_RGB[change], filled=change.increase)
        shown: npt.NDArray[np.uint8] = np.rint(picture).astype(np.uint8)
        return shown

    def _legend(self, z: int) -> str:
        """Name the colours of the lesions in a slice."""
        labels = self._labels[z]
        present = [words for change, words in _COLOUR_WORDS.items() if np.isin(labels, self._numbers_of[change]).any()]
        return f"Current: {', '.join(present)}"

    def _frame(self, picture: Image.Image, title: str, measures: str) -> None:
        draw = ImageDraw.Draw(picture)
        right, bottom = picture.width - _MARGIN, picture.height
        lettering.write(draw, (_MARGIN, 10), title, _TITLE)
        lettering.write(draw, (_MARGIN, 48), measures, _TEXT)
        lettering.write(draw, (_MARGIN, bottom - 54), self._words.status, _SMALL, GREY)
        lettering.write(draw, (_MARGIN, bottom - 29), f"{RESEARCH_USE}.", _TEXT, YELLOW)
        lettering.write(draw, (right, bottom - 54), self._words.pipeline, _SMALL, GREY, align="right")
        hint = f"{self._view.plane} slices, patient's {_side_words(self._view)}"
        lettering.write(draw, (right, bottom - 27), hint, _SMALL, GREY, align="right")

    def _letters(
        self, draw: ImageDraw.ImageDraw, corner: tuple[int, int], size: tuple[int, int], *, small: bool = False
    ) -> None:
        (x, y), (height, width) = corner, size
        text = 14 if small else _TEXT
        left, right, top, bottom = self._view.letters
        # In the upper corners: beside the head, where no lesion lies.
        lettering.write(draw, (x + 4, y + 2), left, text, YELLOW, shadow=True)
        lettering.write(draw, (x + width - 4, y + 2), right, text, YELLOW, align="right", shadow=True)
        lettering.write(draw, (x + width // 2, y + 2), top, text, YELLOW, align="center", shadow=True)
        place = (x + width // 2, y + height - text - 6)
        lettering.write(draw, place, bottom, text, YELLOW, align="center", shadow=True)

    def _ticks(self, draw: ImageDraw.ImageDraw, corner: tuple[int, int], size: tuple[int, int], close: Window) -> None:
        """Mark the corners of what the close-up shows."""
        scale_y = size[0] / (self._head.bottom - self._head.top)
        scale_x = size[1] / (self._head.right - self._head.left)
        top, bottom = (corner[1] + round((v - self._head.top) * scale_y) for v in (close.top, close.bottom))
        left, right = (corner[0] + round((v - self._head.left) * scale_x) for v in (close.left, close.right))
        # A window at the edge of the head reaches beyond its panel.
        top, bottom = max(top, corner[1]), min(bottom, corner[1] + size[0] - 1)
        left, right = max(left, corner[0]), min(right, corner[0] + size[1] - 1)
        arm = 10
        for x, inward in ((left, arm), (right, -arm)):
            for y, down in ((top, arm), (bottom, -arm)):
                draw.line([(x, y), (x + inward, y)], fill=YELLOW, width=2)
                draw.line([(x, y), (x, y + down)], fill=YELLOW, width=2)

    def _numbers(self, draw: ImageDraw.ImageDraw, corner: tuple[int, int], size: tuple[int, int], z: int) -> None:
        for label in np.unique(self._labels[z]):
            if not label:
                continue
            rows, columns = np.nonzero(self._labels[z] == label)
            x = (columns.max() + 1 - self._head.left) * size[1] / (self._head.right - self._head.left)
            y = (rows.mean() - self._head.top) * size[0] / (self._head.bottom - self._head.top)
            place = (corner[0] + round(x) + 3, corner[1] + round(y) - 9)
            lettering.write(draw, place, str(int(label)), 14, WHITE, shadow=True)

    def _overview_slices(self, lesions: Sequence[Lesion]) -> list[int]:
        """Choose slices evenly through the head, and each large lesion's own instead of the one nearest to it."""
        signal = self._current.mean(axis=(1, 2))
        inside = np.flatnonzero(signal > 0.3 * np.percentile(signal, 95))
        low, high = (int(inside[0]), int(inside[-1])) if inside.size else (0, len(signal) - 1)
        wanted = min(_TILES[0] * _TILES[1], high - low + 1)
        slices = sorted({round(v) for v in np.linspace(low, high, wanted)})
        fixed: set[int] = set()
        for lesion in sorted(lesions, key=lambda item: -item.volume_mm3):
            z = self.largest_slice(lesion.number)
            free = [s for s in slices if s not in fixed]
            if z not in slices and free:
                slices.remove(min(free, key=lambda s: abs(s - z)))
                slices.append(z)
            fixed.add(z)
        return sorted(slices)

    def _slice_words(self, z: int) -> str:
        return f"{self._view.plane} slice at {self._slice_place(z)}"

    def _slice_place(self, z: int) -> str:
        turned = self._labels.shape
        middle = self._view.grid_index((z, turned[1] // 2, turned[2] // 2), self._grid.shape)
        position = self._grid.index_to_lps(middle)
        axis = {"sagittal": 0, "coronal": 1, "axial": 2}[self._view.plane]
        letter = ("RL", "AP", "IS")[axis][int(position[axis] > 0)]
        return f"{letter} {abs(position[axis]):.1f} mm"


def _volume_words(lesion: Lesion) -> str:
    volume = f"{lesion.volume_mm3:.0f} mm³"
    if lesion.change is LesionChange.NEW:
        return volume
    if lesion.change is LesionChange.GROWING:
        return f"{volume} added to {lesion.prior_volume_mm3:.0f} mm³"
    if lesion.change is LesionChange.SHRINKING:
        return f"{volume} lost of {lesion.prior_volume_mm3:.0f} mm³"
    return f"{volume} vanished"


def _count_words(lesions: Sequence[Lesion]) -> str:
    if not lesions:
        return "No new, growing, shrinking or vanished lesion reported"
    counts = Counter(lesion.change for lesion in lesions)
    listed = ", ".join(f"{counts[change]} {change}" for change in LesionChange if counts[change])
    appeared = sum(item.volume_mm3 for item in lesions if item.change.increase)
    noun = "lesion" if len(lesions) == 1 else "lesions"
    return f"{len(lesions)} {noun}: {listed}" + (f"   |   {appeared:.0f} mm³ added" if appeared else "")


def _side_words(view: View) -> str:
    return "face to the left" if view.plane == "sagittal" else "right on the left"
