"""Which route a study takes, and why, in words that are kept and shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.cases.select import Selection
from gateway.routes.explanation import CheckLine, Explanation, RouteLine, SeriesRoleLine
from gateway.routes.match import Check, StudyFacts, checks
from gateway.routes.model import Route, RouteTable
from processing.domain.study import SeriesInput
from processing.pipelines.spec import PipelineSpec

Select = Callable[[Sequence[SeriesInput]], Selection]
"""Selects the study's series for what a route asks for."""


@dataclass(frozen=True)
class Routed:
    """What became of a study.

    Parameters
    ----------
    route : Route or None
        None when the study fits none.
    spec : PipelineSpec or None
    selection : Selection
        The series for the route; without one nothing is chosen.
    explanation : Explanation
    """

    route: Route | None
    spec: PipelineSpec | None
    selection: Selection
    explanation: Explanation

    @property
    def sentence(self) -> str:
        """Why nothing can be measured; empty when something can."""
        return self.explanation.sentence if self.route is None else self.selection.sentence


def first_fitting(table: RouteTable, facts: StudyFacts) -> Route | None:
    """Return the first route that a study fits, whatever series it has."""
    return next((route for route in table.routes if _all(checks(route.match, facts))), None)


def route_study(table: RouteTable, specs: Sequence[PipelineSpec], facts: StudyFacts, select: Select) -> Routed:
    """Choose the first route that a study fits and whose required series it has.

    When it has those of none, the route is taken that comes closest: its selection says what is missing.

    Parameters
    ----------
    table : RouteTable
    specs : sequence of PipelineSpec
    facts : StudyFacts
    select : callable
    """
    by_name = {spec.name: spec for spec in specs}
    compared = [(route, checks(route.match, facts)) for route in table.routes]
    selections = [(route, select(route.series.inputs)) for route, lines in compared if _all(lines)]
    chosen = min(selections, key=lambda one: _distance(one[1]), default=None)
    route, selection = chosen if chosen is not None else (None, select(()))
    found = {fitting.name: of_route for fitting, of_route in selections}
    explanation = Explanation(
        route=route.name if route is not None else "",
        sentence=selection.sentence if route is not None else _no_route(compared),
        routes=[_line(one, lines, found.get(one.name), route) for one, lines in compared],
        series=_series(selection),
    )
    return Routed(route, by_name[route.pipeline] if route is not None else None, selection, explanation)


def _all(lines: Sequence[Check]) -> bool:
    return all(check.fits for check in lines)


def _distance(selection: Selection) -> tuple[bool, bool, int]:
    """A broken series comes closer to what is asked for than a missing one."""
    return (not selection.usable, not selection.unusable, len(selection.missing))


def _no_route(compared: Sequence[tuple[Route, Sequence[Check]]]) -> str:
    reasons = [f"{route.name}: {next(check.reason for check in lines if not check.fits)}" for route, lines in compared]
    return f"No route fits this study ({'; '.join(reasons)})."


def _line(route: Route, lines: Sequence[Check], selection: Selection | None, chosen: Route | None) -> RouteLine:
    if selection is None:
        reason = "the study does not fit"
    elif route is chosen:
        reason = selection.sentence
    elif selection.usable:
        reason = "another route stands before it"
    else:
        reason = selection.sentence
    return RouteLine(
        name=route.name,
        pipeline=route.pipeline,
        fits=selection is not None,
        chosen=route is chosen,
        checks=[CheckLine(line=check.line, fits=check.fits, reason=check.reason) for check in lines],
        reason=reason,
    )


def _series(selection: Selection) -> list[SeriesRoleLine]:
    return [
        SeriesRoleLine(
            series_number=choice.candidate.series_number,
            modality=choice.candidate.modality,
            instance_count=choice.candidate.instance_count,
            recognised=choice.recognised,
            role=choice.role,
            reason=choice.reason,
        )
        for choice in selection.choices
    ]
