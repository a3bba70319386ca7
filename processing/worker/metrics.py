"""What a worker counts. Orders run in child processes, whose figures are kept in files and added up when asked for."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import redis
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

from processing.authorities import believed, not_believed
from processing.domain.messages import JobOutcome
from processing.exposition import Exposition
from processing.pipelines.registry import SPECS
from processing.worker.settings import WorkerSettings

SECONDS = (1, 2, 5, 10, 20, 40, 80, 160, 320, 640, 1280)

_TIMEOUT_S = 2.0
_PIPELINES = frozenset(spec.name for spec in SPECS)

registry = CollectorRegistry()
ORDERS = Counter("interval_worker_orders", "Orders that ended, by how.", ["pipeline", "outcome"], registry=registry)
ORDER_SECONDS = Histogram(
    "interval_worker_order_seconds", "How long orders took.", ["pipeline"], buckets=SECONDS, registry=registry
)
STAGE_SECONDS = Histogram(
    "interval_worker_stage_seconds",
    "How long each stage took.",
    ["pipeline", "stage"],
    buckets=SECONDS,
    registry=registry,
)


def count(message: Mapping[str, object], outcome: JobOutcome) -> None:
    """Count an order that ended. An unknown name is not repeated: it came from outside."""
    name = str(message.get("pipeline"))
    pipeline = name if name in _PIPELINES else "unknown"
    ORDERS.labels(pipeline, outcome.status.value).inc()
    ORDER_SECONDS.labels(pipeline).observe(outcome.duration_s)
    for stage, seconds in outcome.stage_durations_s.items():
        STAGE_SECONDS.labels(pipeline, stage).observe(seconds)


def expose(settings: WorkerSettings) -> Exposition | None:
    """Answer /metrics, /health and /ready where the settings say so."""
    if not settings.metrics_port:
        return None
    added_up = CollectorRegistry()
    MultiProcessCollector(added_up)  # type: ignore[no-untyped-call]  # the library has no types there
    exposition = Exposition(added_up, lambda: _readiness(settings))
    exposition.start(settings.metrics_host, settings.metrics_port)
    return exposition


def _readiness(settings: WorkerSettings) -> dict[str, str]:
    return {"broker": _broker(settings), "research archive": _archive(settings)}


def _broker(settings: WorkerSettings) -> str:
    try:
        with redis.Redis.from_url(settings.broker, socket_timeout=_TIMEOUT_S) as broker:
            broker.ping()
    except (redis.RedisError, OSError, ValueError) as away:
        return "The broker's certificate is not believed." if not_believed(away) else "The broker does not answer."
    return ""


def _archive(settings: WorkerSettings) -> str:
    account = (settings.research_user, settings.research_password)
    try:
        answer = httpx.get(
            f"{settings.research_url}/system", auth=account, timeout=_TIMEOUT_S, verify=believed(), trust_env=False
        )
    except httpx.HTTPError as away:
        return "The archive's certificate is not believed." if not_believed(away) else "The archive does not answer."
    return "" if answer.is_success else "The archive refuses the worker's account or answers with an error."
