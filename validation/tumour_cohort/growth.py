"""How well growth is told from measurement error, on tumours that were scanned again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from validation.tumour_cohort.cases import TumourCase

SMALLEST_LIMIT = float(np.log(1.05))
"""A scanner that repeats itself to a percent still leaves a reader in doubt below five."""


@dataclass(frozen=True)
class Told:
    """How well growth is told from measurement error.

    Parameters
    ----------
    limit : float
        Limit of agreement: 95 % of repeated measurements of one tumour differ by less than this factor.
    detected, false_alarms : float
        Parts of the triples, 0 to 1: growth of 40 % seen, and no growth called growth.
    """

    limit: float
    detected: float
    false_alarms: float


def limit_of_agreement(log_ratios: npt.NDArray[np.float64]) -> float:
    """Return 1.96 standard deviations of the log ratios of two measurements of one tumour, about no change.

    Parameters
    ----------
    log_ratios : ndarray of float64, shape (pairs,)
    """
    # About zero, not about their mean: which of two scans of an unchanged tumour comes first is chance.
    return max(1.96 * float(np.sqrt(np.mean(log_ratios**2))), SMALLEST_LIMIT)


def growth(cases: Sequence[TumourCase]) -> Told:
    """Judge triples that `cases.triples` made, in its order, by the whole tumour's volume.

    Each is judged by the limit that the other tumours' repeated scans set, so that none sets its own.
    """
    volumes = np.maximum(np.array([case.whole_ml for case in cases]).reshape(-1, 3), 1e-3)
    again, grown = np.log(volumes[:, 1] / volumes[:, 0]), np.log(volumes[:, 2] / volumes[:, 0])
    limits = np.array([limit_of_agreement(np.delete(again, k)) for k in range(len(again))])
    return Told(float(np.exp(limits.mean())), float((grown > limits).mean()), float((again > limits).mean()))


def growth_line(told: Told) -> str:
    """Say it in one line."""
    return (
        f"limit of agreement {100 * (told.limit - 1):.1f} %; growth of 40 % seen in {100 * told.detected:.0f} % of the "
        f"triples, no growth called growth in {100 * told.false_alarms:.0f} %"
    )
