"""Whether each thing that the gateway depends on answers, within two seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import redis
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from gateway.api.schemas import ComponentHealth
from processing.domain.errors import IntervalError

TIMEOUT_S = 2.0
KEPT_FOR_S = 2.0
"""Anybody may ask for the health: the components are not asked more often than this."""

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
        except (redis.RedisError, OSError, ValueError):
            return "The broker does not answer."
        return None

    return probe


def archive_probe(url: str, user: str, password: str) -> Probe:
    """Ask an Orthanc for its system information."""

    def probe() -> str | None:
        try:
            answer = httpx.get(f"{url}/system", auth=(user, password), timeout=TIMEOUT_S, trust_env=False)
        except httpx.HTTPError:
            return "The archive does not answer."
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
