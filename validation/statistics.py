"""Figures of a whole set with their uncertainty: sensitivity by size, false positives, calibration, landmarks.

Intervals are 95 % percentile bootstraps (SciPy) with a fixed seed. What is undefined is None: no lesion of a size has
no sensitivity, and of a single value nobody knows the spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy import stats

from validation.metrics import SIZE_CLASSES_MM3
from validation.outputs import CaseRecord

RESAMPLES = 2000
BINS = 5
"""Of scores, for the calibration."""

Part = Annotated[float, Field(ge=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Estimate(_Strict):
    """A mean with its interval; the interval is None where it can't be known."""

    value: float
    low: float | None
    high: float | None
    count: int


class SizeClass(_Strict):
    """Lesions from a volume up to another; None where there is no upper end."""

    low_mm3: float
    high_mm3: float | None
    found: int
    present: int
    sensitivity: Estimate | None


class CalibrationBin(_Strict):
    """Lesions whose score lies in a range: their mean score, and which part of them is real."""

    low: float
    high: float
    count: int
    mean_score: float | None
    real: Part | None


class Calibration(_Strict):
    """How far scores can be taken as chances.

    Parameters
    ----------
    bins : tuple of CalibrationBin
    brier : float
        Mean squared distance of the score from 1 for a real lesion and 0 for a false one.
    expected_error : float
        Mean distance of the bins' scores from what is real in them, weighted by their counts.
    """

    bins: tuple[CalibrationBin, ...]
    brier: float
    expected_error: float


class SetFigures(_Strict):
    """One dataset's figures."""

    dataset: str
    cases: int
    failed: int
    sizes: tuple[SizeClass, ...]
    sensitivity: Estimate | None
    false_positives_per_case: Estimate | None
    dice: Estimate | None
    landmark_mean_mm: Estimate | None
    hit_rates: dict[str, Estimate | None]
    calibration: Calibration | None


def estimate(values: Sequence[float]) -> Estimate | None:
    """Return the mean of values with its bootstrap interval; None of nothing."""
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        return None
    mean = float(array.mean())
    if array.size == 1:
        return Estimate(value=mean, low=None, high=None, count=1)
    if np.ptp(array) == 0:
        return Estimate(value=mean, low=mean, high=mean, count=array.size)
    interval = stats.bootstrap(
        (array,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    return Estimate(value=mean, low=float(interval.low), high=float(interval.high), count=array.size)


def set_figures(dataset: str, records: Sequence[CaseRecord]) -> SetFigures:
    """Return the figures of the cases of one dataset."""
    truths = [record.truth for record in records if record.truth is not None]
    lesions = [lesion for truth in truths for lesion in truth.lesions]
    landmarks = [truth.landmarks for truth in truths if truth.landmarks is not None]
    sizes = []
    for low, high in SIZE_CLASSES_MM3:
        found = [float(lesion.found) for lesion in lesions if low <= lesion.volume_mm3 < high]
        top = high if np.isfinite(high) else None
        sizes.append(
            SizeClass(low_mm3=low, high_mm3=top, found=int(sum(found)), present=len(found), sensitivity=estimate(found))
        )
    names = list(dict.fromkeys(name for one in landmarks for name in one.hit_rates))
    return SetFigures(
        dataset=dataset,
        cases=len(records),
        failed=sum(bool(record.failure) for record in records),
        sizes=tuple(sizes),
        sensitivity=estimate([float(lesion.found) for lesion in lesions]),
        false_positives_per_case=estimate([float(truth.false_positives) for truth in truths]),
        dice=estimate([truth.dice for truth in truths]),
        landmark_mean_mm=estimate([one.mean_mm for one in landmarks]),
        hit_rates={
            name: estimate([one.hit_rates[name] for one in landmarks if name in one.hit_rates]) for name in names
        },
        calibration=calibration([pair for truth in truths for pair in truth.scores]),
    )


def calibration(scores: Sequence[tuple[float, bool]]) -> Calibration | None:
    """Compare scores with what was real; None without any."""
    if not scores:
        return None
    score = np.array([value for value, _ in scores])
    real = np.array([float(truth) for _, truth in scores])
    edges = np.linspace(0.0, 1.0, BINS + 1)
    place = np.clip(np.digitize(score, edges[1:-1]), 0, BINS - 1)
    bins = []
    error = 0.0
    for number in range(BINS):
        here = place == number
        count = int(here.sum())
        mean, part = (float(score[here].mean()), float(real[here].mean())) if count else (None, None)
        if mean is not None and part is not None:
            error += count / len(scores) * abs(mean - part)
        bins.append(
            CalibrationBin(
                low=float(edges[number]), high=float(edges[number + 1]), count=count, mean_score=mean, real=part
            )
        )
    return Calibration(bins=tuple(bins), brier=float(((score - real) ** 2).mean()), expected_error=error)
