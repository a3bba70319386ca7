"""The gateway's background process: ``python -m gateway.tasks``.

One Celery worker with threads and an embedded clock. The clock puts short tasks on the gateway's queue, each of which
does whatever is due; processing workers put their progress and outcomes there. This is one of the two borders at
which every exception is caught: it becomes an event of the case, and the process goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any

from celery import Celery, Task, signals
from kombu.exceptions import OperationalError as BrokerError
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from gateway import flow
from gateway.db.engine import upgrade
from gateway.flow import Services
from gateway.jobs import store
from gateway.log import configure_logging, get_logger
from gateway.settings import Settings
from processing.domain.case import CaseState
from processing.domain.errors import IntervalError, Transient
from processing.domain.messages import (
    GATEWAY_QUEUE,
    OUTCOME_TASK,
    PROGRESS_TASK,
    JobOutcome,
    JobProgress,
)

log = get_logger(__name__)

TICK_S = 1.0
SWEEP_EVERY_S = 5.0
RECONCILED_PERIOD = timedelta(days=2)
THREADS = 6
"""One for each task that may take long, and enough for those that must not wait for them."""
CASES_PER_TICK = 4
"""How many cases one run of a task takes on, so that no message stays unacknowledged for long."""

UNEXPECTED = "An unexpected error stopped this step. It was logged; the case can be tried again."

app = Celery("gateway")
app.conf.update(
    accept_content=["json"],
    task_serializer="json",
    result_serializer="json",
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_default_queue=GATEWAY_QUEUE,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
    enable_utc=True,
    timezone="UTC",
    beat_schedule={},
    # In memory: every task looks for what is due by itself, so there is nothing to remember over a restart.
    beat_scheduler="celery.beat:Scheduler",
    beat_max_loop_interval=TICK_S,
    broker_transport_options={
        "visibility_timeout": 600,
        "unacked_restore_interval": 2,
        "unacked_restore_throttle": 1,
        "queue_order_strategy": "priority",
        "socket_connect_timeout": 5,
        # A consumer puts back every overdue message under its key, also another's: workers have longer timeouts.
        "unacked_key": "gateway-unacked",
        "unacked_index_key": "gateway-unacked-index",
        "unacked_mutex_key": "gateway-unacked-mutex",
    },
)


@lru_cache(maxsize=1)
def services() -> Services:
    """Return this process's services, composed from its settings at the first use."""
    return flow.build_services(Settings())


def send_to_broker(queue: str, task: str, body: Mapping[str, Any]) -> None:
    """Send a message to a queue; raises Transient when the broker can't be reached."""
    try:
        app.send_task(task, args=[dict(body)], queue=queue, retry=False)
    except (BrokerError, OSError) as error:
        raise Transient("The message broker can't be reached.") from error


def _periodic(name: str, every_s: float) -> Callable[[Callable[[Services], object]], Task]:
    """Register a step that runs every so often, never twice at a time in this process."""

    def register(step: Callable[[Services], object]) -> Task:
        running = threading.Lock()

        def run() -> None:
            if not running.acquire(blocking=False):
                return
            try:
                step(services())
            except Transient as error:
                log.warning("step put off", step=name, error=type(error.__cause__ or error).__name__)
            except Exception:  # the border: the next tick tries again
                log.exception("step failed", step=name)
            finally:
                running.release()

        app.conf.beat_schedule[name] = {"task": name, "schedule": every_s, "options": {"expires": max(2 * every_s, 2)}}
        return app.task(name=name)(run)

    return register


def _each_due_case(states: tuple[CaseState, ...], name: str, step: Callable[[Services, str], bool]) -> None:
    """Run a step on the cases that are due; what goes wrong with one of them stays with it."""
    with services().sessions() as session:
        due = store.due_cases(session, states, now=services().clock(), limit=CASES_PER_TICK)
    for case_id in due:
        try:
            step(services(), case_id)
        except Exception as error:  # the border: it becomes an event of the case
            log.exception("step failed", step=name, case_id=case_id)
            reason = error.reason if isinstance(error, IntervalError) else UNEXPECTED
            flow.fail(services(), case_id, name, reason, states=states)


@_periodic("gateway.receive", TICK_S)
def receive(live: Services) -> None:
    """Take in what arrived, and let quiet studies be complete."""
    flow.follow_changes(live)
    flow.settle(live)


@_periodic("gateway.prepare", TICK_S)
def prepare(_: Services) -> None:
    """Prepare complete studies."""
    _each_due_case((CaseState.COMPLETE,), "prepare", flow.prepare)


@_periodic("gateway.relay", TICK_S)
def relay(live: Services) -> None:
    """Send the orders that wait in the outbox."""
    flow.relay_outbox(live, send_to_broker)


@_periodic("gateway.dispatch", TICK_S)
def dispatch(_: Services) -> None:
    """Deliver signed cases."""
    _each_due_case((CaseState.SIGNED, CaseState.DISPATCHING), "dispatch", flow.dispatch)


@_periodic("gateway.sweep", SWEEP_EVERY_S)
def sweep(live: Services) -> None:
    """Find what got lost."""
    flow.sweep_up(live)


def reconcile_recent(live: Services) -> None:
    """Compare the archive's recent studies with the cases."""
    flow.reconcile(live, RECONCILED_PERIOD)


def record_progress(message: dict[str, Any]) -> None:
    """Note what a worker does; a line that can't be noted is not worth a second try."""
    try:
        flow.record_progress(services(), JobProgress.model_validate(message))
    except Exception:  # the border: the next line comes in a moment
        log.exception("progress not recorded")


def record_outcome(task: Task, message: dict[str, Any]) -> None:
    """Note how an order ended; while the database is away the message stays in the queue."""
    try:
        flow.record_outcome(services(), JobOutcome.model_validate(message))
    except ValidationError:
        # The sweep will find the job silent and order it again, or give it up: it is not lost.
        log.exception("outcome can't be understood")
    except DBAPIError as error:
        log.warning("outcome put off", error=type(error).__name__)
        raise task.retry(countdown=2) from error
    except Exception:  # the border: the sweep finds the silent job
        log.exception("outcome not recorded")


def _keep_our_logging(**_: object) -> None:
    """Celery asks here before it sets up a log of its own; ours is set up already."""


app.task(name=PROGRESS_TASK)(record_progress)
app.task(name=OUTCOME_TASK, bind=True, max_retries=None)(record_outcome)
signals.setup_logging.connect(_keep_our_logging)


def main() -> None:
    """Run the background process until it is told to stop."""
    configure_logging()
    settings = Settings()
    upgrade(settings.database)
    app.conf.broker_url = settings.broker_url
    _periodic("gateway.reconcile", settings.reconcile_every_s)(reconcile_recent)
    flow.require_known_keys(services())
    try:
        flow.reconcile(services())
    except Transient:
        log.warning("archive not reached yet", step="reconcile")
    app.worker_main(
        [
            *("--quiet", "worker", "--beat", "--pool=threads", f"--concurrency={THREADS}", f"--queues={GATEWAY_QUEUE}"),
            *("--without-gossip", "--without-mingle", "--hostname=gateway@%h", "--loglevel=INFO"),
        ]
    )


if __name__ == "__main__":
    main()
