"""How gateway and worker use the broker: one set of options, so that both always mean the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

CONNECT_TIMEOUT_S = 5
_VERIFIED = {"ssl_cert_reqs": "required", "ssl_check_hostname": "true"}


def celery_options(queue: str) -> dict[str, Any]:
    """Return the options of a Celery application that takes messages from a queue.

    Messages are JSON, acknowledged when they are done, and given back when their process dies.
    """
    return {
        "accept_content": ["json"],
        "task_serializer": "json",
        "result_serializer": "json",
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_default_queue": queue,
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        "worker_send_task_events": False,
        "broker_connection_retry_on_startup": True,
        "enable_utc": True,
        "timezone": "UTC",
    }


def with_password(url: str, password_file: Path | None) -> str:
    """Return the broker's address with the password that a file holds; the address as it is without a file.

    Raises
    ------
    ValueError
        If the file is missing or empty; the message names its setting alone.
    """
    if password_file is None:
        return url
    password = password_file.read_text(encoding="utf-8").strip() if password_file.is_file() else ""
    if not password:
        raise ValueError("the file that INTERVAL_BROKER_PASSWORD_FILE names is missing or empty")
    parts = urlsplit(url)
    account, _, place = parts.netloc.rpartition("@")
    user = account.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{place}"))


def verified(url: str) -> str:
    """Return a `rediss` address that asks for a certificate which is believed and names the host; others as they are.

    Celery believes everybody where an address does not say so.
    """
    parts = urlsplit(url)
    if parts.scheme != "rediss":
        return url
    return urlunsplit(parts._replace(query=urlencode({**dict(parse_qsl(parts.query)), **_VERIFIED})))


def redis_options(visibility_timeout_s: float, keys: str = "") -> dict[str, Any]:
    """Return the options of the connection to Redis.

    Parameters
    ----------
    visibility_timeout_s : float
        After this a message that nobody acknowledged is handed out again; must exceed the longest task.
    keys : str
        Prefix of the keys under which unacknowledged messages stand. A consumer puts back every overdue message under
        its keys, also another's: those with another timeout need keys of their own.
    """
    own = {name: f"{keys}-{suffix}" for name, suffix in _KEYS.items()} if keys else {}
    return {
        "visibility_timeout": visibility_timeout_s,
        "unacked_restore_interval": 2,
        "unacked_restore_throttle": 1,
        "queue_order_strategy": "priority",
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        **own,
    }


_KEYS = {
    "unacked_key": "unacked",
    "unacked_index_key": "unacked-index",
    "unacked_mutex_key": "unacked-mutex",
}
