"""Pictures of a tumour: slices of T1C and FLAIR, plain and with the parts outlined, and an overview."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from processing.dicom import lettering
from processing.dicom.lettering import GREY, WHITE, YELLOW
from processing.dicom.palette import TUMOUR_COLOURS_RGB
from processing.dicom.panels import (
    FloatImage,
    View,
    brightest_shown,
    choose_view,
    fitted_size,
    head_window,
    in_colour,
    mark,
    render,
)
from processing.dicom.provenance import RESEARCH_USE
from processing.domain.imaging import LabelMap, Volume
from processing.domain.study import SeriesRole
from processing.domain.tumour import TumourFindings, TumourLabel

COLUMNS = ((SeriesRole.T1C, False), (SeriesRole.T1C, True), (SeriesRole.FLAIR, False), (SeriesRole.FLAIR, True))
"""Role, and whether the parts are outlined."""

MOST_SLICES = 12
"""Through the tumour, one picture each."""

_MARGIN, _GAP, _TITLE, _TEXT, _SMALL = 14, 8, 26, 19, 16
_PANEL = (400, 340)
_TILES, _TILE = (5, 3), (236, 216)
_HEADER, _FOOTER = 104, 66


@dataclass(frozen=True)
class TumourWords:
    """What is written on every picture: pipeline and version, whether a reader has accepted this, and what to mind."""

    pipeline: str
    status: str
    notes: tuple[str, ...] = ()


class TumourPictures:
    """Draws the pictures of one tumour; all volumes lie on T1C's grid.

    Parameters
    ----------
    images : mapping of SeriesRole to Volume
        T1C and FLAIR at least.
    tumour : LabelMap
        `TumourLabel`; only the parts that are reported.
    words : TumourWords
    """

    def __init__(self, images: Mapping[SeriesRole, Volume], tumour: LabelMap, words: TumourWords) -> None:
        self._view: View = choose_view(tumour.grid)
        self._images: dict[SeriesRole, FloatImage] = {
            role: self._view.turn(images[role].array) for role in (SeriesRole.T1C, SeriesRole.FLAIR)
        }
        self._white = {role: brightest_shown(image) for role, image in self._images.items()}
        self._labels: npt.NDArray[np.uint16] = self._view.turn(tumour.array)
        self._head = head_window(self._images[SeriesRole.T1C])
        self._words = words

    @property
    def slices(self) -> list[int]:
        """Turned slices through the tumour, evenly, the largest among them; none without a tumour."""
        area = (self._labels > 0).sum(axis=(1, 2))
        inside = np.flatnonzero(area)
        if not inside.size:
            return []
        chosen = {int(inside[round(v)]) for v in np.linspace(0, inside.size - 1, min(MOST_SLICES, inside.size))}
        return sorted(chosen | {int(area.argmax())})

    def slice_picture(self, z: int, place: int, count: int) -> npt.NDArray[np.uint8]:
        """Draw one slice: T1C and FLAIR side by side, each plain and with the parts.

        Returns
        -------
        ndarray of uint8, shape (rows, columns, 3)
        """
        size = fitted_size(self._head, self._view, _PANEL)
        width = 2 * _MARGIN + len(COLUMNS) * size[1] + (len(COLUMNS) - 1) * _GAP
        picture = Image.new("RGB", (width, _HEADER + size[0] + _FOOTER))
        draw = ImageDraw.Draw(picture)
        self._frame(picture, f"Tumour, slice {place} of {count}", "")
        for column, (role, marked) in enumerate(COLUMNS):
            x = _MARGIN + column * (size[1] + _GAP)
            caption = f"{role} with tumour" if marked else f"{role}"
            lettering.write(draw, (x + size[1] // 2, 78), caption, _TEXT, WHITE, align="center")
            picture.paste(Image.fromarray(self.panel(z, role, size, marked=marked)), (x, _HEADER))
            self._letters(draw, (x, _HEADER), size, _TEXT)
        return np.asarray(picture)

    def overview(self, findings: TumourFindings, parts: Sequence[TumourLabel]) -> npt.NDArray[np.uint8]:
        """Draw slices through the whole head on T1C, with the parts and their volumes.

        Returns
        -------
        ndarray of uint8, shape (rows, columns, 3)
        """
        size = fitted_size(self._head, self._view, _TILE)
        columns, rows = _TILES
        header = _HEADER + 24 * len(self._words.notes)
        width = max(2 * _MARGIN + columns * size[1] + (columns - 1) * _GAP, 1000)
        picture = Image.new("RGB", (width, header + rows * (size[0] + _GAP) + _FOOTER))
        draw = ImageDraw.Draw(picture)
        volumes = "   |   ".join(f"{label.words}: {findings.volumes.of(label):.1f} ml" for label in parts)
        self._frame(picture, "Brain tumour on T1C", volumes or "No part of a tumour is reported.")
        for line, note in enumerate(self._words.notes):
            lettering.write(draw, (_MARGIN, 102 + 24 * line), note, _SMALL, YELLOW)
        left = (width - columns * size[1] - (columns - 1) * _GAP) // 2
        for number, z in enumerate(self._through_the_head()):
            x, y = (
                left + (number % columns) * (size[1] + _GAP),
                header + (number // columns) * (size[0] + _GAP),
            )
            picture.paste(Image.fromarray(self.panel(z, SeriesRole.T1C, size, marked=True)), (x, y))
            self._letters(draw, (x, y), size, 14)
        return np.asarray(picture)

    def row(self, z: int, pixels: int) -> tuple[npt.NDArray[np.uint8], ...]:
        """Draw the panels of one slice for a page, in the order of `COLUMNS`."""
        size = fitted_size(self._head, self._view, (pixels, pixels))
        drawn = []
        for role, marked in COLUMNS:
            panel = Image.fromarray(self.panel(z, role, size, marked=marked))
            self._letters(ImageDraw.Draw(panel), (0, 0), size, 14)
            drawn.append(np.asarray(panel))
        return tuple(drawn)

    def panel(self, z: int, role: SeriesRole, size: tuple[int, int], *, marked: bool) -> npt.NDArray[np.uint8]:
        """Draw one slice of one series at a size in pixels (height, width)."""
        picture = in_colour(render(self._head.of(self._images[role][z]), self._white[role], size))
        if marked:
            labels = self._head.of(self._labels[z])
            for label, colour in TUMOUR_COLOURS_RGB.items():
                picture = mark(picture, labels == label, colour)
        shown: npt.NDArray[np.uint8] = np.rint(picture).astype(np.uint8)
        return shown

    def _through_the_head(self) -> list[int]:
        signal = self._images[SeriesRole.T1C].mean(axis=(1, 2))
        inside = np.flatnonzero(signal > 0.3 * np.percentile(signal, 95))
        low, high = (int(inside[0]), int(inside[-1])) if inside.size else (0, len(signal) - 1)
        wanted = min(_TILES[0] * _TILES[1], high - low + 1)
        slices = sorted({round(v) for v in np.linspace(low, high, wanted)})
        area = (self._labels > 0).sum(axis=(1, 2))
        largest = int(area.argmax())
        if area.any() and largest not in slices:
            slices[int(np.argmin([abs(z - largest) for z in slices]))] = largest
        return sorted(slices)

    def _frame(self, picture: Image.Image, title: str, measures: str) -> None:
        draw = ImageDraw.Draw(picture)
        right, bottom = picture.width - _MARGIN, picture.height
        lettering.write(draw, (_MARGIN, 10), title, _TITLE)
        x = _MARGIN
        lettering.write(draw, (x, 48), measures, _SMALL)
        x = right
        for label, colour in TUMOUR_COLOURS_RGB.items():
            lettering.write(draw, (x, 14), label.words, _SMALL, colour, align="right")
            x -= lettering.width(label.words, _SMALL) + 18
        lettering.write(draw, (_MARGIN, bottom - 54), self._words.status, _SMALL, GREY)
        lettering.write(draw, (_MARGIN, bottom - 29), f"{RESEARCH_USE}.", _TEXT, YELLOW)
        lettering.write(draw, (right, bottom - 54), self._words.pipeline, _SMALL, GREY, align="right")
        sides = "face to the left" if self._view.plane == "sagittal" else "right on the left"
        lettering.write(
            draw, (right, bottom - 27), f"{self._view.plane} slices, patient's {sides}", _SMALL, GREY, align="right"
        )

    def _letters(self, draw: ImageDraw.ImageDraw, corner: tuple[int, int], size: tuple[int, int], text: int) -> None:
        (x, y), (height, width) = corner, size
        left, right, top, bottom = self._view.letters
        lettering.write(draw, (x + 4, y + 2), left, text, YELLOW, shadow=True)
        lettering.write(draw, (x + width - 4, y + 2), right, text, YELLOW, align="right", shadow=True)
        lettering.write(draw, (x + width // 2, y + 2), top, text, YELLOW, align="center", shadow=True)
        lettering.write(
            draw, (x + width // 2, y + height - text - 6), bottom, text, YELLOW, align="center", shadow=True
        )
