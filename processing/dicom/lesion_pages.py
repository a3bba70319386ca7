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
from processing.domain.report import day_in_words
from processing.domain.result import Lesion, LesionChange


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
        return "Comparison of two brain MR studies"

    def study_lines(self, header: Dataset) -> list[tuple[str, str]]:
        """See `DocumentContent`."""
        return [("Compared with", _comparison(self.days, header))]

    def findings(self) -> list[Flowable]:
        """See `DocumentContent`."""
        return [*_pictures(self.rows, len(self.lesions)), *_lesion_table(self.lesions)]


def _pictures(rows: Sequence[LesionRow], total: int) -> list[Flowable]:
    if not rows:
        return []
    captions = [Paragraph(word, style(8, quiet=True)) for word in ("Prior", "Current", "Current with lesions")]
    title = "Pictures" if len(rows) == total else f"Pictures of the {len(rows)} largest of {total} lesions"
    parts: list[Flowable] = []
    for place, row in enumerate(rows):
        line = Paragraph(escaped(row.caption), style(8.5, bold=True, before=3, after=1))
        cells: list[list[Flowable]] = [[picture(one) for one in (row.prior, row.current, row.overlay)]]
        if place == 0:
            cells.insert(0, list(captions))
        table = Table(cells, colWidths=[PICTURE + 2 * mm] * 3, hAlign="LEFT")
        table.setStyle(TableStyle([(side, (0, 0), (-1, -1), 1) for side in PADDINGS]))
        parts.append(KeepTogether([*([heading(title)] if place == 0 else []), line, table]))
    return parts


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
    return [heading("Lesions"), grid(rows, widths), Spacer(0, 2 * mm)]


def _measurement_error(lesion: Lesion) -> str:
    """Say whether a change is larger than two measurements of it may differ."""
    if lesion.limits_of_agreement_mm3 is None:
        return "not known"
    return f"{'exceeds' if lesion.exceeds_measurement_error else 'within'} ±{lesion.limits_of_agreement_mm3:.0f} mm³"


def _signed_volume(lesion: Lesion) -> str:
    sign = "" if lesion.change is LesionChange.NEW else "+" if lesion.change.increase else "\N{MINUS SIGN}"
    return f"{sign}{lesion.volume_mm3:.0f} mm³"


def _comparison(days: int | None, header: Dataset) -> str:
    if days is None:
        return "the earlier study"
    words = f"the study {days} days before"
    day = text(header, "StudyDate")
    if not has_true_dates(header) or len(day) != 8:
        return words
    prior = datetime.strptime(day, "%Y%m%d").date() - timedelta(days=days)
    return f"{day_in_words(prior)}, {words}"
