"""Whether each thing that the gateway depends on answers, within two seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import redis
from celery import Celery
from kombu.exceptions import OperationalError as BrokerError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from gateway.api.schemas import ComponentHealth
from gateway.settings import Settings
from gateway.storage import watched_folders, why_no_room
from processing.authorities import believed, not_believed
from processing.domain.errors import IntervalError
from processing.domain.messages import FAST_TRACK_QUEUE, PIPELINE_QUEUE

TIMEOUT_S = 2.0
KEPT_FOR_S = 2.0
"""Anybody may ask for the health: the components are not asked more often than this."""

_WORKERS_ANSWER_WITHIN_S = 1.0
_WORKERS = {FAST_TRACK_QUEUE: "fast track", PIPELINE_QUEUE: "routine"}

Probe = Callable[[], str | None]
"""Returns what is wrong, as a sentence without addresses; None when the component answers."""


class HealthProbes:
    """Asks all components side by side and keeps the answer for a moment.

    Parameters
    ----------
    probes : mapping of str to callable
        In the order in which they are shown.
    """

    def __init__(self, probes: dict[str, Probe]) -> None:
        self._probes = probes
        self._pool = ThreadPoolExecutor(max_workers=2 * len(probes), thread_name_prefix="health")
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._answer: tuple[ComponentHealth, ...] = ()

    def components(self) -> tuple[ComponentHealth, ...]:
        """Return every component's state, at most `KEPT_FOR_S` old."""
        with self._lock:
            if time.monotonic() - self._asked_at > KEPT_FOR_S:
                self._answer = self._ask()
                self._asked_at = time.monotonic()
            return self._answer

    def wrong(self) -> dict[str, str]:
        """Return what is wrong with each component, empty words for one that is well."""
        return {one.name: "" if one.ready else one.detail for one in self.components()}

    def close(self) -> None:
        """End the threads; a probe that hangs is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self) -> tuple[ComponentHealth, ...]:
        asked = {name: self._pool.submit(probe) for name, probe in self._probes.items()}
        deadline = time.monotonic() + TIMEOUT_S
        answers = []
        for name, future in asked.items():
            try:
                wrong = future.result(timeout=max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                wrong = "It did not answer in time."
            answers.append(ComponentHealth(name=name, ready=wrong is None, detail=wrong or "It answers."))
        return tuple(answers)


def database_probe(sessions: sessionmaker[Session]) -> Probe:
    """Ask the database for the number one."""

    def probe() -> str | None:
        try:
            with sessions() as session:
                session.execute(text("SELECT 1"))
        except SQLAlchemyError:
            return "The database does not answer."
        return None

    return probe


def broker_probe(url: str) -> Probe:
    """Ping Redis."""

    def probe() -> str | None:
        try:
            with redis.Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S) as broker:
                broker.ping()
        except (redis.RedisError, OSError, ValueError) as away:
            return "The broker's certificate is not believed." if not_believed(away) else "The broker does not answer."
        return None

    return probe


def archive_probe(url: str, user: str, password: str) -> Probe:
    """Ask an Orthanc for its system information."""

    def probe() -> str | None:
        try:
            answer = httpx.get(
                f"{url}/system", auth=(user, password), timeout=TIMEOUT_S, verify=believed(), trust_env=False
            )
        except httpx.HTTPError as away:
            said = "The archive's certificate is not believed."
            return said if not_believed(away) else "The archive does not answer."
        if answer.status_code in (401, 403):
            return "The archive refuses the gateway's credentials."
        return None if answer.is_success else "The archive answers with an error."

    return probe


def target_probe(echo: Callable[[], None]) -> Probe:
    """Ask the target that results are sent to."""

    def probe() -> str | None:
        try:
            echo()
        except IntervalError as wrong:
            return wrong.reason
        return None

    return probe


def disk_probe(settings: Settings) -> Probe:
    """Look for room on the disks that are written to."""

    def probe() -> str | None:
        return why_no_room(watched_folders(settings), settings.least_free_mb) or None

    return probe


def workers_probe(broker_url: str) -> Probe:
    """Ask over the broker which workers there are: without one, orders wait and nobody would notice."""
    asking = Celery("health", broker=broker_url, set_as_current=False)
    asking.conf.update(broker_transport_options={"socket_connect_timeout": TIMEOUT_S, "socket_timeout": TIMEOUT_S})

    def probe() -> str | None:
        try:
            found = asking.control.inspect(timeout=_WORKERS_ANSWER_WITHIN_S).active_queues() or {}
        except (BrokerError, redis.RedisError, OSError):
            return "The workers can't be asked without the broker."
        served = {str(queue["name"]) for queues in found.values() for queue in queues}
        missing = [words for queue, words in _WORKERS.items() if queue not in served]
        return f"No worker answers that takes {' or '.join(missing)} orders; they wait." if missing else None

    return probe
