"""Why a study was routed as it was, in a form that is kept and shown. It holds no identity and no free text."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from processing.domain.study import SeriesRole


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CheckLine(_Line):
    """One line of a route, and whether the study fits it."""

    line: str
    fits: bool
    reason: str


class RouteLine(_Line):
    """One route: whether the study fits it, and whether it has what the route needs."""

    name: str
    pipeline: str
    fits: bool
    chosen: bool
    checks: list[CheckLine]
    reason: str
    """What the study lacks for it, or why another one counts; empty for the chosen one."""


class SeriesRoleLine(_Line):
    """One series: what it was recognised as, and whether it was taken."""

    series_number: int | None
    modality: str
    instance_count: int
    recognised: SeriesRole | None
    """The role that it could play by its physics."""
    role: SeriesRole | None
    """The role that it was taken for."""
    reason: str


class Explanation(_Line):
    """Everything about one study."""

    route: str
    """Empty when no route fits."""
    sentence: str
    """The outcome in a reader's words."""
    routes: list[RouteLine]
    series: list[SeriesRoleLine]
