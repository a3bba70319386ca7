from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, is_dataclass

import pytest

from processing.domain.errors import InputRejected
from processing.domain.study import SeriesRole
from processing.pipelines import registry, runners
from processing.pipelines.ms_longitudinal import pipeline
from processing.pipelines.ms_longitudinal.spec import MsLongitudinalParameters
from processing.pipelines.registry import SPECS, UnknownPipeline, find_spec
from processing.pipelines.runners import find_runner


def test_a_pipeline_is_found_by_name_and_version() -> None:
    spec = find_spec("ms_longitudinal")
    assert find_spec(spec.name, spec.version) is spec
    assert spec.required_roles == (SeriesRole.FLAIR,)
    assert spec.optional_roles == (SeriesRole.T1, SeriesRole.T2)


@pytest.mark.parametrize(("name", "version"), [("unknown", None), ("ms_longitudinal", "0.0.0"), ("", None)])
def test_an_unknown_name_or_version_is_refused(name: str, version: str | None) -> None:
    with pytest.raises(UnknownPipeline) as refused:
        find_spec(name, version)
    assert isinstance(refused.value, InputRejected)
    with pytest.raises(UnknownPipeline):
        find_runner(name, version)


def test_every_registered_pipeline_can_be_run() -> None:
    assert {spec.name for spec in SPECS} == set(runners._RUNNERS)
    assert find_runner("ms_longitudinal") is pipeline.run
    assert len({spec.name for spec in registry.SPECS}) == len(registry.SPECS)


def test_parameters_are_frozen_numbers() -> None:
    parameters = find_spec("ms_longitudinal").parameters
    assert isinstance(parameters, MsLongitudinalParameters)
    assert is_dataclass(parameters)
    assert all(isinstance(getattr(parameters, field.name), float) for field in fields(parameters))
    with pytest.raises(FrozenInstanceError):
        parameters.voxel_z = 1.0  # type: ignore[misc]  # that it can't be assigned is what is tested
