"""The worker as a Celery application.

Orders are acknowledged when they are done: a worker that dies gives its order back to the queue, until one order has
killed it too often. Which attempt is the last is the gateway's decision, in its database.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import SimpleITK
from celery import Celery, signals
from kombu.exceptions import OperationalError
from pydantic import BaseModel

from processing.dicom.archive import DicomWebArchive
from processing.domain.messages import (
    GATEWAY_QUEUE,
    OUTCOME_TASK,
    PIPELINE_QUEUE,
    PROGRESS_TASK,
    RUN_JOB_TASK,
    JobProgress,
)
from processing.worker.deliveries import MOST_DEATHS, counted
from processing.worker.log import configure_logging, get_logger
from processing.worker.run_job import given_up, run_job
from processing.worker.settings import WorkerSettings

log = get_logger(__name__)

_ORDERS_PER_PROCESS = 50
"""A process is replaced after so many, so that a leak in a library stays small."""

_OUTCOME_RETRIES = 10

app = Celery("processing")
app.conf.update(
    accept_content=["json"],
    task_serializer="json",
    result_serializer="json",
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_default_queue=PIPELINE_QUEUE,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    worker_max_tasks_per_child=_ORDERS_PER_PROCESS,
    broker_connection_retry_on_startup=True,
    enable_utc=True,
    timezone="UTC",
)


@lru_cache(maxsize=1)
def settings() -> WorkerSettings:
    """Return the settings, read once per process."""
    return WorkerSettings()


def configure(chosen: WorkerSettings) -> Celery:
    """Give the application its broker and its limits."""
    app.conf.update(
        broker_url=chosen.broker_url,
        task_soft_time_limit=chosen.job_time_limit_s,
        # The soft limit ends an order with an outcome; the hard one is for code that doesn't listen.
        task_time_limit=chosen.job_time_limit_s + 60,
        worker_concurrency=chosen.worker_processes,
        broker_transport_options={
            "visibility_timeout": chosen.visibility_timeout_s,
            "unacked_restore_interval": 2,
            "unacked_restore_throttle": 1,
            "queue_order_strategy": "priority",
            "socket_connect_timeout": 5,
        },
    )
    return app


def _send(task: str, message: BaseModel, *, retries: int) -> None:
    policy = {"max_retries": retries, "interval_start": 0.2, "interval_step": 0.5, "interval_max": 3.0}
    body = message.model_dump(mode="json")
    app.send_task(task, args=[body], queue=GATEWAY_QUEUE, retry=retries > 0, retry_policy=policy)


def tell_progress(progress: JobProgress) -> None:
    """Send a line of progress; one that can't be sent is not worth waiting for."""
    try:
        _send(PROGRESS_TASK, progress, retries=0)
    except (OperationalError, OSError):
        log.warning("progress not sent", job_id=progress.job_id, attempt=progress.attempt)


def run_order(message: Mapping[str, object]) -> None:
    """Carry out one order and send its outcome to the gateway."""
    chosen = settings()
    forget_after_s = 2 * MOST_DEATHS * chosen.visibility_timeout_s
    with counted(chosen.broker_url, message, forget_after_s=forget_after_s) as deaths:
        if deaths >= MOST_DEATHS:
            outcome = given_up(message, deaths)
        else:
            with DicomWebArchive(
                chosen.research_dicomweb_url, chosen.research_user, chosen.research_password
            ) as archive:
                outcome = run_job(message, archive, tell_progress)
        if outcome is not None:
            _send(OUTCOME_TASK, outcome, retries=_OUTCOME_RETRIES)


def _keep_our_logging(**_: object) -> None:
    """Celery asks here before it sets up a log of its own."""
    configure_logging()


def _limit_threads(**_: object) -> None:
    """Keep ITK to the threads of one order; numeric libraries read theirs from the environment (`__main__`)."""
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(settings().worker_threads)


app.task(name=RUN_JOB_TASK)(run_order)
signals.setup_logging.connect(_keep_our_logging)
signals.worker_process_init.connect(_limit_threads)
