"""What a report shows as curves: sensitivity by size, scores against truth, and what disturbances cost."""

from __future__ import annotations

from collections.abc import Sequence

from validation.plots import Plot, Series
from validation.report_words import size_name
from validation.robustness import Point
from validation.statistics import Calibration, SetFigures, SizeClass

_TENTHS = ((0.0, "0"), (0.5, "0.5"), (1.0, "1"))


def curves(sets: Sequence[SetFigures], points: Sequence[Point]) -> list[Plot]:
    """Return the plots of a run.

    Parameters
    ----------
    sets : sequence of SetFigures
    points : sequence of Point
        Of the version's robustness, the undisturbed one first; none where it was not measured.
    """
    plots = []
    for one in sets:
        sizes = [size for size in one.sizes if size.sensitivity is not None]
        if sizes:
            plots.append(_sensitivity(one.dataset, sizes))
        if one.calibration is not None:
            plots.append(_scores(one.dataset, one.calibration))
    names = dict.fromkeys(point.disturbance for point in points if point.unit)
    return plots + [_disturbance([p for p in points if p.disturbance == name], points[0]) for name in names]


def _sensitivity(dataset: str, sizes: Sequence[SizeClass]) -> Plot:
    estimates = [size.sensitivity for size in sizes if size.sensitivity is not None]
    line = Series(
        "",
        tuple((float(i), one.value) for i, one in enumerate(estimates)),
        tuple((one.low, one.high) if one.low is not None and one.high is not None else None for one in estimates),
    )
    ticks = tuple((float(i), size_name(size)) for i, size in enumerate(sizes))
    return Plot(f"{dataset}: sensitivity", (line,), "true volume", ticks)


def _scores(dataset: str, calibration: Calibration) -> Plot:
    bins = [b for b in calibration.bins if b.mean_score is not None and b.real is not None]
    line = Series("real", tuple((b.mean_score or 0.0, b.real or 0.0) for b in bins))
    ideal = Series("ideal", ((0.0, 0.0), (1.0, 1.0)), colour="#999999")
    return Plot(f"{dataset}: scores", (ideal, line), "mean score", _TENTHS)


def _disturbance(points: Sequence[Point], undisturbed: Point) -> Plot:
    known = [p for p in (undisturbed, *points) if p.found is not None and p.dice is not None]
    found = Series("found", tuple((p.strength, (p.found or 0) / max(p.present, 1)) for p in known))
    dice = Series("Dice", tuple((p.strength, p.dice or 0.0) for p in known), colour="#b3261e")
    refused = [p for p in points if p.refusal]
    label = points[0].unit + (f"; refused from {refused[0].strength:g}" if refused else "")
    ticks = tuple((p.strength, f"{p.strength:g}") for p in known)
    return Plot(f"Disturbed by {points[0].disturbance}", (found, dice), label, ticks)
