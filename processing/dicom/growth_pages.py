"""A tumour over three time points as a page: a curve for each part, what changed, and why to look again."""

from __future__ import annotations

from collections.abc import Mapping

from reportlab.graphics.shapes import Circle, Drawing, Line, PolyLine, String
from reportlab.lib.colors import Color
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, KeepTogether, Paragraph, Spacer

from processing.dicom.pages import INK, LINE, QUIET, REGULAR, boxed, escaped, grid, heading, style, warning
from processing.dicom.palette import TUMOUR_COLOURS_RGB
from processing.domain.growth import Change, Growth, Part
from processing.domain.growth_words import by_days_before, doubts_in_words, percent_in_words
from processing.domain.report_texts import TumourTexts
from processing.domain.report_texts.tumour_shape import LABEL_PARTS

_WIDTH, _HEIGHT = 178 * mm, 52 * mm
_LEFT, _RIGHT, _TOP, _BOTTOM = 34.0, 150.0, 8.0, 16.0
"""Margins in points; to the right stand the names of the curves."""

_COLUMNS_MM = (47, 41, 18, 18, 29, 25)


def growth_story(growth: Growth, texts: TumourTexts) -> list[Flowable]:
    """Return the section of the report.

    Parameters
    ----------
    growth : Growth
    texts : TumourTexts
    """
    words = texts.pages
    doubts = doubts_in_words(growth, texts, by_days_before(growth, texts))
    parts: list[Flowable] = [heading(words.growth)]
    if doubts:
        parts += [boxed([warning(sentence) for sentence in doubts]), Spacer(0, 2 * mm)]
    parts += [growth_plot(growth, texts), Paragraph(escaped(words.bars), style(8, quiet=True, after=4))]
    return [KeepTogether(parts), grid(_rows(growth, texts), _COLUMNS_MM), Spacer(0, 2 * mm)]


def growth_plot(growth: Growth, texts: TumourTexts) -> Drawing:
    """Draw the volumes over true distances in time, from zero; a bar where it is known how they repeat.

    Parameters
    ----------
    growth : Growth
    texts : TumourTexts
    """
    made = Drawing(_WIDTH, _HEIGHT)
    first, last = growth.measurements[0].day, growth.current.day
    values = {part: [part.of(one.volumes) for one in growth.measurements] for part in Part}
    factors = {part: changes[0].factor for part, changes in growth.volumes.items()}
    top = _round_up(max(value * (factors[part] or 1.0) for part, found in values.items() for value in found))

    def at(days: int, volume_ml: float) -> tuple[float, float]:
        span = max((last - first).days, 1)
        return (
            _LEFT + (_WIDTH - _LEFT - _RIGHT) * days / span,
            _BOTTOM + (_HEIGHT - _BOTTOM - _TOP) * volume_ml / top,
        )

    days = [(one.day - first).days for one in growth.measurements]
    for share in (0.0, 0.5, 1.0):
        y = at(0, share * top)[1]
        made.add(Line(_LEFT, y, _WIDTH - _RIGHT, y, strokeColor=LINE, strokeWidth=0.5))
        made.add(_words(_LEFT - 4, y - 2.5, f"{texts.figure(share * top, 0 if top >= 10 else 1)} ml", "end"))
    for place, day in enumerate(days):
        name = texts.pages.this_study if place == len(days) - 1 else f"\N{MINUS SIGN}{days[-1] - day} d"
        made.add(_words(at(day, 0)[0], 3, name, "middle" if place else "start"))
    colours = part_colours()
    for part in reversed(Part):
        points = [at(day, value) for day, value in zip(days, values[part], strict=True)]
        if factors[part] is not None:
            for day, value in zip(days, values[part], strict=True):
                low, high = at(day, value / (factors[part] or 1)), at(day, value * (factors[part] or 1))
                made.add(Line(*low, *high, strokeColor=colours[part], strokeWidth=2.5, strokeOpacity=0.35))
        flat = [number for point in points for number in point]
        made.add(PolyLine(flat, strokeColor=colours[part], strokeWidth=1.2))
        for x, y in points:
            made.add(Circle(x, y, 2.2, fillColor=colours[part], strokeColor=None))
    for place, part in enumerate(Part):
        y = _HEIGHT - _TOP - 11 * place - 4
        x = _WIDTH - _RIGHT + 12
        made.add(Line(x, y + 2.5, x + 10, y + 2.5, strokeColor=colours[part], strokeWidth=2))
        made.add(_words(x + 14, y, texts.parts[part], "start"))
    return made


def part_colours() -> Mapping[Part, Color]:
    """Return the colours in which the overlay shows the parts; the whole is ink."""
    colours: dict[Part, Color] = {Part.WHOLE: INK}
    for label, part in LABEL_PARTS.items():
        red, green, blue = TUMOUR_COLOURS_RGB[label]
        # The overlay's colours are made for a dark ground.
        colours[part] = Color(0.75 * red / 255, 0.75 * green / 255, 0.75 * blue / 255)
    return colours


def _rows(growth: Growth, texts: TumourTexts) -> list[list[str]]:
    words, named = texts.pages, by_days_before(growth, texts)

    def row(name: str, change: Change, unit: str, digits: int) -> list[str]:
        absolute = f"{texts.figure(change.absolute, digits, signed=True)} {unit}"
        percent = percent_in_words(change, texts)
        return [
            name,
            named(change.since),
            f"{texts.figure(change.before, digits)} {unit}",
            f"{texts.figure(change.after, digits)} {unit}",
            f"{absolute} ({percent})" if percent else absolute,
            _error(change, texts),
        ]

    rows = [list(words.growth_columns)]
    rows += [row(texts.parts[part], one, "ml", 1) for part, changes in growth.volumes.items() for one in changes]
    rows += [row(words.product, one, "mm²", 0) for one in growth.diameters if one is not None]
    return rows


def _error(change: Change, texts: TumourTexts) -> str:
    if change.factor is None:
        return texts.draft.unknown
    words = texts.pages.within if change.direction == 0 else texts.pages.beyond
    return words.format(percent=texts.figure(100 * (change.factor - 1), 0))


def _words(x: float, y: float, text: str, anchor: str) -> String:
    return String(x, y, text, textAnchor=anchor, fontName=REGULAR, fontSize=7, fillColor=QUIET)


def _round_up(value: float) -> float:
    power = 1.0
    while power * 10 <= value:
        power *= 10
    return next(step * power for step in (1, 2, 5, 10, 20) if step * power >= value)
