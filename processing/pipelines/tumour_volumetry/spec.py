"""The identity and every number of the pipeline."""

from __future__ import annotations

from dataclasses import dataclass

from processing.domain.study import SeriesInput, SeriesRole
from processing.pipelines.spec import PipelineSpec


@dataclass(frozen=True)
class TumourVolumetryParameters:
    """Every number that influences the result, as far as it is not a segmenter's own.

    Lengths are in millimetres.
    """

    coregistration_spacing_mm: float = 3.0
    """Voxels on which the series of one visit are brought together."""

    margin_mm: float = 6.0
    """What is kept around the brain."""

    simple_alpha: float = 1.0
    """A candidate loses its vote this many standard deviations below the mean overlap (SIMPLE)."""

    alarm_alpha: float = 0.1
    """How readily an alarm is raised; the value that Kofler et al. 2021 chose."""


SPEC = PipelineSpec(
    name="tumour_volumetry",
    version="0.1.0",
    title="Brain tumour volumes",
    inputs=(
        SeriesInput(SeriesRole.T1C, required=True),
        SeriesInput(SeriesRole.T1, required=True),
        SeriesInput(SeriesRole.T2, required=True),
        SeriesInput(SeriesRole.FLAIR, required=True),
    ),
    parameters=TumourVolumetryParameters(),
)
