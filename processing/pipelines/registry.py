"""Every pipeline that this installation knows. Nothing is discovered: a pipeline is here or it does not exist."""

from __future__ import annotations

from processing.domain.errors import InputRejected
from processing.pipelines.ms_longitudinal.spec import SPEC as MS_LONGITUDINAL
from processing.pipelines.spec import PipelineSpec
from processing.pipelines.tumour_volumetry.spec import SPEC as TUMOUR_VOLUMETRY

SPECS: tuple[PipelineSpec, ...] = (MS_LONGITUDINAL, TUMOUR_VOLUMETRY)


class UnknownPipeline(InputRejected):
    """No pipeline has this name, or not in this version."""


def find_spec(name: str, version: str | None = None) -> PipelineSpec:
    """Return the spec of a pipeline.

    Parameters
    ----------
    name : str
    version : str, optional
        When given, it must be the installed one: a result never carries another version than the code that made it.

    Raises
    ------
    UnknownPipeline
        If it is not installed.
    """
    for spec in SPECS:
        if spec.name == name and version in (None, spec.version):
            return spec
    raise UnknownPipeline("The order names a pipeline or a version that is not installed here.")
