"""The findings of a comparison as pages: a row of pictures per lesion, and the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydicom.dataset import Dataset
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, KeepTogether, Paragraph, Spacer, Table, TableStyle

from processing.dicom.attributes import has_true_dates, text
from processing.dicom.document import DocumentContent
from processing.dicom.pages import PADDINGS, PICTURE, escaped, grid, heading, picture, style
from processing.dicom.pictures import LesionRow
from processing.domain.report import volume_in_words
from processing.domain.report_texts import PageTexts, ReportTexts
from processing.domain.result import LIMIT_OF_QUANTIFICATION_MM3, Lesion, LesionChange


@dataclass(frozen=True, eq=False)
class LesionContent(DocumentContent):
    """What the pages of a comparison say.

    Parameters
    ----------
    lesions : tuple of Lesion
        Those that are reported: the accepted ones, none of a rejected result.
    rows : tuple of LesionRow
        Pictures of the largest of them.
    days : int or None
        From the earlier study to this one.
    """

    lesions: tuple[Lesion, ...]
    rows: tuple[LesionRow, ...]
    days: int | None

    @property
    def title(self) -> str:
        """See `DocumentContent`."""
        return self.texts.pages.title

    def study_lines(self, header: Dataset) -> list[tuple[str, str]]:
        """See `DocumentContent`."""
        return [(self.texts.pages.compared_with, _comparison(self.days, header, self.texts))]

    def findings(self) -> list[Flowable]:
        """See `DocumentContent`."""
        return [*_pictures(self.rows, len(self.lesions), self.texts), *_lesion_table(self.lesions, self.texts)]


def _pictures(rows: Sequence[LesionRow], total: int, texts: ReportTexts) -> list[Flowable]:
    if not rows:
        return []
    words = texts.pages
    captions = [Paragraph(escaped(word), style(8, quiet=True)) for word in words.captions]
    all_shown = len(rows) == total
    title = words.pictures if all_shown else words.pictures_of_largest.format(shown=len(rows), total=total)
    parts: list[Flowable] = []
    for place, row in enumerate(rows):
        line = Paragraph(escaped(_caption(row, texts)), style(8.5, bold=True, before=3, after=1))
        cells: list[list[Flowable]] = [[picture(one) for one in (row.prior, row.current, row.overlay)]]
        if place == 0:
            cells.insert(0, list(captions))
        table = Table(cells, colWidths=[PICTURE + 2 * mm] * 3, hAlign="LEFT")
        table.setStyle(TableStyle([(side, (0, 0), (-1, -1), 1) for side in PADDINGS]))
        parts.append(KeepTogether([*([heading(title)] if place == 0 else []), line, table]))
    return parts


def _caption(row: LesionRow, texts: ReportTexts) -> str:
    lesion = row.lesion
    return texts.pages.caption.format(
        number=lesion.number,
        change=texts.changes[lesion.change],
        volume=volume_in_words(lesion, texts),
        side=texts.sides[lesion.side],
        region=texts.regions[lesion.region],
        plane=texts.pages.planes[row.plane],
        place=row.place,
    )


def _lesion_table(lesions: Sequence[Lesion], texts: ReportTexts) -> list[Flowable]:
    if not lesions:
        return []
    rows = [[*texts.pages.lesion_columns]]
    rows += [
        [
            str(lesion.number),
            texts.changes[lesion.change],
            _signed_volume(lesion),
            "" if lesion.change is LesionChange.NEW else f"{lesion.prior_volume_mm3:.0f} mm³",
            texts.sides[lesion.side],
            texts.regions[lesion.region],
            texts.outlines[lesion.outline],
            _measurement_error(lesion, texts.pages),
        ]
        for lesion in sorted(lesions, key=lambda item: item.number)
    ]
    widths = (10, 18, 20, 20, 16, 40, 30, 24)
    return [heading(texts.pages.lesions), grid(rows, widths), Spacer(0, 2 * mm)]


def _measurement_error(lesion: Lesion, words: PageTexts) -> str:
    """Say whether a change is larger than two measurements of it may differ, and whether its volume means much."""
    if lesion.limits_of_agreement_mm3 is None:
        error = words.not_known
    else:
        template = words.exceeds if lesion.exceeds_measurement_error else words.within
        error = template.format(limits=f"{lesion.limits_of_agreement_mm3:.0f} mm³")
    if lesion.below_quantification:
        error += "; " + words.below_quantification.format(limit=f"{LIMIT_OF_QUANTIFICATION_MM3:.0f} mm³")
    return error


def _signed_volume(lesion: Lesion) -> str:
    sign = "" if lesion.change is LesionChange.NEW else "+" if lesion.change.increase else "\N{MINUS SIGN}"
    return f"{sign}{lesion.volume_mm3:.0f} mm³"


def _comparison(days: int | None, header: Dataset, texts: ReportTexts) -> str:
    if days is None:
        return texts.pages.earlier_study
    words = texts.pages.days_before.format(days=days)
    day = text(header, "StudyDate")
    if not has_true_dates(header) or len(day) != 8:
        return words
    prior = datetime.strptime(day, "%Y%m%d").date() - timedelta(days=days)
    return f"{texts.day(prior)}, {words}"
