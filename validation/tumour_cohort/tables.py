"""The tables that a cohort gives, in the form of tables 1 to 3 of Kofler et al. (Front. Neurosci. 2021, 15:752780)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from processing.stages.alarms import Calibration, Metric, Thresholds, calibrate
from processing.stages.tumour.labels import REGIONS
from processing.stages.tumour.segmenters import BUILT_IN
from validation.layout import columns
from validation.tumour_cohort.cases import COMPARED, FUSIONS, TumourCase

ALPHA = 0.1
"""The paper's."""

_GROUPS = 10
"""Into so many columns alarms are put, beside those without any: the paper's ensemble can raise ten."""


def overlap_table(cases: Sequence[TumourCase]) -> str:
    """Return the mean overlap with the truth of each fusion and each segmenter alone."""
    means = np.mean([case.overlap for case in cases], axis=0)
    names = [*(f"fused: {name}" for name in FUSIONS), *(segmenter.name for segmenter in BUILT_IN)]
    rows = [["mean Dice", *(region.name for region in COMPARED)]]
    rows += [[name, *(f"{value:.3f}" for value in row)] for name, row in zip(names, means, strict=True)]
    lowest = np.min([case.overlap[0] for case in cases], axis=0)
    rows.append([f"fused: {FUSIONS[0]}, lowest", *(f"{value:.3f}" for value in lowest)])
    return columns(rows)


def lacking_table(rows: Mapping[str, Sequence[TumourCase]]) -> str:
    """Return the fusion's overlap with the truth where series are missing, mean and lowest of the whole tumour."""
    heads = ["fused: SIMPLE, mean Dice", *(region.name for region in COMPARED), "lowest whole tumour"]
    lines = [heads]
    for name, cases in rows.items():
        fused = np.array([case.overlap[0] for case in cases])
        lines.append([name, *(f"{value:.3f}" for value in (*fused.mean(axis=0), fused[:, 0].min()))])
    return columns(lines)


def alarm_table(cases: Sequence[TumourCase]) -> str:
    """Return how alarms are distributed for each alpha, and how they follow the Dice overlap (table 1).

    The cohort is its own reference population, as in the paper.
    """
    population = np.stack([case.similarities for case in cases])
    quality = np.array([case.quality for case in cases])
    rows = calibrate(population, Thresholds.of(population), quality)
    most = len(rows[0].cases_by_count) - 1
    edges = [round(most * group / _GROUPS) for group in range(_GROUPS + 1)]
    heads = [_span(low + 1, high) for low, high in pairwise(edges)]
    return _alarms(rows, ["r", "r:dice", "r:hd"], ["0a", *heads], edges)


def small_alarm_table(cases: Sequence[TumourCase]) -> str:
    """Return the same for an ensemble of three, whole tumours and Dice alone (table 2)."""
    dice_alone = list(Metric).index(Metric.DICE)
    population = np.stack([case.small_similarities for case in cases])[:, :, [dice_alone]]
    quality = np.array([case.small_quality for case in cases])
    rows = calibrate(population, Thresholds.of(population), quality)
    most = len(rows[0].cases_by_count) - 1
    return _alarms(rows, ["r:dice"], [f"{count}a" for count in range(most + 1)], list(range(most + 1)))


def threshold_table(cases: Sequence[TumourCase]) -> str:
    """Return the thresholds of each segmenter at alpha 0.1 (table 3)."""
    limits = Thresholds.of(np.stack([case.similarities for case in cases])).at(ALPHA)
    rows = [["segmenter", *(f"{metric} {region.name}" for region in REGIONS for metric in ("Dice", "mm"))]]
    for segmenter, (overlap, distance) in zip(BUILT_IN, limits, strict=True):
        pairs = zip(overlap, distance, strict=True)
        rows.append([segmenter.name, *(cell for d, mm in pairs for cell in (f"{d:.3f}", f"{-mm:.1f}"))])
    return columns(rows)


def _alarms(rows: Sequence[Calibration], names: Sequence[str], heads: Sequence[str], edges: Sequence[int]) -> str:
    lines = [["alpha", "entropy", *names, *heads]]
    for row in rows:
        counts = row.cases_by_count
        groups = [counts[0], *(sum(counts[low + 1 : high + 1]) for low, high in pairwise(edges))]
        figures = (row.correlation, *row.by_metric)[: len(names)]
        lines.append([f"{row.alpha:.2f}", f"{row.entropy:.2f}", *map(_figure, figures), *map(str, groups)])
    return columns(lines)


def _figure(value: float) -> str:
    return "NA" if np.isnan(value) else f"{value:.2f}"


def _span(low: int, high: int) -> str:
    return f"{low}a" if low == high else f"{low}-{high}a"
