"""Figures that are read from the database when they are asked for: states, ages, queues, results, failures, disks."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from gateway import flow
from gateway.db.tables import (
    Backup,
    Case,
    Event,
    Job,
    OpenAlert,
    OutboxMessage,
    QuarantinedUpload,
    RemovedCopies,
    Review,
)
from gateway.flow import Services
from gateway.jobs.gates import Mode
from gateway.retention.due import SETTLED
from gateway.storage import watched_folders
from processing.domain.case import CaseEvent, CaseState

Figures = Iterator[GaugeMetricFamily]

_MOST_REASONS = 30
_PLAIN_REASON = re.compile(r"[A-Za-z ,.:;'()/N-]{1,160}")


class DatabaseFigures(Collector):
    """A collector over the gateway's database; one that is away yields a single 0.

    Parameters
    ----------
    services : Services
    components : callable
        Returns what is wrong with each component the gateway depends on, empty words for one that is well.
    """

    def __init__(self, services: Services, components: Callable[[], Mapping[str, str]] = dict) -> None:
        self._services = services
        self._components = components

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Promise nothing beforehand: the registry then does not ask the database when it is built."""
        return ()

    def collect(self) -> Figures:
        """Yield every figure as it is now."""
        up = GaugeMetricFamily("interval_database_up", "Whether the database answers.")
        try:
            with self._services.sessions() as session:
                found = [figure for part in _PARTS for figure in part(session, self._services)]
        except SQLAlchemyError:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from found
        yield _gauge(
            "interval_component_ready",
            "Whether a component that the gateway depends on is well.",
            ["component"],
            {(name,): float(not wrong) for name, wrong in self._components().items()},
        )


def _cases(session: Session, services: Services) -> Figures:
    counts = {row[0]: row[1] for row in session.execute(select(Case.state, func.count()).group_by(Case.state))}
    yield _gauge(
        "interval_cases",
        "Cases by state.",
        ["state"],
        {(state.value,): counts.get(state.value, 0) for state in CaseState},
    )
    now = services.clock()
    waiting = [state.value for state in CaseState if state not in SETTLED]
    oldest = session.execute(
        select(Case.state, func.min(Case.changed_at)).where(Case.state.in_(waiting)).group_by(Case.state)
    )
    ages = {row[0]: (now - row[1]).total_seconds() for row in oldest}
    yield _gauge(
        "interval_oldest_case_seconds",
        "How long the oldest case of a state has stood in it.",
        ["state"],
        {(state,): ages.get(state, 0.0) for state in waiting},
    )


def _queues(session: Session, services: Services) -> Figures:
    passages = flow.passages(services, session)
    yield _gauge(
        "interval_queue_waiting",
        "Cases that wait before a queue or a target.",
        ["queue"],
        {(one.name,): one.waiting for one in passages},
    )
    yield _gauge(
        "interval_queue_under_way",
        "Cases at the workers, or promised by a target.",
        ["queue"],
        {(one.name,): one.under_way for one in passages},
    )
    yield _gauge(
        "interval_queue_stuck",
        "Consignments that a target refused.",
        ["queue"],
        {(one.name,): one.stuck for one in passages if one.is_target},
    )
    yield _gauge(
        "interval_queue_open",
        "Whether a queue or a target lets work pass.",
        ["queue"],
        {(one.name,): float(one.gate.mode is Mode.OPEN) for one in passages},
    )
    unsent = select(func.count(), func.min(OutboxMessage.created_at)).where(OutboxMessage.sent_at.is_(None))
    count, since = session.execute(unsent).one()
    yield _gauge("interval_outbox_waiting", "Orders that are not with the broker yet.", [], {(): count})
    age = (services.clock() - since).total_seconds() if since is not None else 0.0
    yield _gauge("interval_outbox_oldest_seconds", "How long the oldest of them has waited.", [], {(): age})


def _results(session: Session, _: Services) -> Figures:
    rows = session.execute(
        select(Case.pipeline, Case.version, Review.acceptance, func.count())
        .join(Job, Job.job_id == Review.job_id)
        .join(Case, Case.case_id == Job.case_id)
        .where(Review.signed_at.is_not(None))
        .group_by(Case.pipeline, Case.version, Review.acceptance)
    )
    yield _gauge(
        "interval_signed_results",
        "Signed results by what the reader said of them.",
        ["pipeline", "version", "acceptance"],
        {(row[0], row[1], row[2] or ""): row[3] for row in rows},
    )


def _failures(session: Session, _: Services) -> Figures:
    rows = session.execute(
        select(Event.actor, Event.detail, func.count())
        .where(Event.event.in_((CaseEvent.FAILED.value, CaseEvent.REGISTRATION_FAILED.value)))
        .group_by(Event.actor, Event.detail)
    )
    counts: dict[tuple[str, ...], float] = {}
    for actor, detail, count in rows:
        key = (actor, plain_reason(detail))
        counts[key] = counts.get(key, 0) + count
    most = sorted(counts.items(), key=lambda item: -item[1])[:_MOST_REASONS]
    yield _gauge("interval_failures", "Failures by step and reason.", ["step", "reason"], dict(most))


def plain_reason(detail: str) -> str:
    """Return a reason with its numbers replaced, so that equal ones are counted together; odd ones are only "other"."""
    without_numbers = re.sub(r"\d+(?:\.\d+)*", "N", detail)
    return without_numbers if _PLAIN_REASON.fullmatch(without_numbers) else "other"


def _keeping(session: Session, services: Services) -> Figures:
    counts = {
        "interval_quarantined_uploads": ("Files that could not be used and wait for an operator.", QuarantinedUpload),
        "interval_removed_copies": ("How often a study's research copies were removed.", RemovedCopies),
        "interval_open_alerts": ("Things that are wrong now.", OpenAlert),
    }
    for name, (words, table) in counts.items():
        yield _gauge(name, words, [], {(): session.scalar(select(func.count()).select_from(table)) or 0})
    newest = session.scalar(select(func.max(Backup.made_at)))
    age = (services.clock() - newest).total_seconds() if newest is not None else float("nan")
    yield _gauge("interval_backup_age_seconds", "Since the newest backup; not a number without any.", [], {(): age})


def _disks(_: Session, services: Services) -> Figures:
    free: dict[tuple[str, ...], float] = {}
    for folder in watched_folders(services.settings):
        try:
            free[str(folder),] = shutil.disk_usage(folder).free
        except OSError:
            free[str(folder),] = 0
    yield _gauge("interval_disk_free_bytes", "Room on the disks that are watched.", ["folder"], free)


_PARTS = (_cases, _queues, _results, _failures, _keeping, _disks)


def _gauge(name: str, words: str, labels: list[str], values: Mapping[tuple[str, ...], float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=labels)
    for key, value in values.items():
        family.add_metric(list(key), value)
    return family
