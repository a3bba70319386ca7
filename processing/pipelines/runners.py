"""What runs a pipeline, by its name. Only the worker and validation import this: it pulls in the imaging libraries."""

from __future__ import annotations

from collections.abc import Mapping

from processing.domain.result import PipelineResult
from processing.pipelines.ms_longitudinal import pipeline as ms_longitudinal
from processing.pipelines.registry import find_spec
from processing.pipelines.spec import Images, Progress, Runner
from processing.pipelines.tumour_volumetry import pipeline as tumour_volumetry
from processing.pipelines.tumour_volumetry.spec import SPEC as TUMOUR_VOLUMETRY


def _of_one_visit(current: Images, _prior: Images, progress: Progress) -> PipelineResult:
    return tumour_volumetry.run(current, progress)


_RUNNERS: Mapping[str, Runner] = {
    ms_longitudinal.SPEC.name: ms_longitudinal.run,
    TUMOUR_VOLUMETRY.name: _of_one_visit,
}


def find_runner(name: str, version: str | None = None) -> Runner:
    """Return the function that runs a pipeline.

    Raises
    ------
    UnknownPipeline
        If the pipeline or the version is not installed.
    """
    return _RUNNERS[find_spec(name, version).name]
