"""The reference population of the alarms, from a graded cohort."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from processing.pipelines.tumour_volumetry.reference import AlarmReference
from processing.stages.alarms import Aim, Thresholds, calibrate_regions
from processing.stages.tumour.labels import REGIONS
from processing.stages.tumour.segmenters import BUILT_IN
from validation.tumour_cohort.cases import TumourCase
from validation.tumour_cohort.tables import ALPHA


def alarm_reference(cases: Sequence[TumourCase], aim: Aim | None) -> AlarmReference:
    """Measure what agreement is usual.

    Parameters
    ----------
    cases : sequence of TumourCase
    aim : Aim or None
        What alpha is calibrated for, region by region; None takes the paper's for all.
    """
    population = np.stack([case.similarities for case in cases])
    alpha: tuple[float, ...] = (ALPHA,) * len(REGIONS)
    if aim is not None:
        quality = np.stack([case.overlap[0, : len(REGIONS)] for case in cases])
        alpha = calibrate_regions(population, Thresholds.of(population), quality, aim)
    words = f"{len(cases)} phantoms from clean to hopeless; alpha " + ("as published" if aim is None else f"for {aim}")
    return AlarmReference.of(population, [one.name for one in BUILT_IN], alpha, population=words)
