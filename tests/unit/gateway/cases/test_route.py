"""The first pipeline that fits, or the one that comes closest."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.cases.route import route
from gateway.cases.select import Selection
from processing.domain.study import SeriesInput, SeriesRole
from processing.pipelines.spec import PipelineSpec

F, T1, T2 = SeriesRole.FLAIR, SeriesRole.T1, SeriesRole.T2


def spec(name: str, *required: SeriesRole) -> PipelineSpec:
    return PipelineSpec(name, "1.0.0", name, tuple(SeriesInput(role, required=True) for role in required), None)


def select(*present: SeriesRole, broken: SeriesRole | None = None):  # type: ignore[no-untyped-def]  # a closure
    def selection(inputs: Sequence[SeriesInput]) -> Selection:
        missing = tuple(series.role for series in inputs if series.role not in {*present, broken})
        to_blame = any(series.role is broken for series in inputs)
        return Selection((), missing, f"{broken} broken" if to_blame else "")

    return selection


def test_the_first_pipeline_that_fits_is_taken() -> None:
    specs = [spec("both", F, T1), spec("flair", F), spec("t1", T1)]
    assert route(specs, select(F, T1)).spec.name == "both"
    assert route(specs, select(F)).spec.name == "flair"
    assert route(specs, select(T1)).spec.name == "t1"


def test_where_none_fits_the_closest_says_why() -> None:
    specs = [spec("three", F, T1, T2), spec("two", F, T1)]
    routed = route(specs, select(F))
    assert routed.spec.name == "two"
    assert routed.selection.missing == (T1,)


def test_a_broken_series_is_a_better_reason_than_a_missing_one() -> None:
    routed = route([spec("t2", T2), spec("flair", F)], select(broken=F))
    assert routed.spec.name == "flair"
    assert routed.selection.unusable
