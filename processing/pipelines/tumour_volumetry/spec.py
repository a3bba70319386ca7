"""The identity and every number of the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from processing.domain.study import SeriesInput, SeriesRole
from processing.pipelines.spec import PipelineSpec


@dataclass(frozen=True)
class TumourVolumetryParameters:
    """Every number that influences the result, as far as it is not a segmenter's own.

    Lengths are in millimetres.
    """

    minimum_correlation: float = 0.5
    """A series that matches T1C less is of another head, or shows nothing."""

    expected_correlation: float = 0.65
    """Below it the match is marked for the reader."""

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
        SeriesInput(SeriesRole.FLAIR, required=True),
        SeriesInput(SeriesRole.T1, required=False),
        SeriesInput(SeriesRole.T2, required=False),
    ),
    parameters=TumourVolumetryParameters(),
    reference=SeriesRole.T1C,
    compares=False,
)

WITHOUT: Mapping[SeriesRole, str] = {
    SeriesRole.T1: (
        "Measured without T1: what was bright before the contrast agent, as blood or fat, counts as enhancing tumour."
    ),
    SeriesRole.T2: "Measured without T2: the core that does not enhance was told by T1 and FLAIR alone.",
}
"""What the reader is told where a series is missing and the others stand in for it (docs/tumour_volumetry.md).

One of them may be missing. T1C and FLAIR have no stand-in: nothing else shows the uptake, or the extent.
"""
