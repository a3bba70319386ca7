"""The first route that fits and has what it needs, or the one that comes closest; and why, for each."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.cases.route import Routed, first_fitting, route_study
from gateway.cases.select import Selection
from gateway.routes.match import StudyFacts
from gateway.routes.model import Match, Route, RouteTable, SeriesRule
from processing.domain.study import SeriesInput, SeriesRole
from processing.pipelines.spec import PipelineSpec

F, T1, T2 = SeriesRole.FLAIR, SeriesRole.T1, SeriesRole.T2
MR = StudyFacts(frozenset({"MR"}), frozenset(), (), ())
CT = StudyFacts(frozenset({"CT"}), frozenset(), (), ())
SPEC = PipelineSpec(
    "measure",
    "1.0.0",
    "",
    (*tuple(SeriesInput(role, required=False) for role in (T1, T2)), SeriesInput(F, required=True)),
    None,
)


def route(name: str, *required: SeriesRole, modality: str = "MR") -> Route:
    return Route(name=name, match=Match(modality=(modality,)), pipeline="measure", series=SeriesRule(required=required))


def select(*present: SeriesRole, broken: SeriesRole | None = None):  # type: ignore[no-untyped-def]  # a closure
    def selection(inputs: Sequence[SeriesInput]) -> Selection:
        missing = tuple(series.role for series in inputs if series.role not in {*present, broken})
        to_blame = any(series.role is broken for series in inputs)
        return Selection((), missing, f"{broken} broken" if to_blame else "")

    return selection


def routed(*routes: Route, facts: StudyFacts = MR, present: tuple[SeriesRole, ...] = (), **how: SeriesRole) -> Routed:
    return route_study(RouteTable(routes=routes), [SPEC], facts, select(*present, **how))


def name_of(found: Routed) -> str:
    assert found.route is not None
    assert found.spec is SPEC
    return found.route.name


ROUTES = (route("both", F, T1), route("flair", F), route("t1", T1))


def test_the_first_route_that_fits_is_taken() -> None:
    assert name_of(routed(*ROUTES, present=(F, T1))) == "both"
    assert name_of(routed(*ROUTES, present=(F,))) == "flair"
    assert name_of(routed(*ROUTES, present=(T1,))) == "t1"


def test_where_none_has_what_it_needs_the_closest_says_why() -> None:
    found = routed(route("three", F, T1, T2), route("two", F, T1), present=(F,))
    assert name_of(found) == "two"
    assert found.selection.missing == (T1,)
    assert found.sentence == "The study has no usable T1 series of the brain."


def test_a_broken_series_is_a_better_reason_than_a_missing_one() -> None:
    found = routed(route("t2", T2), route("flair", F), broken=F)
    assert name_of(found) == "flair"
    assert found.selection.unusable


def test_a_study_that_fits_no_route_says_which_line_of_each_it_does_not_fit() -> None:
    found = routed(route("a", F), route("b", F, modality="PT"), facts=CT, present=(F,))
    assert (found.route, found.spec) == (None, None)
    assert found.sentence == (
        "No route fits this study (a: the study's modality fits none of 1 patterns: CT; "
        "b: the study's modality fits none of 1 patterns: CT)."
    )


def test_each_route_is_explained() -> None:
    found = routed(route("ct", F, modality="CT"), *ROUTES, present=(F,))
    lines = {line.name: line for line in found.explanation.routes}
    assert [name for name, line in lines.items() if line.chosen] == ["flair"] == [found.explanation.route]
    assert not lines["ct"].fits
    assert [(check.line, check.fits) for check in lines["ct"].checks] == [("modality", False)]
    assert lines["both"].reason == "The study has no usable T1 series of the brain."
    assert lines["flair"].reason == ""


def test_what_is_waited_for_is_what_the_first_fitting_route_needs() -> None:
    found = first_fitting(RouteTable(routes=ROUTES), MR)
    assert found is not None
    assert found.name == "both"
    assert first_fitting(RouteTable(routes=ROUTES), CT) is None
