"""The worker as a Celery application.

Orders are acknowledged when they are done: a worker that dies gives its order back to the queue, until one order has
killed it too often. Which attempt is the last is the gateway's decision, in its database.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import lru_cache

import SimpleITK
from celery import Celery, signals
from kombu.exceptions import OperationalError
from pydantic import BaseModel
from redis.exceptions import RedisError

from processing.broker import celery_options, redis_options
from processing.dicom.archive import DicomWebArchive
from processing.domain.messages import (
    GATEWAY_QUEUE,
    OUTCOME_TASK,
    PIPELINE_QUEUE,
    PROGRESS_TASK,
    RUN_JOB_TASK,
    JobOutcome,
    JobProgress,
)
from processing.worker.deliveries import MOST_DEATHS, counted
from processing.worker.log import configure_logging, get_logger
from processing.worker.metrics import count
from processing.worker.run_job import given_up, run_job
from processing.worker.settings import WorkerSettings

log = get_logger(__name__)

_ORDERS_PER_PROCESS = 50
"""A process is replaced after so many, so that a leak in a library stays small."""

OUTCOME_PATIENCE_S = 600.0
"""After so long the outcome is given up; the gateway will find the job silent and order it again."""

_OUTCOME_EVERY_S = 2.0

BROKER_AWAY = (OperationalError, RedisError, OSError)
"""What sending raises while Redis is gone, comes back, or refuses to write because its disk is full."""

app = Celery("processing")
app.conf.update(**celery_options(PIPELINE_QUEUE), worker_max_tasks_per_child=_ORDERS_PER_PROCESS)


@lru_cache(maxsize=1)
def settings() -> WorkerSettings:
    """Return the settings, read once per process."""
    return WorkerSettings()


def configure(chosen: WorkerSettings) -> Celery:
    """Give the application its broker and its limits."""
    app.conf.update(
        broker_url=chosen.broker,
        task_soft_time_limit=chosen.job_time_limit_s,
        # The soft limit ends an order with an outcome; the hard one is for code that doesn't listen.
        task_time_limit=chosen.job_time_limit_s + 60,
        worker_concurrency=chosen.worker_processes,
        broker_transport_options=redis_options(chosen.visibility_timeout_s),
    )
    return app


def _send(task: str, message: BaseModel) -> None:
    app.send_task(task, args=[message.model_dump(mode="json")], queue=GATEWAY_QUEUE, retry=False)


def tell_progress(progress: JobProgress) -> None:
    """Send a line of progress; one that can't be sent is not worth waiting for."""
    try:
        _send(PROGRESS_TASK, progress)
    except BROKER_AWAY:
        log.warning("progress not sent", job_id=progress.job_id, attempt=progress.attempt)


def tell_outcome(outcome: JobOutcome) -> None:
    """Send an outcome, however long the broker is away or has no room: measuring it again takes longer than waiting."""
    deadline = time.monotonic() + OUTCOME_PATIENCE_S
    while True:
        try:
            _send(OUTCOME_TASK, outcome)
        except BROKER_AWAY:
            if time.monotonic() > deadline:
                raise
            log.warning("outcome not sent yet", job_id=outcome.job_id, attempt=outcome.attempt)
            time.sleep(_OUTCOME_EVERY_S)
        else:
            return


def run_order(message: Mapping[str, object]) -> None:
    """Carry out one order and send its outcome to the gateway."""
    chosen = settings()
    forget_after_s = 2 * MOST_DEATHS * chosen.visibility_timeout_s
    with counted(chosen.broker, message, forget_after_s=forget_after_s) as deaths:
        if deaths >= MOST_DEATHS:
            outcome = given_up(message, deaths)
        else:
            with DicomWebArchive(
                chosen.research_dicomweb_url, chosen.research_user, chosen.research_password
            ) as archive:
                outcome = run_job(message, archive, tell_progress)
        if outcome is not None:
            count(message, outcome)
            tell_outcome(outcome)


def _keep_our_logging(**_: object) -> None:
    """Celery asks here before it sets up a log of its own."""
    configure_logging()


def _limit_threads(**_: object) -> None:
    """Keep ITK to the threads of one order; numeric libraries read theirs from the environment (`__main__`)."""
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(settings().worker_threads)


app.task(name=RUN_JOB_TASK)(run_order)
signals.setup_logging.connect(_keep_our_logging)
signals.worker_process_init.connect(_limit_threads)
