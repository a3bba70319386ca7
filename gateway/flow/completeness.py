"""How long a study is waited for: what its route says, and what it lacks of that."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.cases.complete import what_is_missing
from gateway.cases.route import first_fitting
from gateway.clinical_study import ClinicalStudy
from gateway.flow.examination import examine
from gateway.flow.services import Services
from gateway.routes.model import Route


@dataclass(frozen=True)
class Patience:
    """What a study lacks, and how long it is waited for.

    Parameters
    ----------
    missing : str
        A sentence without identity; empty when it lacks nothing.
    quiet_s : float
        Seconds without an image after which it is complete when it lacks nothing.
    longest_s : float
        And when it lacks something.
    """

    missing: str
    quiet_s: float
    longest_s: float


def wait_for(services: Services, study: ClinicalStudy | None) -> Patience:
    """Return how long a study is waited for; one that fits no route is not waited for beyond the quiet time.

    Raises
    ------
    Transient
        If the archive can't be reached.
    """
    settings = services.settings
    if study is None or not study.images:
        return Patience("", settings.quiet_time_s, 0.0)
    examination = examine(services.clinical, study)
    route = first_fitting(services.routes, examination.facts)
    if route is None:
        return Patience("", settings.quiet_time_s, 0.0)
    missing = what_is_missing(examination.candidates, route.series.required, examination.places)
    longest_s = route.complete.longest_wait_s
    return Patience(
        missing, route_quiet_s(route, services), settings.longest_wait_s if longest_s is None else longest_s
    )


def route_quiet_s(route: Route, services: Services) -> float:
    """Return the quiet time of a route."""
    return route.complete.quiet_time_s or services.settings.quiet_time_s
