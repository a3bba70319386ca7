"""Accuracy as tables and as a picture of the operating curve."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from validation.accuracy import CaseFigures, FoundLesion
from validation.layout import columns
from validation.metrics import SIZE_CLASSES_MM3

SCORES: tuple[float, ...] = (0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9)
"""Lowest score at which a lesion counts, for the operating curve."""

_SIZES = tuple(f"{low:.0f}-{high:.0f}" if np.isfinite(high) else f">{low:.0f}" for low, high in SIZE_CLASSES_MM3)
_COLOURS = ("#1f6f8b", "#c1440e", "#6a8d2f", "#7a4f9a", "#b8860b", "#444444", "#d06a9a", "#2f8f7a")


def groups(cases: Iterable[CaseFigures]) -> dict[str, list[CaseFigures]]:
    """Gather cases by set, in the order in which sets first appear."""
    found: dict[str, list[CaseFigures]] = {}
    for case in cases:
        found.setdefault(case.group, []).append(case)
    return found


def share(lesions: Sequence[FoundLesion], score: float, among: Callable[[FoundLesion], bool]) -> str:
    """Write how many of some lesions were found, of those that the images show and of all."""
    present = [lesion for lesion in lesions if among(lesion)]
    if not present:
        return "-"
    found = [lesion for lesion in present if lesion.score is not None and lesion.score >= score]
    shown, all_shown = (sum(lesion.visible for lesion in some) for some in (found, present))
    return f"{shown}/{all_shown} {len(found)}/{len(present)}"


def _sized(low: float, high: float) -> Callable[[FoundLesion], bool]:
    return lambda lesion: low <= lesion.volume_mm3 < high


def _line(name: str, cases: Sequence[CaseFigures], score: float) -> list[str]:
    lesions = [lesion for case in cases for lesion in case.lesions]
    dice = [case.dice for case in cases if case.lesions]
    errors = [case.registration_error_mm for case in cases if case.registration_error_mm is not None]
    return [
        name,
        *(share(lesions, score, _sized(low, high)) for low, high in SIZE_CLASSES_MM3),
        share(lesions, score, lambda _: True),
        f"{sum(case.false_positives(score) for case in cases)} in {len(cases)}",
        f"{np.mean(dice):.3f}" if dice else "-",
        f"{np.mean(errors):.3f}" if errors else "-",
        f"{np.mean([case.cpu_s for case in cases]):.1f}",
        f"{np.mean([case.wall_s for case in cases]):.1f}",
    ]


def sensitivity_table(cases: Sequence[CaseFigures], score: float) -> str:
    """Lay out each set and each of its cases; found of visible, then found of all."""
    head = ["set", *(f"{size} mm3" for size in _SIZES), "all", "false pos.", "Dice", "reg. mm", "cpu s", "wall s"]
    lines = [head]
    for group, members in groups(cases).items():
        lines.append(_line(group, members, score))
        if len(members) > 1:
            lines += [_line(f"  {case.name}", [case], score) for case in members]
    return columns(lines)


def curve_table(cases: Sequence[CaseFigures]) -> str:
    """Lay out found of all, and false marks a pair, over the score below which lesions are dropped."""
    lines = [["found, false marks a pair, at a score of", *(f"{score:.2f}" for score in SCORES)]]
    for group, members in groups(cases).items():
        points = [(_found(members, score), _false(members, score)) for score in SCORES]
        present = sum(len(case.lesions) for case in members)
        lines.append([f"{group} ({present})", *(f"{found} {false:.1f}" for found, false in points)])
    return columns(lines)


def _found(cases: Sequence[CaseFigures], score: float) -> int:
    return sum(case.found(score) for case in cases)


def _false(cases: Sequence[CaseFigures], score: float) -> float:
    return sum(case.false_positives(score) for case in cases) / len(cases)


def volume_table(cases: Sequence[CaseFigures]) -> str:
    """Lay out the outline's, then the partial volume over the true one: geometric means over each size class."""
    lines = [["measured over true volume: outline, partial", *(f"{size} mm3" for size in _SIZES)]]
    for group, members in groups(cases).items():
        found = [lesion for case in members for lesion in case.lesions if lesion.marked_mm3 is not None]
        if not found:
            continue
        line = [group]
        for low, high in SIZE_CLASSES_MM3:
            sized = [lesion for lesion in found if low <= lesion.volume_mm3 < high]
            outline, partial = (
                [np.log(volume / lesion.volume_mm3) for lesion in sized if (volume := getattr(lesion, name))]
                for name in ("marked_mm3", "partial_mm3")
            )
            line.append(
                f"{np.exp(np.mean(outline)):.2f} {np.exp(np.mean(partial)):.2f} ({len(sized)})" if sized else "-"
            )
        lines.append(line)
    return columns(lines)


def curve_picture(cases: Sequence[CaseFigures], score: float) -> str:
    """Draw sensitivity over false marks a pair for every set with lesions, as SVG; a dot marks the shipped score."""
    width, height, left, bottom, most = 860, 460, 60, 50, 8.0
    right, top = 540, 20

    def at(false: float, sensitivity: float) -> tuple[float, float]:
        x = left + (right - left) * min(false, most) / most
        return x, top + (height - bottom - top) * (1.0 - sensitivity)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
        'font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for tick in range(0, 11, 2):
        x, y = at(0.0, tick / 10)
        parts.append(f'<line x1="{x}" y1="{y}" x2="{right}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{x - 8}" y="{y + 4}" text-anchor="end">{tick / 10:.1f}</text>')
    for tick in range(0, int(most) + 1, 2):
        x, y = at(float(tick), 0.0)
        parts.append(f'<text x="{x}" y="{y + 18}" text-anchor="middle">{tick}</text>')
    parts.append(f'<text x="{(left + right) / 2}" y="{height - 10}" text-anchor="middle">false marks a pair</text>')
    shown = [(group, members) for group, members in groups(cases).items() if any(case.lesions for case in members)]
    for number, (group, members) in enumerate(shown):
        colour = _COLOURS[number % len(_COLOURS)]
        present = sum(len(case.lesions) for case in members)
        own = {lesion.score for case in members for lesion in case.lesions if lesion.score is not None}
        steps = sorted({0.0, 1.01, *SCORES, *own})
        points = [at(_false(members, step), _found(members, step) / present) for step in steps]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        x, y = at(_false(members, score), _found(members, score) / present)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>')
        parts.append(f'<text x="{right + 20}" y="{top + 20 + 20 * number}" fill="{colour}">{group}</text>')
    return "\n".join([*parts, "</svg>", ""])
