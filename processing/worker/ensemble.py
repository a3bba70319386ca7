"""Which segmenters this worker has beside the built-in ones, and what their alarms are raised against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Self

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from processing.domain.result import TumourResult
from processing.pipelines import runners
from processing.pipelines.spec import Images, Progress, Runner
from processing.pipelines.tumour_volumetry import pipeline
from processing.pipelines.tumour_volumetry.reference import SHIPPED, AlarmReference, read_reference
from processing.pipelines.tumour_volumetry.spec import SPEC
from processing.segmenters.installed import installed_segmenters
from processing.stages.tumour.segmenters import BUILT_IN, Segmenter

NO_REFERENCE = (
    "No reference population is known for these segmenters: only missing agreement raises an alarm, not little of it."
)


class EnsembleSettings(BaseSettings):
    """From environment variables that begin with ``INTERVAL_``."""

    model_config = SettingsConfigDict(env_prefix="INTERVAL_", frozen=True, extra="ignore")

    segmenters_folder: Path | None = None
    """Holds a folder for each further segmenter, with its `card.json`."""
    segmenters_ca_file: str | None = None
    """Certificates of the authority that inference servers are believed by; the system's unless given."""
    alarm_reference_file: Path | None = None
    """Reference population of the whole ensemble; with the built-in segmenters alone, the one that is shipped."""
    alarm_alpha: dict[str, float] = Field(default_factory=dict)
    """Region to alpha, as JSON: more raises fewer alarms in it, when readers are short of time."""


@dataclass(frozen=True, eq=False)
class Ensemble:
    """What tumours are segmented with.

    Parameters
    ----------
    segmenters : tuple of Segmenter
    reference : AlarmReference or None
    alpha : tuple of float or None
        One for each region.
    """

    segmenters: tuple[Segmenter, ...]
    reference: AlarmReference | None
    alpha: Sequence[float] | None

    @classmethod
    def of(cls, settings: EnsembleSettings) -> Self:
        """Load everything that the settings name.

        Raises
        ------
        Defect
            If a segmenter or the reference population does not load.
        """
        folder, ca_file = settings.segmenters_folder, settings.segmenters_ca_file
        added = installed_segmenters(folder, ca_file=ca_file) if folder is not None else ()
        segmenters = (*BUILT_IN, *added)
        file = settings.alarm_reference_file or (SHIPPED if not added and SHIPPED.is_file() else None)
        if file is None:
            return cls(segmenters, None, None)
        reference = read_reference(file, [one.name for one in segmenters])
        return cls(segmenters, reference, reference.alphas(settings.alarm_alpha))

    def run(self, current: Images, _prior: Images, progress: Progress) -> TumourResult:
        """Measure a tumour; see `processing.pipelines.tumour_volumetry.pipeline.run`."""
        thresholds = self.reference.thresholds if self.reference is not None else None
        found = pipeline.run(current, progress, segmenters=self.segmenters, thresholds=thresholds, alpha=self.alpha)
        return found if thresholds is not None else replace(found, warnings=(*found.warnings, NO_REFERENCE))


def find_runner(name: str, version: str | None = None) -> Runner:
    """Return the function that runs a pipeline on this worker.

    Raises
    ------
    UnknownPipeline
        If the pipeline or the version is not installed.
    Defect
        If one of its segmenters does not load.
    """
    runner = runners.find_runner(name, version)
    return _ensemble().run if name == SPEC.name else runner


@cache
def _ensemble() -> Ensemble:
    return Ensemble.of(EnsembleSettings())
