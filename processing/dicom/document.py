"""The report as pages: words, a row of pictures per lesion, the table, the quality figures and who signed.

ReportLab lays the pages out (ADR 0008). The same content gives the same bytes: no clock, no random identifier, and a
typeface that comes with the operating system's package in place of whatever a machine has.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt
from PIL import Image as Picture
from pydicom.dataset import Dataset
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Image, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from processing.dicom.attributes import has_true_dates, text
from processing.dicom.pictures import LesionRow
from processing.dicom.provenance import RESEARCH_USE, Provenance
from processing.domain.decision import Acceptance, SignedReview
from processing.domain.errors import Defect
from processing.domain.report import day_in_words
from processing.domain.result import Lesion, LesionChange, QualityFigure

TYPEFACE = Path("/usr/share/fonts/truetype/dejavu")
"""Debian's fonts-dejavu-core: Latin, Greek and Cyrillic letters, so that most names are shown as they are written."""

_REGULAR, _BOLD = "DejaVuSans", "DejaVuSans-Bold"
_INK, _QUIET, _LINE, _AMBER = HexColor("#1b2129"), HexColor("#56606d"), HexColor("#c5cad1"), HexColor("#fff3d6")
_MARGIN = 16 * mm
_EDGE = _MARGIN - 6
"""Of the page templates: ReportLab's frames keep 6 points inside themselves."""
_PICTURE = 56 * mm
_JPEG_QUALITY = 92

MEANINGS = {1: "unusable", 2: "poor, major errors", 3: "fair, some errors", 4: "good, minor errors", 5: "excellent"}
"""Of the rating (EASE: an ordinal scale of 1 to 5, where 5 is best)."""


@dataclass(frozen=True, eq=False)
class DocumentContent:
    """What the pages say; nothing in it names a patient.

    Parameters
    ----------
    lesions : tuple of Lesion
        Those that are reported: the accepted ones, none of a rejected result.
    rows : tuple of LesionRow
        Pictures of the largest of them.
    quality : tuple of QualityFigure
    notes : tuple of str
        Sentences that a reader must see.
    days : int or None
        From the earlier study to this one.
    review : SignedReview
    provenance : Provenance
    """

    lesions: tuple[Lesion, ...]
    rows: tuple[LesionRow, ...]
    quality: tuple[QualityFigure, ...]
    notes: tuple[str, ...]
    days: int | None
    review: SignedReview
    provenance: Provenance


def render(content: DocumentContent, header: Dataset) -> bytes:
    """Return the report as PDF.

    Parameters
    ----------
    content : DocumentContent
    header : Dataset
        Whose report it is: name, identifier, birth date and study date are taken from it. A pseudonymous header
        gives pages without a name and without dates.

    Raises
    ------
    Defect
        If the typeface is not installed.
    """
    _register_typeface()
    pages = _build(content, header, total=0)[1]
    return _build(content, header, total=pages)[0]


def _register_typeface() -> None:
    if _BOLD in pdfmetrics.getRegisteredFontNames():
        return
    try:
        for name in (_REGULAR, _BOLD):
            pdfmetrics.registerFont(TTFont(name, str(TYPEFACE / f"{name}.ttf")))
    except OSError as missing:
        raise Defect("The typeface of the report is not installed on this machine.") from missing
    pdfmetrics.registerFontFamily(_REGULAR, normal=_REGULAR, bold=_BOLD, italic=_REGULAR, boldItalic=_BOLD)


def _build(content: DocumentContent, header: Dataset, *, total: int) -> tuple[bytes, int]:
    buffer = io.BytesIO()
    document = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        leftMargin=_EDGE,
        rightMargin=_EDGE,
        topMargin=24 * mm,
        bottomMargin=18 * mm,
        invariant=1,
        title="Interval: what changed between two MR studies",
        author="Interval",
        subject=RESEARCH_USE,
        lang="en",
    )
    frame = _frame(content, header, total)
    document.build(_story(content, header), onFirstPage=frame, onLaterPages=frame)
    return buffer.getvalue(), int(document.page)


def _frame(content: DocumentContent, header: Dataset, total: int) -> Callable[[Canvas, SimpleDocTemplate], None]:
    """Return what draws the head and foot of every page: a page that is alone still says whose it is and what not."""
    patient = _printable(" · ".join(part for part in (_name(header), text(header, "PatientID")) if part))
    version = f"{content.provenance.pipeline} {content.provenance.version}"

    def draw(canvas: Canvas, document: SimpleDocTemplate) -> None:
        width, height = A4
        canvas.saveState()
        canvas.setFillColor(_INK)
        canvas.setFont(_BOLD, 9)
        canvas.drawString(_MARGIN, height - 13 * mm, patient[:80])
        canvas.setFont(_REGULAR, 8)
        canvas.setFillColor(_QUIET)
        canvas.drawRightString(width - _MARGIN, height - 13 * mm, f"Interval · {version}")
        canvas.setStrokeColor(_LINE)
        canvas.line(_MARGIN, height - 16 * mm, width - _MARGIN, height - 16 * mm)
        canvas.line(_MARGIN, 14 * mm, width - _MARGIN, 14 * mm)
        canvas.setFont(_BOLD, 8)
        canvas.setFillColor(_INK)
        canvas.drawString(_MARGIN, 10 * mm, f"{RESEARCH_USE}.")
        canvas.setFont(_REGULAR, 8)
        canvas.drawRightString(width - _MARGIN, 10 * mm, f"page {document.page} of {total}")
        canvas.restoreState()

    return draw


def _story(content: DocumentContent, header: Dataset) -> list[Flowable]:
    accepted = content.review.acceptance is Acceptance.ACCEPTABLE
    parts: list[Flowable] = [Paragraph("Comparison of two brain MR studies", _style(15, bold=True, after=6))]
    parts += [_facts(_patient_lines(content, header)), Spacer(0, 4 * mm)]
    notes = [_warning(note) for note in content.notes]
    if not accepted:
        notes.insert(0, _warning("The reader rejected this result: it must not be used, and no measurement is shown."))
    if notes:
        parts += [_boxed(notes), Spacer(0, 3 * mm)]
    if accepted:
        parts += _words(content.review.report)
        parts += _pictures(content.rows, len(content.lesions))
        parts += _lesion_table(content.lesions)
    parts += _quality_table(content.quality)
    parts.append(KeepTogether([_heading("Reader"), _facts(_reader_lines(content))]))
    return parts


def _patient_lines(content: DocumentContent, header: Dataset) -> list[tuple[str, str]]:
    lines = [("Patient", _name(header) or text(header, "PatientID"))]
    birth, sex = text(header, "PatientBirthDate"), text(header, "PatientSex")
    identifiers = f"ID {text(header, 'PatientID')}"
    if has_true_dates(header) and birth:
        identifiers += f", born {_day(birth)}"
    lines.append(("", f"{identifiers}, {sex}" if sex else identifiers))
    if text(header, "AccessionNumber"):
        lines.append(("Accession", text(header, "AccessionNumber")))
    if has_true_dates(header):
        lines.append(("Study", _day(text(header, "StudyDate"))))
    lines.append(("Compared with", _comparison(content.days, header)))
    lines.append(("Method", f"{content.provenance.title} ({content.provenance.pipeline} {content.provenance.version})"))
    if content.review.edition > 1:
        lines.append(("Revision", f"{content.review.edition}; it replaces the reports that were signed before"))
    return lines


def _comparison(days: int | None, header: Dataset) -> str:
    if days is None:
        return "the earlier study"
    words = f"the study {days} days before"
    day = text(header, "StudyDate")
    if not has_true_dates(header) or len(day) != 8:
        return words
    prior = datetime.strptime(day, "%Y%m%d").date() - timedelta(days=days)
    return f"{day_in_words(prior)}, {words}"


def _reader_lines(content: DocumentContent) -> list[tuple[str, str]]:
    review = content.review
    lines = [
        ("Signed by", f"{review.reader_name}, {review.signed_at:%d %b %Y, %H:%M} ({review.signed_at:%Z})"),
        ("Result", review.acceptance.value),
        ("Rating", f"{review.rating} of 5: {MEANINGS[review.rating]}"),
    ]
    if review.comment.strip():
        lines.append(("Comment", review.comment.strip()))
    lines += [("Second reader", sentence) for sentence in review.second_reading_words]
    return lines


def _words(report: str) -> list[Flowable]:
    paragraphs = [part.strip() for part in report.split("\n\n") if part.strip()]
    return [Paragraph(_marked_up(part), _style(9.5, after=5)) for part in paragraphs]


def _marked_up(paragraph: str) -> str:
    """Set the word before the first colon in bold where it is a heading of the draft."""
    head, colon, rest = paragraph.partition(":")
    if colon and len(head) < 24 and "\n" not in head:
        return f"<b>{_escaped(head)}:</b>{_escaped(rest)}"
    return _escaped(paragraph)


def _pictures(rows: Sequence[LesionRow], total: int) -> list[Flowable]:
    if not rows:
        return []
    captions = [Paragraph(word, _style(8, quiet=True)) for word in ("Prior", "Current", "Current with lesions")]
    heading = "Pictures" if len(rows) == total else f"Pictures of the {len(rows)} largest of {total} lesions"
    parts: list[Flowable] = []
    for place, row in enumerate(rows):
        line = Paragraph(_escaped(row.caption), _style(8.5, bold=True, before=3, after=1))
        cells: list[list[Flowable]] = [[_image(one) for one in (row.prior, row.current, row.overlay)]]
        if place == 0:
            cells.insert(0, list(captions))
        table = Table(cells, colWidths=[_PICTURE + 2 * mm] * 3, hAlign="LEFT")
        table.setStyle(TableStyle([(side, (0, 0), (-1, -1), 1) for side in _PADDINGS]))
        parts.append(KeepTogether([*([_heading(heading)] if place == 0 else []), line, table]))
    return parts


_PADDINGS = ("LEFTPADDING", "RIGHTPADDING", "TOPPADDING", "BOTTOMPADDING")


def _image(pixels: npt.NDArray[np.uint8]) -> Image:
    buffer = io.BytesIO()
    # A grey picture needs a tenth of a lossless one; chroma is kept whole, or thin outlines would bleed.
    Picture.fromarray(pixels).save(buffer, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    buffer.seek(0)
    height, width = pixels.shape[:2]
    scale = _PICTURE / max(height, width)
    return Image(buffer, width=width * scale, height=height * scale)


def _lesion_table(lesions: Sequence[Lesion]) -> list[Flowable]:
    if not lesions:
        return []
    rows = [["No.", "Change", "Volume", "Before", "Side", "Region", "Outline", "Measurement error"]]
    rows += [
        [
            str(lesion.number),
            lesion.change.value,
            _signed_volume(lesion),
            "" if lesion.change is LesionChange.NEW else f"{lesion.prior_volume_mm3:.0f} mm³",
            lesion.side.value,
            lesion.region.value,
            lesion.outline.value,
            _measurement_error(lesion),
        ]
        for lesion in sorted(lesions, key=lambda item: item.number)
    ]
    widths = (10, 18, 20, 20, 16, 40, 30, 24)
    return [_heading("Lesions"), _grid(rows, widths), Spacer(0, 2 * mm)]


def _measurement_error(lesion: Lesion) -> str:
    """Say whether a change is larger than two measurements of it may differ."""
    if lesion.limits_of_agreement_mm3 is None:
        return "not known"
    return f"{'exceeds' if lesion.exceeds_measurement_error else 'within'} ±{lesion.limits_of_agreement_mm3:.0f} mm³"


def _signed_volume(lesion: Lesion) -> str:
    sign = "" if lesion.change is LesionChange.NEW else "+" if lesion.change.increase else "\N{MINUS SIGN}"
    return f"{sign}{lesion.volume_mm3:.0f} mm³"


def _quality_table(quality: Sequence[QualityFigure]) -> list[Flowable]:
    if not quality:
        return []
    rows = [["Figure", "Value", "Judgement"]]
    rows += [
        [
            figure.name,
            f"{figure.value:.4g} {figure.unit}".strip(),
            "as expected" if figure.acceptable else "outside the expected range",
        ]
        for figure in quality
    ]
    return [_heading("Quality of images and registration"), _grid(rows, (78, 40, 60)), Spacer(0, 2 * mm)]


def _grid(rows: Sequence[Sequence[str]], widths_mm: Sequence[float]) -> Table:
    head, *body = rows
    cells = [[Paragraph(_escaped(word), _style(8, bold=True)) for word in head]]
    cells += [[Paragraph(_escaped(word), _style(8)) for word in row] for row in body]
    table = Table(cells, colWidths=[width * mm for width in widths_mm], repeatRows=1, hAlign="LEFT")
    table.setStyle(
        TableStyle(
            [
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                *((side, (0, 0), (-1, -1), 2) for side in _PADDINGS),
            ]
        )
    )
    return table


def _facts(lines: Sequence[tuple[str, str]]) -> Table:
    cells = [
        [Paragraph(_escaped(name), _style(9, quiet=True)), Paragraph(_escaped(value), _style(9))]
        for name, value in lines
    ]
    table = Table(cells, colWidths=[30 * mm, 148 * mm], hAlign="LEFT")
    table.setStyle(
        TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), *((side, (0, 0), (-1, -1), 1) for side in _PADDINGS)])
    )
    return table


def _boxed(notes: Sequence[Paragraph]) -> Table:
    table = Table([[note] for note in notes], colWidths=[178 * mm], hAlign="LEFT")
    table.setStyle(TableStyle([("BACKGROUND", (0, 0), (-1, -1), _AMBER)]))
    return table


def _warning(words: str) -> Paragraph:
    return Paragraph(_escaped(words), _style(9, bold=True))


def _heading(words: str) -> Paragraph:
    return Paragraph(_escaped(words), _style(11, bold=True, before=6, after=3))


def _style(
    size: float, *, bold: bool = False, quiet: bool = False, before: float = 0, after: float = 0
) -> ParagraphStyle:
    return ParagraphStyle(
        "",
        fontName=_BOLD if bold else _REGULAR,
        fontSize=size,
        leading=size * 1.35,
        textColor=_QUIET if quiet else _INK,
        spaceBefore=before,
        spaceAfter=after,
    )


def _escaped(words: str) -> str:
    return escape(_printable(words)).replace("\n", "<br/>")


def _printable(words: str) -> str:
    """Show a letter that the typeface lacks as a question mark rather than as an empty box that nobody notices."""
    known = pdfmetrics.getFont(_REGULAR).face.charToGlyph
    return "".join(letter if ord(letter) in known or letter == "\n" else "?" for letter in words)


def _name(header: Dataset) -> str:
    """Return the patient's name as people write it; of a name in several scripts the alphabetic one."""
    family, given, middle = [*text(header, "PatientName").split("=")[0].split("^"), "", "", ""][:3]
    rest = " ".join(part for part in (given.strip(), middle.strip()) if part)
    return ", ".join(part for part in (family.strip(), rest) if part)


def _day(value: str) -> str:
    if len(value) != 8 or not value.isdigit():
        return value or "not known"
    return day_in_words(datetime.strptime(value, "%Y%m%d").date())
