"""The findings of a tumour as pages: its largest slices, volumes, ratios, diameters and alarms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, KeepTogether, Paragraph, Spacer, Table, TableStyle

from processing.dicom.document import DocumentContent
from processing.dicom.growth_pages import growth_story
from processing.dicom.pages import PADDINGS, escaped, grid, heading, picture, style
from processing.dicom.tumour_pictures import COLUMNS
from processing.domain.growth import Growth, Part
from processing.domain.report_texts import TumourTexts
from processing.domain.study import SeriesRole
from processing.domain.tumour import Diameters, TumourFindings, TumourLabel
from processing.domain.tumour_report import alarm_in_words

_WIDTH = 43 * mm


@dataclass(frozen=True, eq=False)
class TumourContent(DocumentContent):
    """What the pages of a tumour say.

    Parameters
    ----------
    found : TumourFindings
    parts : tuple of TumourLabel
        Those that are reported; none of a rejected result.
    used : tuple of SeriesRole
    rows : tuple of tuple of ndarray of uint8, shape (rows, columns, 3)
        Pictures of slices, in the order of `COLUMNS`.
    growth : Growth or None
        Over three time points, where that is reported.
    """

    found: TumourFindings
    parts: tuple[TumourLabel, ...]
    used: tuple[SeriesRole, ...]
    rows: tuple[tuple[npt.NDArray[np.uint8], ...], ...]
    growth: Growth | None = None

    @property
    def words(self) -> TumourTexts:
        """Every word of a tumour, in the language in which the report was signed."""
        return self.texts.tumour

    @property
    def title(self) -> str:
        """See `DocumentContent`."""
        return self.words.pages.title

    def study_lines(self, header: Dataset) -> list[tuple[str, str]]:  # noqa: ARG002 - a comparison needs it
        """See `DocumentContent`."""
        pages = self.words.pages
        return [(pages.measured_on, pages.series.format(series=", ".join(self.used)))]

    def findings(self) -> list[Flowable]:
        """See `DocumentContent`."""
        growth = growth_story(self.growth, self.words) if self.growth is not None else []
        return [*self._pictures(), *self._volumes(), *growth, *self._ratios(), *self._agreement()]

    def _pictures(self) -> list[Flowable]:
        if not self.rows:
            return []
        named = self.words.pages.with_tumour
        captions = [
            Paragraph(escaped(named.format(role=role) if on else str(role)), style(8, quiet=True))
            for role, on in COLUMNS
        ]
        cells: list[list[Flowable]] = [list(captions)]
        cells += [[picture(panel, _WIDTH - 2) for panel in row] for row in self.rows]
        table = Table(cells, colWidths=[_WIDTH + 1.5 * mm] * len(COLUMNS), hAlign="LEFT")
        table.setStyle(TableStyle([(side, (0, 0), (-1, -1), 1) for side in PADDINGS]))
        return [KeepTogether([heading(self.texts.pages.pictures), table])]

    def _volumes(self) -> list[Flowable]:
        words, pages, volumes = self.words, self.words.pages, self.found.volumes
        rows = [[pages.part, pages.volume]]
        rows += [[words.part(label), f"{words.figure(volumes.of(label), 2)} ml"] for label in self.parts]
        if self.parts == self.found.parts:
            rows.append([words.parts[Part.WHOLE], f"{words.figure(volumes.whole_ml, 2)} ml"])
        if self.found.diameters is not None and TumourLabel.ENHANCING in self.parts:
            rows.append([pages.diameters, self._diameters(self.found.diameters)])
        side = f", {self.texts.sides[self.found.side]}" if self.found.side is not None else ""
        return [heading(f"{pages.volumes}{side}"), grid(rows, (90, 88)), Spacer(0, 2 * mm)]

    def _diameters(self, found: Diameters) -> str:
        size = self.words.pages.size.format(longest=f"{found.longest_mm:.0f}", across=f"{found.perpendicular_mm:.0f}")
        return size if found.measurable else size + self.words.draft.not_measurable

    def _ratios(self) -> list[Flowable]:
        if self.parts != self.found.parts or not self.parts:
            return []
        words = self.words
        rows = [list(words.pages.ratio_columns)]
        rows += [[words.ratios.get(k, k), words.figure(v, 3)] for k, v in self.found.volumes.ratios().items()]
        return [heading(words.pages.ratios), grid(rows, (90, 88)), Spacer(0, 2 * mm)]

    def _agreement(self) -> list[Flowable]:
        words = self.words
        rows = [list(words.pages.segmenter_columns)]
        rows += [
            [vote.name, "; ".join(words.figure(weight, 2) for weight in vote.weights)] for vote in self.found.votes
        ]
        parts: list[Flowable] = [heading(words.pages.agreement), grid(rows, (90, 88))]
        if self.found.alarms:
            raised = words.pages.alarms.format(alarms=len(self.found.alarms), comparisons=self.found.comparisons)
            alarms = [[alarm_in_words(alarm, self.texts)] for alarm in self.found.alarms]
            parts += [Spacer(0, 2 * mm), grid([[raised], *alarms], (178,))]
        return [*parts, Spacer(0, 2 * mm)]
