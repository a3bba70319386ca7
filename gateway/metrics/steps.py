"""What the gateway's background process counts while it works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from time import monotonic
from types import TracebackType

from prometheus_client import CollectorRegistry, Counter, Histogram

from processing.domain.messages import JobOutcome

_FAST = (0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300)
_SLOW = (1, 2, 5, 10, 20, 40, 80, 160, 320, 640, 1280)

registry = CollectorRegistry()
STEP_SECONDS = Histogram(
    "interval_step_seconds", "How long a run of a step took.", ["step"], buckets=_FAST, registry=registry
)
STEP_FAILURES = Counter(
    "interval_step_failures", "Runs of a step that failed, by the error's class.", ["step", "error"], registry=registry
)
JOB_SECONDS = Histogram("interval_job_seconds", "How long jobs took.", ["outcome"], buckets=_SLOW, registry=registry)
STAGE_SECONDS = Histogram(
    "interval_stage_seconds", "How long each stage of the jobs took.", ["stage"], buckets=_SLOW, registry=registry
)


@contextmanager
def timed(step: str) -> Iterator[None]:
    """Measure a run of a step, and count it when it fails; the error goes on."""
    began = monotonic()

    def ended(kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        STEP_SECONDS.labels(step).observe(monotonic() - began)
        if kind is not None and issubclass(kind, Exception):
            STEP_FAILURES.labels(step, kind.__name__).inc()

    with ExitStack() as stack:
        stack.push(ended)
        yield


def count_outcome(outcome: JobOutcome) -> None:
    """Count how a job ended and what took how long."""
    JOB_SECONDS.labels(outcome.status.value).observe(outcome.duration_s)
    for stage, seconds in outcome.stage_durations_s.items():
        STAGE_SECONDS.labels(stage).observe(seconds)
