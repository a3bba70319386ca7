"""The findings of a tumour as pages: its largest slices, volumes, ratios, diameters and alarms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, KeepTogether, Paragraph, Spacer, Table, TableStyle

from processing.dicom.document import DocumentContent
from processing.dicom.pages import PADDINGS, grid, heading, picture, style
from processing.dicom.tumour_pictures import COLUMNS
from processing.domain.tumour import Diameters, TumourFindings, TumourLabel

_WIDTH = 43 * mm


@dataclass(frozen=True, eq=False)
class TumourContent(DocumentContent):
    """What the pages of a tumour say.

    Parameters
    ----------
    found : TumourFindings
    parts : tuple of TumourLabel
        Those that are reported; none of a rejected result.
    rows : tuple of tuple of ndarray of uint8, shape (rows, columns, 3)
        Pictures of slices, in the order of `COLUMNS`.
    """

    found: TumourFindings
    parts: tuple[TumourLabel, ...]
    rows: tuple[tuple[npt.NDArray[np.uint8], ...], ...]

    @property
    def title(self) -> str:
        """See `DocumentContent`."""
        return "Brain tumour volumes"

    def study_lines(self, header: Dataset) -> list[tuple[str, str]]:  # noqa: ARG002 - a comparison needs it
        """See `DocumentContent`."""
        return [("Measured on", "T1, T1C, T2 and FLAIR of this study")]

    def findings(self) -> list[Flowable]:
        """See `DocumentContent`."""
        return [*self._pictures(), *self._volumes(), *self._ratios(), *self._agreement()]

    def _pictures(self) -> list[Flowable]:
        if not self.rows:
            return []
        captions = [Paragraph(f"{role} with tumour" if on else str(role), style(8, quiet=True)) for role, on in COLUMNS]
        cells: list[list[Flowable]] = [list(captions)]
        cells += [[picture(panel, _WIDTH - 2) for panel in row] for row in self.rows]
        table = Table(cells, colWidths=[_WIDTH + 1.5 * mm] * len(COLUMNS), hAlign="LEFT")
        table.setStyle(TableStyle([(side, (0, 0), (-1, -1), 1) for side in PADDINGS]))
        return [KeepTogether([heading("Pictures"), table])]

    def _volumes(self) -> list[Flowable]:
        volumes, rows = self.found.volumes, [["Part", "Volume"]]
        rows += [[label.words, f"{volumes.of(label):.2f} ml"] for label in self.parts]
        if self.parts == self.found.parts:
            rows.append(["whole tumour", f"{volumes.whole_ml:.2f} ml"])
        if self.found.diameters is not None and TumourLabel.ENHANCING in self.parts:
            rows.append(["diameters of the largest enhancing lesion", _diameters(self.found.diameters)])
        side = f", {self.found.side}" if self.found.side is not None else ""
        return [heading(f"Volumes{side}"), grid(rows, (90, 88)), Spacer(0, 2 * mm)]

    def _ratios(self) -> list[Flowable]:
        if self.parts != self.found.parts or not self.parts:
            return []
        rows = [["Ratio of volumes", "Value"], *([k, f"{v:.3f}"] for k, v in self.found.volumes.ratios().items())]
        return [heading("Volumetric ratios"), grid(rows, (90, 88)), Spacer(0, 2 * mm)]

    def _agreement(self) -> list[Flowable]:
        rows = [["Segmenter", "Weight: whole tumour, core, enhancing"]]
        rows += [[vote.name, ", ".join(f"{weight:.2f}" for weight in vote.weights)] for vote in self.found.votes]
        parts: list[Flowable] = [heading("Agreement of the segmenters"), grid(rows, (90, 88))]
        if self.found.alarms:
            words = f"{len(self.found.alarms)} of {self.found.comparisons} comparisons raised an alarm"
            parts += [Spacer(0, 2 * mm), grid([[words], *([alarm.words] for alarm in self.found.alarms)], (178,))]
        return [*parts, Spacer(0, 2 * mm)]


def _diameters(found: Diameters) -> str:
    words = f"{found.longest_mm:.0f} by {found.perpendicular_mm:.0f} mm"
    return words if found.measurable else f"{words}, not measurable (under 10 mm)"
