from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw

from processing.dicom.lettering import printable, width, write


def drawn(words: str, *, align: str = "left", size: int = 20) -> npt.NDArray[np.uint8]:
    picture = Image.new("RGB", (400, 40))
    write(ImageDraw.Draw(picture), (200, 5), words, size, align=align)
    brightest: npt.NDArray[np.uint8] = np.asarray(picture).max(axis=2)
    return brightest


def test_accents_are_dropped_and_never_boxes() -> None:
    assert printable("Prüfer") == "Prufer"
    assert printable("größer") == "grosser"
    assert printable("日本") == ""


def test_the_cube_is_raised() -> None:
    assert printable("12 mm³") == "12 mm³"
    plain, cubed = drawn("mm"), drawn("mm³")
    extra = (cubed > 0) & (plain == 0)
    rows = np.flatnonzero(extra.any(axis=1))
    letters = np.flatnonzero((plain > 100).any(axis=1))
    assert rows.size
    assert rows.max() < letters.max()


@pytest.mark.parametrize("align", ["left", "center", "right"])
def test_alignment(align: str) -> None:
    columns = np.flatnonzero((drawn("Lesion 3", align=align) > 0).any(axis=0))
    wide = width("Lesion 3", 20)
    start = {"left": 200, "center": 200 - wide // 2, "right": 200 - wide}[align]
    assert columns.min() == pytest.approx(start, abs=3)
    assert columns.max() == pytest.approx(start + wide, abs=3)
