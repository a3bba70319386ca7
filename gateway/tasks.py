"""The gateway's background process: ``python -m gateway.tasks``.

A clock runs each step every so often, in a thread of its own: it does whatever is due, with or without a broker. Beside
it a Celery worker with threads takes what processing workers put on the gateway's queue: progress and outcomes. This
is one of the two borders at which every exception is caught: it becomes an event of the case, and the process goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from celery import Task, signals
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError, OperationalError

from gateway import flow
from gateway.clock import Clock
from gateway.commitment import CommitmentListener
from gateway.db.engine import upgrade
from gateway.db.leader import Leadership
from gateway.flow import Services
from gateway.flow.fast_track import Watch
from gateway.jobs import gates, store
from gateway.jobs.gates import PREPARATION
from gateway.log import configure_logging, get_logger
from gateway.metrics.expose import expose_tasks
from gateway.metrics.steps import count_outcome, timed
from gateway.metrics.traces import open_traces
from gateway.notify.send import channels_of
from gateway.notify.watch import watch
from gateway.queues import app, send_to_broker, waiting_in_broker
from gateway.settings import Settings, TargetKind
from gateway.storage import watched_folders, why_no_room
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
ALERTS_EVERY_S = 30.0
TRACES_EVERY_S = 30.0
RETENTION_EVERY_S = 300.0
RECONCILED_PERIOD = timedelta(days=2)
THREADS = 2
"""For messages: none of them takes long."""
PREPARED_AT_ONCE = 4
"""While the archives are busy with one study, another one is pseudonymised."""
LONGEST_PAUSE_S = 5.0
"""Between two looks whether the database is there, when the process starts before it."""
UNEXPECTED = "An unexpected error stopped this step. It was logged; the case can be tried again."


@lru_cache(maxsize=1)
def services() -> Services:
    """Return this process's services, composed from its settings at the first use."""
    return flow.build_services(Settings())


@lru_cache(maxsize=1)
def leadership() -> Leadership:
    """Return this process's claim to lead, where several gateways share a database."""
    return Leadership(services().engine)


@dataclass(frozen=True)
class Periodic:
    """A step that the clock runs again and again; whatever it raises is logged, and the next tick tries again."""

    name: str
    every_s: float
    step: Callable[[Services], object]
    for_all: bool = False
    """Whether one of several gateways does it for all of them."""

    def __call__(self) -> None:
        """Do whatever is due now."""
        try:
            if self.for_all and not leadership().holds():
                return
            with timed(self.name):
                self.step(services())
        except (Transient, OperationalError) as error:  # an archive, the broker or the database is away
            log.warning("step put off", step=self.name, error=type(error.__cause__ or error).__name__)
        except Exception:  # the border: the next tick tries again
            log.exception("step failed", step=self.name)


clock = Clock()
first_series = Watch()


def _periodic(
    name: str, every_s: float, *, for_all: bool = False
) -> Callable[[Callable[[Services], object]], Periodic]:
    """Let the clock run a step every so often."""

    def register(step: Callable[[Services], object]) -> Periodic:
        periodic = Periodic(name, every_s, step, for_all)
        clock.steps.append(periodic)
        return periodic

    return register


def _each_due_case(
    states: tuple[CaseState, ...],
    name: str,
    step: Callable[[Services, str], bool],
    gate: str | None = None,
    at_once: int = 1,
) -> None:
    """Run a step on the cases that are due, so many at a time; what goes wrong with one of them stays with it."""
    with services().sessions() as session:
        allowed = gates.gate(session, gate) if gate is not None else gates.OPEN
        due = store.due_cases(session, states, now=services().clock(), allowed=allowed)

    def run(case_id: str) -> None:
        if clock.over:
            return
        try:
            step(services(), case_id)
        except Exception as error:  # the border: it becomes an event of the case
            log.exception("step failed", step=name, case_id=case_id)
            reason = error.reason if isinstance(error, IntervalError) else UNEXPECTED
            flow.fail(services(), case_id, name, reason, states=states)

    with ThreadPoolExecutor(at_once, thread_name_prefix=name) as threads:
        list(threads.map(run, due))


@_periodic("gateway.receive", TICK_S, for_all=True)
def receive(live: Services) -> None:
    """Take in what arrived, and let quiet studies be complete."""
    flow.follow_changes(live)
    flow.settle(live)


@_periodic("gateway.fast-track", TICK_S, for_all=True)
def fast_track(live: Services) -> None:
    """Begin what is wanted while the patient is on the table."""
    flow.begin_early(live, first_series)
    flow.replace_first_looks(live)


@_periodic("gateway.prepare", TICK_S)
def prepare(live: Services) -> None:
    """Prepare complete studies, as far as an operator and the disks let them."""
    full = why_no_room(watched_folders(live.settings), live.settings.least_free_mb)
    if full:
        log.warning("no new study is begun", step="prepare", error="disk nearly full")
        return
    _each_due_case((CaseState.COMPLETE,), "prepare", flow.prepare, gate=PREPARATION, at_once=PREPARED_AT_ONCE)


@_periodic("gateway.priors", TICK_S)
def search_priors(live: Services) -> None:
    """Ask the PACS for earlier studies."""
    flow.search_priors(live)


@_periodic("gateway.prefetch", TICK_S)
def prefetch(live: Services) -> None:
    """Fetch the earlier studies of announced patients."""
    flow.prefetch_priors(live)


@_periodic("gateway.relay", TICK_S)
def relay(live: Services) -> None:
    """Send the orders that wait in the outbox."""
    flow.relay_outbox(live, send_to_broker, waiting_in_broker)


@_periodic("gateway.dispatch", TICK_S)
def dispatch(_: Services) -> None:
    """Deliver signed cases."""
    _each_due_case((CaseState.SIGNED, CaseState.DISPATCHING), "dispatch", flow.dispatch)


@_periodic("gateway.sweep", SWEEP_EVERY_S, for_all=True)
def sweep(live: Services) -> None:
    """Find what got lost."""
    flow.sweep_up(live)


@_periodic("gateway.retention", RETENTION_EVERY_S, for_all=True)
def retain(live: Services) -> None:
    """Remove the research copies that nobody needs any more."""
    flow.remove_old_copies(live)
    flow.make_room(live)


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
        outcome = JobOutcome.model_validate(message)
        if flow.record_outcome(services(), outcome):
            count_outcome(outcome)
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


def _stop_clock(**_: object) -> None:
    """Celery calls this when it is told to stop."""
    clock.stop()


app.task(name=PROGRESS_TASK)(record_progress)
app.task(name=OUTCOME_TASK, bind=True, max_retries=None)(record_outcome)
signals.setup_logging.connect(_keep_our_logging)


def main() -> None:
    """Run the background process until it is told to stop."""
    configure_logging()
    settings = Settings()
    app.conf.broker_url = settings.broker
    _periodic("gateway.reconcile", settings.reconcile_every_s, for_all=True)(reconcile_recent)
    _watch_and_be_watched(settings)
    _open_database(settings)
    try:
        flow.reconcile(services())
    except (Transient, OperationalError):
        log.warning("archive not reached yet", step="reconcile")
    listener = _listen_for_reports(settings)
    clock.start()
    signals.worker_shutting_down.connect(_stop_clock)
    app.worker_main(
        [
            *("--quiet", "worker", "--pool=threads", f"--concurrency={THREADS}", f"--queues={GATEWAY_QUEUE}"),
            *("--without-gossip", "--without-mingle", "--hostname=gateway@%h", "--loglevel=INFO"),
        ]
    )
    if listener is not None:
        listener.stop()


def _open_database(settings: Settings) -> None:
    """Bring the tables up to date; a database that does not answer yet is waited for, and readiness says so."""
    pause_s = 0.5
    while True:
        try:
            upgrade(settings.database)
            flow.require_known_keys(services())
        except OperationalError as error:
            log.warning("database not reached yet", step="start", error=type(error.__cause__ or error).__name__)
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        else:
            return


def _watch_and_be_watched(settings: Settings) -> None:
    """Tell people what is wrong, Prometheus how it goes, and a trace collector where each study was."""
    channels = channels_of(settings)
    _periodic("gateway.alerts", ALERTS_EVERY_S, for_all=True)(lambda live: watch(live, channels))
    if settings.traces_url:
        traces = open_traces(settings.traces_url)
        _periodic("gateway.traces", TRACES_EVERY_S)(traces.send_ended)
    expose_tasks(services(), clock.why_still)


def _listen_for_reports(settings: Settings) -> CommitmentListener | None:
    """Listen for what targets report about storage commitment, where the site asks for it."""
    if not settings.commitment_port:
        return None
    senders = {target.aet for target in settings.targets if target.kind is TargetKind.C_STORE}
    tls = settings.dicom_tls.called() if settings.commitment_tls and settings.dicom_tls is not None else None
    listener = CommitmentListener(settings.own_aet, senders, lambda report: flow.take_report(services(), report), tls)
    listener.start(settings.commitment_host, settings.commitment_port)
    return listener


if __name__ == "__main__":
    main()
