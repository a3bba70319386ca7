"""What runs a pipeline, by its name. Only the worker and validation import this: it pulls in the imaging libraries."""

from __future__ import annotations

from collections.abc import Mapping

from processing.pipelines.ms_longitudinal import pipeline as ms_longitudinal
from processing.pipelines.registry import find_spec
from processing.pipelines.spec import Runner

_RUNNERS: Mapping[str, Runner] = {ms_longitudinal.SPEC.name: ms_longitudinal.run}


def find_runner(name: str, version: str | None = None) -> Runner:
    """Return the function that runs a pipeline.

    Raises
    ------
    UnknownPipeline
        If the pipeline or the version is not installed.
    """
    return _RUNNERS[find_spec(name, version).name]
