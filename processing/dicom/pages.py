"""What the pages of every report are built of: type, colours, tables, boxes and pictures (ReportLab, ADR 0008)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt
from PIL import Image as Picture
from reportlab.lib.colors import HexColor
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Image, Paragraph, Table, TableStyle

from processing.domain.errors import Defect

TYPEFACE = Path("/usr/share/fonts/truetype/dejavu")
"""Debian's fonts-dejavu-core: Latin, Greek and Cyrillic letters, so that most names are shown as they are written."""

REGULAR, BOLD = "DejaVuSans", "DejaVuSans-Bold"
INK, QUIET, LINE, AMBER = HexColor("#1b2129"), HexColor("#56606d"), HexColor("#c5cad1"), HexColor("#fff3d6")
MARGIN = 16 * mm
EDGE = MARGIN - 6
"""Of the page templates: ReportLab's frames keep 6 points inside themselves."""
PICTURE = 56 * mm
_JPEG_QUALITY = 92


PADDINGS = ("LEFTPADDING", "RIGHTPADDING", "TOPPADDING", "BOTTOMPADDING")


def picture(pixels: npt.NDArray[np.uint8], longest: float = PICTURE) -> Image:
    """Return a picture of uint8, shape (rows, columns, 3), as wide or high as a report's column."""
    buffer = io.BytesIO()
    # A grey picture needs a tenth of a lossless one; chroma is kept whole, or thin outlines would bleed.
    Picture.fromarray(pixels).save(buffer, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    buffer.seek(0)
    height, width = pixels.shape[:2]
    scale = longest / max(height, width)
    return Image(buffer, width=width * scale, height=height * scale)


def grid(rows: Sequence[Sequence[str]], widths_mm: Sequence[float]) -> Table:
    """Return a table whose first row is its head."""
    head, *body = rows
    cells = [[Paragraph(escaped(word), style(8, bold=True)) for word in head]]
    cells += [[Paragraph(escaped(word), style(8)) for word in row] for row in body]
    table = Table(cells, colWidths=[width * mm for width in widths_mm], repeatRows=1, hAlign="LEFT")
    table.setStyle(
        TableStyle(
            [
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                *((side, (0, 0), (-1, -1), 2) for side in PADDINGS),
            ]
        )
    )
    return table


def facts(lines: Sequence[tuple[str, str]]) -> Table:
    """Return lines of a name and a value."""
    cells = [
        [Paragraph(escaped(name), style(9, quiet=True)), Paragraph(escaped(value), style(9))] for name, value in lines
    ]
    table = Table(cells, colWidths=[30 * mm, 148 * mm], hAlign="LEFT")
    table.setStyle(
        TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), *((side, (0, 0), (-1, -1), 1) for side in PADDINGS)])
    )
    return table


def boxed(notes: Sequence[Paragraph]) -> Table:
    """Return what must not be overlooked, on a coloured ground."""
    table = Table([[note] for note in notes], colWidths=[178 * mm], hAlign="LEFT")
    table.setStyle(TableStyle([("BACKGROUND", (0, 0), (-1, -1), AMBER)]))
    return table


def warning(words: str) -> Paragraph:
    """Return a sentence that must not be overlooked."""
    return Paragraph(escaped(words), style(9, bold=True))


def heading(words: str) -> Paragraph:
    """Return a heading."""
    return Paragraph(escaped(words), style(11, bold=True, before=6, after=3))


def style(
    size: float, *, bold: bool = False, quiet: bool = False, before: float = 0, after: float = 0
) -> ParagraphStyle:
    """Return a paragraph's style; sizes and distances in points."""
    return ParagraphStyle(
        "",
        fontName=BOLD if bold else REGULAR,
        fontSize=size,
        leading=size * 1.35,
        textColor=QUIET if quiet else INK,
        spaceBefore=before,
        spaceAfter=after,
    )


def escaped(words: str) -> str:
    """Return words as the markup of a paragraph."""
    return escape(printable(words)).replace("\n", "<br/>")


def printable(words: str) -> str:
    """Show a letter that the typeface lacks as a question mark rather than as an empty box that nobody notices."""
    known = pdfmetrics.getFont(REGULAR).face.charToGlyph
    return "".join(letter if ord(letter) in known or letter == "\n" else "?" for letter in words)


def register_typeface() -> None:
    """Load the typeface of the report; raises Defect where it is not installed."""
    if BOLD in pdfmetrics.getRegisteredFontNames():
        return
    try:
        for name in (REGULAR, BOLD):
            pdfmetrics.registerFont(TTFont(name, str(TYPEFACE / f"{name}.ttf")))
    except OSError as missing:
        raise Defect("The typeface of the report is not installed on this machine.") from missing
    pdfmetrics.registerFontFamily(REGULAR, normal=REGULAR, bold=BOLD, italic=REGULAR, boldItalic=BOLD)
