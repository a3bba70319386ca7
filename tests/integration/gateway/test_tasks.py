"""The gateway's background process as it runs on a site: real archives, real Redis, a test in the worker's place."""

from __future__ import annotations

import json
import signal
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from redis import Redis

from demo.installation import System
from demo.processes import RunningSystem
from gateway import flow, queues
from processing.domain.case import CaseState
from processing.domain.errors import Transient
from processing.domain.messages import (
    GATEWAY_QUEUE,
    OUTCOME_TASK,
    PIPELINE_QUEUE,
    PROGRESS_TASK,
    RUN_JOB_TASK,
    JobOrder,
    JobOutcome,
    JobProgress,
    OutcomeStatus,
)
from tests.integration.gateway.conftest import Gateway, close, make_gateway
from tests.integration.gateway.sending import empty_clinical_archive, send
from tests.unit.gateway.brain_studies import Person, study

DEADLINE_S = 60
BACKGROUND = "gateway-tasks"


@pytest.fixture
def background(archives: System, tmp_path: Path) -> Iterator[tuple[RunningSystem, Gateway]]:
    """The background process, with a database of its own, on a clinical archive that is empty."""
    empty_clinical_archive(archives)
    own = replace(archives, database_url=f"sqlite:///{tmp_path / 'gateway.db'}")
    with RunningSystem(own, only=(BACKGROUND,)) as running:
        gateway = make_gateway(own, own.database_url)
        yield running, gateway
        close(gateway)


@pytest.fixture
def broker(archives: System) -> Iterator[Redis]:
    with Redis(port=archives.ports.redis) as redis:
        redis.delete(PIPELINE_QUEUE)
        yield redis


@pytest.fixture
def worker(archives: System) -> Iterator[Celery]:
    """What a worker says goes to the gateway's queue through this."""
    with Celery(broker=f"redis://127.0.0.1:{archives.ports.redis}/0") as app:
        yield app


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.2)


def _take_order(redis: Redis) -> JobOrder:
    taken = redis.blpop([PIPELINE_QUEUE], timeout=DEADLINE_S)
    assert taken is not None, "no order came"
    message: dict[str, Any] = json.loads(taken[1])
    assert message["headers"]["task"] == RUN_JOB_TASK
    ((body,), _, _) = json.loads(b64decode(message["body"]))
    return JobOrder.model_validate(body)


def _say(worker: Celery, task: str, message: JobProgress | JobOutcome) -> None:
    worker.send_task(task, args=[message.model_dump(mode="json")], queue=GATEWAY_QUEUE)


def _outcome(order: JobOrder) -> JobOutcome:
    return JobOutcome(job_id=order.job_id, attempt=order.attempt, status=OutcomeStatus.SUCCEEDED)


def test_a_study_goes_all_the_way_to_review_while_processes_are_killed(
    archives: System, background: tuple[RunningSystem, Gateway], broker: Redis, worker: Celery
) -> None:
    running, gateway = background
    person = Person()
    _, prior = study(person, "20220301", "FLAIR")
    current_uid, current = study(person, "20230405", "FLAIR")
    send(archives, prior)

    running.stop_service(BACKGROUND, signal.SIGKILL)
    send(archives, current)
    running.start_service(BACKGROUND)

    order = _take_order(broker)
    _until(lambda: gateway.state(current_uid) is CaseState.QUEUED, "queued")
    assert order == gateway.order(current_uid)

    _say(worker, PROGRESS_TASK, JobProgress(job_id=order.job_id, attempt=1, stage="register", fraction=0.4))
    _until(lambda: gateway.state(current_uid) is CaseState.RUNNING, "running")

    running.stop_service(BACKGROUND, signal.SIGKILL)
    for _ in range(2):
        _say(worker, OUTCOME_TASK, _outcome(order))
    worker.send_task(OUTCOME_TASK, args=[{"nonsense": True}], queue=GATEWAY_QUEUE)
    running.start_service(BACKGROUND)

    _until(lambda: gateway.state(current_uid) is CaseState.READY_FOR_REVIEW, "ready for review")
    events = [event.event for event in gateway.case(current_uid).events]
    assert events.count("result stored") == 1
    assert broker.llen(PIPELINE_QUEUE) == 0


def test_no_identity_is_logged(archives: System, background: tuple[RunningSystem, Gateway], broker: Redis) -> None:
    running, gateway = background
    person = Person(name="Xylander^Quirin")
    _, prior = study(person, "20220301", "FLAIR")
    current_uid, current = study(person, "20230405", "FLAIR", "T1")
    broken_uid, broken = study(Person(name="Xylander^Zoe"), "20230405", "FLAIR")
    broken[4].PixelData = b""
    send(archives, prior + current + broken[:6])
    _take_order(broker)
    _until(lambda: gateway.state(current_uid) is CaseState.QUEUED, "queued")
    log = (running.system.home / "logs" / f"{BACKGROUND}.log").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert {"case opened", "study complete", "job ordered"} <= {line["event"] for line in lines}
    secrets = [person.patient_id, "Xylander", current_uid, broken_uid, str(current[0].SeriesInstanceUID), "1.2.840"]
    assert [secret for secret in secrets if secret in log] == []


def test_while_redis_is_away_the_order_waits_in_the_outbox(archives: System, gateway: Gateway) -> None:
    person = Person()
    _, prior = study(person, "20220301", "FLAIR")
    current_uid, current = study(person, "20230405", "FLAIR")
    send(archives, prior + current)
    gateway.receive_and_prepare()
    queues.app.conf.broker_url = "redis://127.0.0.1:9/0"
    with pytest.raises(Transient, match="broker"):
        flow.relay_outbox(gateway.services, queues.send_to_broker)
    assert gateway.state(current_uid) is CaseState.PSEUDONYMISED
    sent: list[str] = []
    # The archive is shared with the other tests, whose orders may wait too.
    assert flow.relay_outbox(gateway.services, lambda _queue, _task, body: sent.append(body["case_id"])) == len(sent)
    assert sent.count(gateway.case(current_uid).case_id) == 1
