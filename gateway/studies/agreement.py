"""How well readers agree with each other and with the truth, with intervals from the bootstrap.

A table has one row per case and one column per reader; -1 stands where a reader did not read a case.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.int64]
"""Shape (cases, readers): 0 stable, 1 active, -1 not read."""

RESAMPLES = 2000
FEWEST_CASES = 5
"""Of fewer cases an interval by resampling would look certain where nothing is."""

_COVERAGE = (2.5, 97.5)


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; all None where it can't be computed.

    Parameters
    ----------
    value, low, high : float or None
    """

    value: float | None
    low: float | None = None
    high: float | None = None


def cohens_kappa(table: Table) -> float | None:
    """Return the agreement of two readers beyond chance (Cohen, 1960).

    Parameters
    ----------
    table : ndarray, shape (cases, 2)

    Returns
    -------
    float or None
        None without a common case, or where both always say the same one thing: then chance alone explains it.
    """
    both = table[(table >= 0).all(axis=1)]
    if not len(both):
        return None
    observed = float((both[:, 0] == both[:, 1]).mean())
    first, second = both.mean(axis=0)
    return _beyond_chance(observed, float(first * second + (1 - first) * (1 - second)))


def fleiss_kappa(table: Table) -> float | None:
    """Return the agreement of any number of readers beyond chance (Fleiss, 1971), over cases that all of them read.

    Parameters
    ----------
    table : ndarray, shape (cases, readers)
    """
    whole = table[(table >= 0).all(axis=1)]
    readers = table.shape[1]
    if not len(whole) or readers < 2:
        return None
    active = whole.sum(axis=1).astype(float)
    return fleiss_of_counts(np.stack([active, readers - active], axis=1))


def fleiss_of_counts(counts: npt.NDArray[np.float64]) -> float | None:
    """Return Fleiss' kappa of how many readers put each case in each category, shape (cases, categories)."""
    readers = counts.sum(axis=1)[0]
    shares = counts.sum(axis=0) / counts.sum()
    agreement = ((counts**2).sum(axis=1) - readers) / (readers * (readers - 1))
    return _beyond_chance(float(agreement.mean()), float((shares**2).sum()))


def sensitivity(table: Table, truth: Table) -> float | None:
    """Return the part of readings of active cases that say active; None without one.

    Parameters
    ----------
    table : ndarray, shape (cases, readers)
    truth : ndarray, shape (cases,)
    """
    read = table[truth == 1]
    read = read[read >= 0]
    return float(read.mean()) if read.size else None


def specificity(table: Table, truth: Table) -> float | None:
    """Return the part of readings of stable cases that say stable; None without one."""
    read = table[truth == 0]
    read = read[read >= 0]
    return float(1 - read.mean()) if read.size else None


def with_interval(cases: int, figure: Callable[[npt.NDArray[np.int64]], float | None], *, seed: int) -> Estimate:
    """Return a figure with its interval by drawing cases anew, with all their readings (Efron, 1979).

    Readers are not drawn anew: the interval says what other cases would have shown with the same readers.

    Parameters
    ----------
    cases : int
    figure : callable
        Takes indices of cases, some of them several times.
    seed : int
        The same seed gives the same interval.
    """
    value = figure(np.arange(cases))
    if value is None or cases < FEWEST_CASES:
        return Estimate(value)
    random = np.random.default_rng(seed)
    drawn = [figure(random.integers(0, cases, cases)) for _ in range(RESAMPLES)]
    found = [one for one in drawn if one is not None]
    if not found:
        return Estimate(value)
    low, high = np.percentile(found, _COVERAGE)
    return Estimate(value, float(low), float(high))


def _beyond_chance(observed: float, expected: float) -> float | None:
    return None if expected > 1 - 1e-12 else (observed - expected) / (1 - expected)
