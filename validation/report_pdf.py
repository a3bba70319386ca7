"""The same report on paper: decision, figures, curves, every case, pictures of the worst."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from io import BytesIO
from pathlib import Path

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Image, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from validation.plots import Plot, drawing
from validation.release import Summary
from validation.report_words import case_rows, gate_words, set_rows

_STYLES = getSampleStyleSheet()
_WIDTH = 180 * mm
_PLOTS_IN_A_ROW = 3


def write_pdf(
    path: Path,
    title: str,
    summary: Summary,
    blocked: str,
    plots: Sequence[Plot],
    pictures: Sequence[tuple[str, bytes]],
) -> None:
    """Write the report of a run.

    Parameters
    ----------
    path : Path
    title : str
    summary : Summary
    blocked : str
        Why the gate stays closed, where there is no entry.
    plots : sequence of Plot
    pictures : sequence of (str, bytes)
        Captions and PNG files.
    """
    story: list[Flowable] = [
        Paragraph(escape(title), _STYLES["Title"]),
        Paragraph(
            f"{len(summary.cases)} reference cases, {summary.made.isoformat()}, compared with "
            f"{escape(summary.compared_with or 'nothing: there is no reference')}. "
            "Research use, not a medical device.",
            _STYLES["Normal"],
        ),
        Spacer(1, 4 * mm),
        Paragraph(escape(gate_words(summary.entry, blocked)), _STYLES["Heading3"]),
        Paragraph("How good it is", _STYLES["Heading2"]),
        _table(set_rows(summary.sets), (28, 18, 62, 30, 22, 20)),
        *_curves(plots),
        Paragraph("Every case", _STYLES["Heading2"]),
        _table(case_rows(summary.cases), (54, 34, 26, 22, 22, 22)),
    ]
    for caption, png in pictures:
        picture = Image(BytesIO(png))
        scale = _WIDTH / picture.imageWidth
        picture.drawWidth, picture.drawHeight = _WIDTH, picture.imageHeight * scale
        story += [Spacer(1, 5 * mm), picture, Paragraph(escape(caption), _STYLES["Normal"])]
    SimpleDocTemplate(
        str(path), pagesize=A4, title=title, author="Interval", leftMargin=15 * mm, rightMargin=15 * mm, invariant=1
    ).build(story)


def _curves(plots: Sequence[Plot]) -> list[Flowable]:
    if not plots:
        return []
    drawn = [drawing(plot, _WIDTH / _PLOTS_IN_A_ROW - 2 * mm) for plot in plots]
    drawn += [""] * (-len(drawn) % _PLOTS_IN_A_ROW)
    rows = [drawn[at : at + _PLOTS_IN_A_ROW] for at in range(0, len(drawn), _PLOTS_IN_A_ROW)]
    return [
        Paragraph("Curves", _STYLES["Heading2"]),
        Table(rows, colWidths=[_WIDTH / _PLOTS_IN_A_ROW] * _PLOTS_IN_A_ROW),
    ]


def _table(rows: Sequence[Sequence[str]], widths_mm: Sequence[float]) -> Table:
    style = _STYLES["BodyText"].clone("cell", fontSize=7.5, leading=9)
    cells = [[Paragraph(escape(cell).replace("\n", "<br/>"), style) for cell in row] for row in rows]
    table = Table(cells, colWidths=[width * mm for width in widths_mm], repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("LINEBELOW", (0, 0), (-1, -1), 0.3, colors.lightgrey),
                ("BACKGROUND", (0, 0), (-1, 0), colors.whitesmoke),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ]
        )
    )
    return table
