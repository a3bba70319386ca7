"""What every pipeline declares about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from processing.domain.imaging import Volume
from processing.domain.result import PipelineResult
from processing.domain.study import SeriesInput, SeriesRole

Progress = Callable[[str, float], None]
"""Called with the name of the stage that starts and the part of the whole that is done (0 to 1)."""

Images = Mapping[SeriesRole, Volume]

Runner = Callable[[Images, Images, Progress], PipelineResult]
"""Runs a pipeline on (current, prior) and reports progress; without a prior the second is empty."""


@dataclass(frozen=True)
class PipelineSpec:
    """A pipeline's identity and contract. Any change of its output changes `version`.

    Parameters
    ----------
    name : str
        Folder and routing name.
    version : str
        Semantic version, written into every object.
    title : str
        What a reader sees.
    inputs : tuple of SeriesInput
    parameters : object
        A frozen dataclass with every number that influences the result.
    reference : SeriesRole
        The series of the current visit on whose grid the result lies.
    compares : bool
        Whether it needs an earlier visit.
    """

    name: str
    version: str
    title: str
    inputs: tuple[SeriesInput, ...]
    parameters: object
    reference: SeriesRole = SeriesRole.FLAIR
    compares: bool = True

    def __post_init__(self) -> None:
        if not any(series.required for series in self.inputs):
            raise ValueError(f"{self.name} requires no series")
        if self.reference not in self.required_roles:
            raise ValueError(f"{self.name} does not require the series that its result lies on")

    @property
    def required_roles(self) -> tuple[SeriesRole, ...]:
        """Roles without which the pipeline can't run."""
        return tuple(series.role for series in self.inputs if series.required)

    @property
    def optional_roles(self) -> tuple[SeriesRole, ...]:
        """Roles that the pipeline uses when they are there."""
        return tuple(series.role for series in self.inputs if not series.required)
