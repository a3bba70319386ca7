"""A case's way as one trace."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from gateway.db.tables import Case
from gateway.flow import Services
from gateway.jobs import store
from gateway.metrics.traces import Traces, way_of
from processing.domain.case import CaseEvent, CaseState
from processing.domain.messages import JobOutcome, OutcomeStatus
from tests.unit.gateway.rows import NOW, WAYS, add_case, order

pytest.importorskip("opentelemetry.sdk", reason="the extra `tracing` is not installed")
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


def archived(services: Services) -> str:
    """A case with a minute between its events."""
    with services.sessions.begin() as session:
        case = add_case(session, CaseState.RECEIVING)
        at = NOW
        for event in WAYS[CaseState.ARCHIVED]:
            at += timedelta(minutes=1)
            if event is CaseEvent.PSEUDONYMISED:
                order(session, case, at=at)
            if event is CaseEvent.SUCCEEDED:
                store.record(session, case, CaseEvent.STARTED, actor="worker", at=at - timedelta(seconds=40))
                session.flush()
                session.refresh(case)
                (job,) = case.jobs
                stages = {"brain": 10.0, "register": 25.0}
                outcome = JobOutcome(
                    job_id=job.job_id, attempt=1, status=OutcomeStatus.SUCCEEDED, stage_durations_s=stages
                )
                job.outcome = outcome.model_dump(mode="json")
            store.record(session, case, event, actor="Möller^Ida", detail="Möller^Ida", at=at)
        return case.case_id


def test_the_way_goes_from_the_first_image_to_the_archive(services: Services) -> None:
    case_id = archived(services)
    with services.sessions() as session:
        case = store.get_case(session, case_id)
        assert case is not None
        way = way_of(case)
    assert [one.name for one in way if not one.within] == [
        *("receiving", "complete", "pseudonymised", "queued", "running"),
        *("ready for review", "signed", "dispatching"),
    ]
    assert [(one.name, (one.ended - one.began).total_seconds()) for one in way if one.within == "running"] == [
        ("brain", 10.0),
        ("register", 25.0),
    ]


def test_one_trace_a_case_named_after_it_and_naming_nobody(services: Services) -> None:
    case_id = archived(services)
    exporter = InMemorySpanExporter()
    traces = Traces(exporter, NOW)
    assert traces.send_ended(services) == 1
    assert traces.send_ended(services) == 0, "nothing is sent twice"
    traces.close()
    spans = exporter.get_finished_spans()
    assert {span.context.trace_id for span in spans if span.context is not None} == {uuid.UUID(case_id).int}
    (whole,) = [span for span in spans if span.parent is None]
    assert whole.end_time is not None
    assert whole.start_time is not None
    with services.sessions() as session:
        events = session.get_one(Case, case_id).events
        assert (whole.end_time - whole.start_time) / 1e9 == (events[-1].at - events[0].at).total_seconds()
    names = {span.name: span for span in spans}
    running, register = names["running"], names["register"]
    assert running.context is not None
    assert register.parent is not None
    assert register.parent.span_id == running.context.span_id
    assert "Möller" not in "".join(span.to_json() for span in spans)
