"""Which pipeline a study is routed to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.cases.select import Selection
from processing.domain.study import SeriesInput
from processing.pipelines.spec import PipelineSpec


@dataclass(frozen=True)
class Route:
    """A pipeline and the series that it would get."""

    spec: PipelineSpec
    selection: Selection


def route(specs: Sequence[PipelineSpec], select: Callable[[Sequence[SeriesInput]], Selection]) -> Route:
    """Return the first pipeline whose required series the study has.

    Parameters
    ----------
    specs : sequence of PipelineSpec
        In order of preference; at least one.
    select : callable
        Selects the study's series for a pipeline's inputs.

    Returns
    -------
    Route
        When no pipeline fits, the one that comes closest: its selection says what is missing.
    """
    routes = [Route(spec, select(spec.inputs)) for spec in specs]
    return min(
        routes, key=lambda one: (not one.selection.usable, not one.selection.unusable, len(one.selection.missing))
    )
