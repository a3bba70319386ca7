"""The report as pages: words, a row of pictures per lesion, the table, the quality figures and who signed.

ReportLab lays the pages out (ADR 0008). The same content gives the same bytes: no clock, no random identifier, and a
typeface that comes with the operating system's package in place of whatever a machine has.
"""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydicom.dataset import Dataset
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, KeepTogether, Paragraph, SimpleDocTemplate, Spacer

from processing.dicom.attributes import has_true_dates, text
from processing.dicom.pages import (
    BOLD,
    EDGE,
    INK,
    LINE,
    MARGIN,
    QUIET,
    REGULAR,
    boxed,
    escaped,
    facts,
    grid,
    heading,
    printable,
    register_typeface,
    style,
    warning,
)
from processing.dicom.provenance import Provenance
from processing.domain.decision import Acceptance, SignedReview, TumourReading
from processing.domain.report import second_reading_words
from processing.domain.report_texts import PageTexts, ReportTexts, texts_in
from processing.domain.result import QualityFigure


@dataclass(frozen=True, eq=False)
class DocumentContent(ABC):
    """What the pages say; nothing in it names a patient. Each kind of result adds its own findings.

    Parameters
    ----------
    quality : tuple of QualityFigure
    notes : tuple of str
        Sentences that a reader must see.
    review : SignedReview
    provenance : Provenance
    """

    quality: tuple[QualityFigure, ...]
    notes: tuple[str, ...]
    review: SignedReview
    provenance: Provenance

    @property
    def texts(self) -> ReportTexts:
        """Every word of the pages, in the language in which the report was signed."""
        return texts_in(self.review.language)

    @property
    @abstractmethod
    def title(self) -> str:
        """What the report is about."""

    @abstractmethod
    def study_lines(self, header: Dataset) -> list[tuple[str, str]]:
        """Return what is said of the studies beside the patient: names and values."""

    @abstractmethod
    def findings(self) -> list[Flowable]:
        """Return pictures and tables; only of an accepted result."""


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
    register_typeface()
    pages = _build(content, header, total=0)[1]
    return _build(content, header, total=pages)[0]


def _build(content: DocumentContent, header: Dataset, *, total: int) -> tuple[bytes, int]:
    buffer = io.BytesIO()
    document = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        leftMargin=EDGE,
        rightMargin=EDGE,
        topMargin=24 * mm,
        bottomMargin=18 * mm,
        invariant=1,
        title=f"Interval: {content.title[0].lower()}{content.title[1:]}",
        author="Interval",
        subject=content.texts.research_use,
        lang=content.texts.code,
    )
    frame = _frame(content, header, total)
    document.build(_story(content, header), onFirstPage=frame, onLaterPages=frame)
    return buffer.getvalue(), int(document.page)


def _frame(content: DocumentContent, header: Dataset, total: int) -> Callable[[Canvas, SimpleDocTemplate], None]:
    """Return what draws the head and foot of every page: a page that is alone still says whose it is and what not."""
    patient = printable(" · ".join(part for part in (_name(header), text(header, "PatientID")) if part))
    version = f"{content.provenance.pipeline} {content.provenance.version}"

    def draw(canvas: Canvas, document: SimpleDocTemplate) -> None:
        width, height = A4
        canvas.saveState()
        canvas.setFillColor(INK)
        canvas.setFont(BOLD, 9)
        canvas.drawString(MARGIN, height - 13 * mm, patient[:80])
        canvas.setFont(REGULAR, 8)
        canvas.setFillColor(QUIET)
        canvas.drawRightString(width - MARGIN, height - 13 * mm, f"Interval · {version}")
        canvas.setStrokeColor(LINE)
        canvas.line(MARGIN, height - 16 * mm, width - MARGIN, height - 16 * mm)
        canvas.line(MARGIN, 14 * mm, width - MARGIN, 14 * mm)
        canvas.setFont(BOLD, 8)
        canvas.setFillColor(INK)
        canvas.drawString(MARGIN, 10 * mm, f"{content.texts.research_use}.")
        canvas.setFont(REGULAR, 8)
        canvas.drawRightString(
            width - MARGIN, 10 * mm, content.texts.pages.page.format(page=document.page, total=total)
        )
        canvas.restoreState()

    return draw


def _story(content: DocumentContent, header: Dataset) -> list[Flowable]:
    accepted = content.review.acceptance is Acceptance.ACCEPTABLE
    parts: list[Flowable] = [Paragraph(escaped(content.title), style(15, bold=True, after=6))]
    parts += [facts(_patient_lines(content, header)), Spacer(0, 4 * mm)]
    notes = [warning(note) for note in content.notes]
    if not accepted:
        notes.insert(0, warning(content.texts.pages.rejected))
    if notes:
        parts += [boxed(notes), Spacer(0, 3 * mm)]
    if accepted:
        parts += _words(content.review.report)
        parts += content.findings()
    parts += _quality_table(content.quality, content.texts.pages)
    parts.append(KeepTogether([heading(content.texts.pages.reader), facts(_reader_lines(content))]))
    return parts


def _patient_lines(content: DocumentContent, header: Dataset) -> list[tuple[str, str]]:
    words = content.texts.pages
    lines = [(words.patient, _name(header) or text(header, "PatientID"))]
    birth, sex = text(header, "PatientBirthDate"), text(header, "PatientSex")
    identifiers = f"ID {text(header, 'PatientID')}"
    if has_true_dates(header) and birth:
        identifiers += f", {words.born.format(day=_day(birth, content.texts))}"
    lines.append(("", f"{identifiers}, {sex}" if sex else identifiers))
    if text(header, "AccessionNumber"):
        lines.append((words.accession, text(header, "AccessionNumber")))
    if has_true_dates(header):
        lines.append((words.study, _day(text(header, "StudyDate"), content.texts)))
    lines += content.study_lines(header)
    version = f"{content.provenance.pipeline} {content.provenance.version}"
    lines.append((words.method, f"{content.provenance.title} ({version})"))
    if content.review.edition > 1:
        lines.append((words.revision, words.replaces.format(edition=content.review.edition)))
    return lines


def _reader_lines(content: DocumentContent) -> list[tuple[str, str]]:
    review, texts = content.review, content.texts
    words = texts.pages
    signed = f"{texts.day(review.signed_at.date())}, {review.signed_at:%H:%M} ({review.signed_at:%Z})"
    rating = words.rating_of_five.format(rating=review.rating, meaning=texts.ratings[review.rating])
    lines = [
        (words.signed_by, f"{review.reader_name}, {signed}"),
        (words.result, texts.acceptance[review.acceptance]),
        (words.rating, rating),
    ]
    if review.comment.strip():
        lines.append((words.comment, review.comment.strip()))
    # Of a tumour what its own reader saw and concluded stands here too.
    label = words.reader if isinstance(review.visual, TumourReading) else words.second_reader
    lines += [(label, sentence) for sentence in second_reading_words(review, texts)]
    return lines


def _words(report: str) -> list[Flowable]:
    paragraphs = [part.strip() for part in report.split("\n\n") if part.strip()]
    return [Paragraph(_marked_up(part), style(9.5, after=5)) for part in paragraphs]


def _marked_up(paragraph: str) -> str:
    """Set the word before the first colon in bold where it is a heading of the draft."""
    head, colon, rest = paragraph.partition(":")
    if colon and len(head) < 24 and "\n" not in head:
        return f"<b>{escaped(head)}:</b>{escaped(rest)}"
    return escaped(paragraph)


def _quality_table(quality: Sequence[QualityFigure], words: PageTexts) -> list[Flowable]:
    if not quality:
        return []
    rows = [[*words.quality_columns]]
    rows += [
        [
            figure.name,
            f"{figure.value:.4g} {figure.unit}".strip(),
            words.as_expected if figure.acceptable else words.outside,
        ]
        for figure in quality
    ]
    return [heading(words.quality), grid(rows, (78, 40, 60)), Spacer(0, 2 * mm)]


def _name(header: Dataset) -> str:
    """Return the patient's name as people write it; of a name in several scripts the alphabetic one."""
    family, given, middle = [*text(header, "PatientName").split("=")[0].split("^"), "", "", ""][:3]
    rest = " ".join(part for part in (given.strip(), middle.strip()) if part)
    return ", ".join(part for part in (family.strip(), rest) if part)


def _day(value: str, texts: ReportTexts) -> str:
    if len(value) != 8 or not value.isdigit():
        return value or texts.pages.not_known
    return texts.day(datetime.strptime(value, "%Y%m%d").date())
