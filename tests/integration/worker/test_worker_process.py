"""The worker as it is deployed: a process of its own between Redis and the research archive."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from demo.installation import REPOSITORY, System
from processing.dicom.archive import DicomWebArchive
from processing.domain.messages import JobOrder, JobProgress, OutcomeStatus
from processing.worker.deliveries import MOST_DEATHS
from tests.integration.worker.gateway_side import WAIT_S, Gateway, order_of_a_ball

Start = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def gateway(archives: System) -> Iterator[Gateway]:
    opened = Gateway(f"redis://127.0.0.1:{archives.ports.redis}/0")
    yield opened
    opened.close()


def temporary(tmp_path: Path) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def start_worker(archives: System, tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        with (tmp_path / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "processing.worker"],
                cwd=REPOSITORY,
                env=archives.worker_environment() | {"TMPDIR": str(temporary(tmp_path))},
                stdout=log,
                stderr=log,
                # A group of its own, so that its child processes can be ended with it.
                start_new_session=True,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture
def order(archives: System, tmp_path: Path) -> JobOrder:
    with DicomWebArchive(f"{archives.research_url}/dicom-web", "worker", archives.secret("research-worker")) as archive:
        return order_of_a_ball(archive, tmp_path)


def test_an_order_goes_in_and_an_outcome_comes_out(
    gateway: Gateway, start_worker: Start, order: JobOrder, tmp_path: Path
) -> None:
    worker = start_worker()
    gateway.send(order)
    first = gateway.take()
    assert isinstance(first, JobProgress)
    assert (first.job_id, first.stage) == ("job-int-1", "reading current FLAIR")
    outcome = gateway.outcome()
    assert outcome.job_id == "job-int-1"
    # The ball is no brain: whatever the pipeline says, it says it as an outcome of its own.
    assert outcome.status is not OutcomeStatus.TRANSIENT
    unknown = order.model_copy(update={"job_id": "job-int-2", "version": "0.0.0"})
    gateway.send(unknown)
    outcome = gateway.outcome()
    assert (outcome.job_id, outcome.status) == ("job-int-2", OutcomeStatus.REJECTED)
    log = (tmp_path / "worker.log").read_text(encoding="utf-8")
    assert "job-int-1" in log
    for secret in (order.current.study_instance_uid, order.require_prior().study_instance_uid, "Demo^Interval"):
        assert secret not in log
    worker.terminate()
    worker.wait(timeout=WAIT_S)
    assert list(temporary(tmp_path).glob("interval-*")) == []


def kill_children(worker: subprocess.Popen[bytes]) -> None:
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text(encoding="utf-8").split()
    assert children
    for pid in children:
        os.kill(int(pid), signal.SIGKILL)


def test_an_order_that_kills_its_worker_each_time_is_given_up(
    gateway: Gateway, start_worker: Start, order: JobOrder
) -> None:
    worker = start_worker()
    gateway.send(order.model_copy(update={"job_id": "job-int-4"}))
    begun = 0
    while isinstance(said := gateway.take(), JobProgress):
        if said.stage == "reading current FLAIR":
            begun += 1
            kill_children(worker)
    assert begun == MOST_DEATHS
    assert (said.job_id, said.status) == ("job-int-4", OutcomeStatus.DEFECT)
    assert said.reason == "The worker was killed 3 times by this order."
    # It is the order that is given up, not its worker; and a new attempt of the same job begins from nothing.
    gateway.send(order.model_copy(update={"job_id": "job-int-4", "attempt": 2}))
    again = gateway.outcome()
    assert (again.attempt, again.reason == said.reason) == (2, False)


def test_an_order_survives_the_death_of_its_worker(gateway: Gateway, start_worker: Start, order: JobOrder) -> None:
    first = start_worker()
    gateway.send(order.model_copy(update={"job_id": "job-int-3"}))
    first_line = gateway.take()
    assert isinstance(first_line, JobProgress)
    assert (first_line.job_id, first_line.stage) == ("job-int-3", "reading current FLAIR")
    kill_children(first)
    # The worker notices, hands the order out again, and a new child begins at the beginning.
    stages: list[str] = []
    while isinstance(said := gateway.take(), JobProgress):
        stages.append(said.stage)
    assert first_line.stage in stages
    assert said.job_id == "job-int-3"


def test_an_outcome_waits_until_the_broker_takes_it(
    archives: System, gateway: Gateway, start_worker: Start, order: JobOrder, tmp_path: Path
) -> None:
    start_worker()
    gateway.send(order.model_copy(update={"job_id": "job-int-5"}))
    assert isinstance(gateway.take(), JobProgress)
    with Redis(port=archives.ports.redis) as redis:
        # As with a full disk: Redis answers, and refuses every write.
        redis.config_set("min-replicas-to-write", 1)
        try:
            deadline = time.monotonic() + WAIT_S
            while "outcome not sent yet" not in (tmp_path / "worker.log").read_text(encoding="utf-8"):
                assert time.monotonic() < deadline
                time.sleep(0.1)
        finally:
            redis.config_set("min-replicas-to-write", 0)
    outcome = gateway.outcome()
    assert (outcome.job_id, outcome.status is OutcomeStatus.TRANSIENT) == ("job-int-5", False)
    assert "unexpected" not in outcome.reason
