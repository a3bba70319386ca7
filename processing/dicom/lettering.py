"""Words on pictures, in the one typeface that Pillow carries, so that a picture looks the same on every machine."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from PIL import ImageDraw, ImageFont

WHITE = (240, 240, 240)
GREY = (170, 170, 170)
YELLOW = (255, 214, 90)
RED = (255, 90, 90)
BLUE = (110, 170, 255)

_SUPERSCRIPT = "\N{SUPERSCRIPT THREE}"
_SPECIAL = {
    "\N{LATIN SMALL LETTER SHARP S}": "ss",
    "\N{LATIN SMALL LETTER AE}": "ae",
    "\N{LATIN SMALL LETTER O WITH STROKE}": "o",
}


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType")
    return font


def printable(words: str) -> str:
    """Return the words with the letters that the typeface has; accents are dropped rather than shown as boxes."""
    plain = "".join(_SPECIAL.get(letter, letter) for letter in words)
    decomposed = unicodedata.normalize("NFD", plain)
    return "".join(c for c in decomposed if " " <= c <= "~" or c == _SUPERSCRIPT)


def width(words: str, size: int) -> int:
    """Return how many pixels wide the words are."""
    return sum(round(_font(part_size).getlength(part)) for part, part_size, _ in _parts(words, size))


def write(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    words: str,
    size: int,
    colour: tuple[int, int, int] = WHITE,
    *,
    align: str = "left",
    shadow: bool = False,
) -> None:
    """Write a line of words; `place` is its upper left, upper middle or upper right end (x, y), as `align` says."""
    x, y = place
    if align != "left":
        x -= width(words, size) if align == "right" else width(words, size) // 2
    for part, part_size, rise in _parts(words, size):
        font = _font(part_size)
        stroke = 2 if shadow else 0
        draw.text((x, y - rise), part, fill=colour, font=font, stroke_width=stroke, stroke_fill=(0, 0, 0))
        x += round(font.getlength(part))


def _parts(words: str, size: int) -> list[tuple[str, int, int]]:
    """Split a line into pieces of (letters, size, rise): the typeface has no superscript three."""
    parts: list[tuple[str, int, int]] = []
    for number, piece in enumerate(printable(words).split(_SUPERSCRIPT)):
        if number:
            parts.append(("3", round(size * 0.62), round(size * 0.06)))
        if piece:
            parts.append((piece, size, 0))
    return parts
