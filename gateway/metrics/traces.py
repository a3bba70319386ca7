"""The whole way of a case as one trace, written from its own history when it has come to an end (OpenTelemetry).

A trace's id is the case's id, a span stands for a state, and the stages of a job lie within it. The history is the
source, so that a restart anywhere on the way leaves no hole in it. Nothing but states, versions and times is in it.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from gateway.db.tables import Case, Job
from gateway.flow import Services
from gateway.jobs import store
from gateway.log import get_logger
from processing.domain.case import CaseState
from processing.domain.messages import JobOutcome

if TYPE_CHECKING:  # an extra that most sites do without
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

log = get_logger(__name__)

ENDS = (CaseState.ARCHIVED.value, CaseState.BASELINE.value, CaseState.NOT_ROUTED.value, CaseState.QUARANTINED.value)
_MOST_AT_ONCE = 200


@dataclass(frozen=True)
class Stretch:
    """A part of a case's way: a state, or a stage of its job."""

    name: str
    began: datetime
    ended: datetime
    within: str = ""
    """Name of the state that a stage lies in."""


def way_of(case: Case) -> list[Stretch]:
    """Return what a case went through, from its events and its job's outcome; needs both loaded."""
    states = [
        Stretch(event.to_state, event.at, after.at)
        for event, after in zip(case.events, case.events[1:], strict=False)
        if after.at > event.at
    ]
    running = next((one for one in reversed(states) if one.name == CaseState.RUNNING.value), None)
    return states + (_stages(case.jobs, running) if running is not None else [])


def _stages(jobs: Sequence[Job], running: Stretch) -> list[Stretch]:
    outcome = next((job.outcome for job in reversed(jobs) if job.outcome is not None), None)
    if outcome is None:
        return []
    stages, began = [], running.began
    for name, seconds in JobOutcome.model_validate(outcome).stage_durations_s.items():
        ended = began + timedelta(seconds=seconds)
        stages.append(Stretch(name, began, ended, within=running.name))
        began = ended
    return stages


class Traces:
    """Sends the way of each case that came to an end since the last time.

    Parameters
    ----------
    exporter : SpanExporter
    since : datetime
        Cases that ended before it were not seen by this process.
    """

    def __init__(self, exporter: SpanExporter, since: datetime) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

        class CaseIds(RandomIdGenerator):
            """Names a trace after its case."""

            case_id = ""

            def generate_trace_id(self) -> int:
                return uuid.UUID(self.case_id).int

        self._ids = CaseIds()
        self._provider: TracerProvider = TracerProvider(
            resource=Resource.create({"service.name": "interval"}), id_generator=self._ids
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._since = since

    def send_ended(self, services: Services) -> int:
        """Send what ended since the last call; returns how many cases."""
        with services.sessions() as session:
            ended = select(Case.case_id, Case.changed_at).where(Case.state.in_(ENDS), Case.changed_at > self._since)
            rows = session.execute(ended.order_by(Case.changed_at).limit(_MOST_AT_ONCE)).all()
            for row in rows:
                case = store.get_case(session, row.case_id)
                if case is not None:
                    self._send(case)
                self._since = row.changed_at
        return len(rows)

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()

    def _send(self, case: Case) -> None:
        from opentelemetry.trace import set_span_in_context

        way = way_of(case)
        if not way:
            return
        tracer = self._provider.get_tracer("gateway")
        self._ids.case_id = case.case_id
        facts = {"state": case.state, "pipeline": case.pipeline, "version": case.version, "priority": case.priority}
        whole = tracer.start_span("case", start_time=_ns(way[0].began), attributes=facts)
        spans: dict[str, Span] = {}
        for one in way:
            parent = set_span_in_context(spans.get(one.within, whole))
            span = tracer.start_span(one.name, context=parent, start_time=_ns(one.began))
            spans[one.name] = span
            span.end(_ns(one.ended))
        whole.end(_ns(case.events[-1].at))


def open_traces(url: str) -> Traces:
    """Return what sends traces to an OTLP/HTTP address.

    Raises
    ------
    ValueError
        If OpenTelemetry is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as missing:
        raise ValueError("INTERVAL_TRACES_URL needs the extra `tracing`: pip install 'interval[tracing]'") from missing
    return Traces(OTLPSpanExporter(endpoint=url), datetime.now(UTC))


def _ns(at: datetime) -> int:
    return int(at.timestamp() * 1e9)
