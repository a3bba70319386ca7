"""Small plots as SVG, drawn into a page: lines with intervals, and bars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 340, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 26, 40


@dataclass(frozen=True)
class Series:
    """A line: its points as (x, y), and an interval of y for each where there is one."""

    name: str
    points: tuple[tuple[float, float], ...]
    intervals: tuple[tuple[float, float] | None, ...] = ()
    colour: str = "#1f5fa8"


def line_plot(
    title: str, series: Sequence[Series], *, x_label: str, x_ticks: Sequence[tuple[float, str]], top: float
) -> str:
    """Draw lines over a common axis; y runs from 0 to `top`."""
    xs = [x for line in series for x, _ in line.points] or [0.0, 1.0]
    low, high = min(xs), max(xs)
    span = (high - low) or 1.0

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            _LEFT + (x - low) / span * (WIDTH - _LEFT - _RIGHT),
            HEIGHT - _BOTTOM - min(y, top) / (top or 1.0) * (HEIGHT - _TOP - _BOTTOM),
        )

    parts = [*_frame(title, x_label, top)]
    for x, text in x_ticks:
        at, floor = place(x, 0.0)
        anchor = "end" if x == high and len(x_ticks) > 1 else "middle"
        parts.append(
            f'<text x="{at:.1f}" y="{floor + 15:.1f}" class="tick" text-anchor="{anchor}">{escape(text)}</text>'
        )
    for line in series:
        parts += _line(line, place)
    names = (f'<tspan fill="{line.colour}" dx="8">{escape(line.name)}</tspan>' for line in series if line.name)
    parts.append(f'<text x="{WIDTH - _RIGHT}" y="16" class="tick" text-anchor="end">{"".join(names)}</text>')
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'


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
