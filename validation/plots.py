"""Small plots of lines with intervals, drawn as SVG into a page or as a drawing onto paper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from reportlab.graphics.shapes import Circle, Drawing, Line, PolyLine, String
from reportlab.lib.colors import HexColor

WIDTH, HEIGHT = 340, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 26, 40


@dataclass(frozen=True)
class Series:
    """A line: its points as (x, y), and an interval of y for each where there is one."""

    name: str
    points: tuple[tuple[float, float], ...]
    intervals: tuple[tuple[float, float] | None, ...] = ()
    colour: str = "#1f5fa8"


@dataclass(frozen=True)
class Plot:
    """Lines over a common axis; y runs from 0 to `top`."""

    title: str
    series: tuple[Series, ...]
    x_label: str
    x_ticks: tuple[tuple[float, str], ...]
    top: float = 1.0

    @property
    def span(self) -> tuple[float, float]:
        """First and last x of any line."""
        xs = [x for line in self.series for x, _ in line.points] or [0.0, 1.0]
        return min(xs), max(xs)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a value lies in the picture, counted from its upper left corner."""
        low, high = self.span
        return (
            _LEFT + (x - low) / ((high - low) or 1.0) * (WIDTH - _LEFT - _RIGHT),
            HEIGHT - _BOTTOM - min(y, self.top) / (self.top or 1.0) * (HEIGHT - _TOP - _BOTTOM),
        )

    def anchor(self, x: float) -> str:
        """How a tick's words stand at it: the last one's would leave the picture."""
        return "end" if x == self.span[1] and len(self.x_ticks) > 1 else "middle"


def svg(plot: Plot) -> str:
    """Draw a plot for a page."""
    parts = [*_frame(plot.title, plot.x_label, plot.top)]
    for x, text in plot.x_ticks:
        at, floor = plot.place(x, 0.0)
        words = f'class="tick" text-anchor="{plot.anchor(x)}">{escape(text)}</text>'
        parts.append(f'<text x="{at:.1f}" y="{floor + 15:.1f}" {words}')
    for line in plot.series:
        parts += _line(line, plot.place)
    names = (f'<tspan fill="{line.colour}" dx="8">{escape(line.name)}</tspan>' for line in plot.series if line.name)
    parts.append(f'<text x="{WIDTH - _RIGHT}" y="16" class="tick" text-anchor="end">{"".join(names)}</text>')
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(plot.title)}">{"".join(parts)}</svg>'


def drawing(plot: Plot, width: float) -> Drawing:
    """Draw a plot for paper.

    Parameters
    ----------
    plot : Plot
    width : float
        In points.
    """
    made = Drawing(WIDTH, HEIGHT)

    def rule(x0: float, y0: float, x1: float, y1: float, colour: str) -> None:
        made.add(Line(x0, HEIGHT - y0, x1, HEIGHT - y1, strokeColor=HexColor(colour), strokeWidth=0.7))

    def words(x: float, y: float, text: str, anchor: str, colour: str = "#444444", size: int = 10) -> None:
        made.add(String(x, HEIGHT - y, text, textAnchor=anchor, fontSize=size, fillColor=HexColor(colour)))

    floor, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    for part in (0.0, 0.5, 1.0):
        y = floor - part * (floor - _TOP)
        rule(_LEFT, y, right, y, "#dddddd" if part else "#777777")
        words(_LEFT - 6, y + 4, f"{part * plot.top:g}", "end")
    rule(_LEFT, _TOP, _LEFT, floor, "#777777")
    for x, text in plot.x_ticks:
        words(plot.place(x, 0.0)[0], floor + 15, text, plot.anchor(x))
    words((_LEFT + right) / 2, HEIGHT - 6, plot.x_label, "middle")
    words(_LEFT, 16, plot.title, "start", "#1c2230", 12)
    for place, line in enumerate(reversed([line for line in plot.series if line.name])):
        words(right - 40 * place, 16, line.name, "end", line.colour)
    for line in plot.series:
        for (x, _), interval in zip(line.points, line.intervals, strict=False):
            if interval is not None:
                rule(*plot.place(x, interval[0]), *plot.place(x, interval[1]), line.colour)
        at = [(x, HEIGHT - y) for x, y in (plot.place(*point) for point in line.points)]
        made.add(PolyLine([value for point in at for value in point], strokeColor=HexColor(line.colour)))
        for x, y in at:
            made.add(Circle(x, y, 2.6, fillColor=HexColor(line.colour), strokeColor=None))
    made.scale(width / WIDTH, width / WIDTH)
    made.width, made.height = width, HEIGHT * width / WIDTH
    return made


def _line(line: Series, place: Callable[[float, float], tuple[float, float]]) -> list[str]:
    at = [place(x, y) for x, y in line.points]
    parts = []
    for (x, _), interval in zip(line.points, line.intervals, strict=False):
        if interval is not None:
            (left, low), (_, high) = place(x, interval[0]), place(x, interval[1])
            parts.append(f'<path d="M{left:.1f} {low:.1f}V{high:.1f}" stroke="{line.colour}" stroke-opacity=".45"/>')
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
    parts.append(f'<polyline points="{path}" fill="none" stroke="{line.colour}" stroke-width="1.6"/>')
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" fill="{line.colour}"/>' for x, y in at]
    return parts


def _frame(title: str, x_label: str, top: float) -> list[str]:
    floor = HEIGHT - _BOTTOM
    parts = [
        f'<text x="{_LEFT}" y="16" class="title">{escape(title)}</text>',
        f'<path d="M{_LEFT} {_TOP}V{floor}H{WIDTH - _RIGHT}" fill="none" stroke="#777"/>',
        f'<text x="{(_LEFT + WIDTH - _RIGHT) / 2}" y="{HEIGHT - 6}" class="tick" text-anchor="middle">'
        f"{escape(x_label)}</text>",
    ]
    for part in (0.0, 0.5, 1.0):
        y = floor - part * (floor - _TOP)
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" class="tick" text-anchor="end">{part * top:g}</text>')
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}" stroke="#ddd"/>')
    return parts
