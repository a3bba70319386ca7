"""Which figures each process of the gateway shows, where its settings give it a port for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from gateway.flow import Services
from gateway.metrics import steps
from gateway.metrics.figures import DatabaseFigures
from processing.exposition import Exposition

Components = Callable[[], Mapping[str, str]]


def expose_api(services: Services, components: Components) -> Exposition | None:
    """Show the database's figures and what is wrong with each component."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(DatabaseFigures(services, components))
    return _started(services, registry, components)


def expose_tasks(services: Services, why_still: Callable[[], str]) -> Exposition | None:
    """Show what the background process counts while it works, and why it does nothing when it doesn't."""

    def readiness() -> dict[str, str]:
        return {"database": _database(services), "clock": why_still()}

    ProcessCollector(registry=steps.registry)
    return _started(services, steps.registry, readiness)


def _started(services: Services, registry: CollectorRegistry, components: Components) -> Exposition | None:
    settings = services.settings
    if not settings.metrics_port:
        return None
    exposition = Exposition(registry, components)
    exposition.start(settings.metrics_host, settings.metrics_port)
    return exposition


def _database(services: Services) -> str:
    try:
        with services.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return "The database does not answer."
    return ""
