"""The worker's log: one JSON object per line, with fixed phrases and a short list of keys.

Of an exception only its class and the places in the code are kept, never its message: that may hold a tag's value.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

ALLOWED_KEYS = frozenset(
    {
        "attempt",
        "case_id",
        "duration_s",
        "error",
        "event",
        "job_id",
        "level",
        "logger",
        "pipeline",
        "state",
        "timestamp",
        "version",
        "where",
    }
)
_HARMLESS = ("celery.apps", "celery.worker.consumer")
"""Loggers that speak of connections and never of an order."""

_PLAIN = re.compile(r"[\w .,:;<>()'/@\-]{0,200}", re.ASCII)
_UID = re.compile(r"\d+(?:\.\d+){3,}")


def keep_allowed(_logger: Any, _method: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop every key that is not allowed and every value that is no number or plain word (a structlog processor)."""
    if event_dict.pop("exc_info", None):
        error = sys.exc_info()[1]
        if error is not None:
            places = traceback.extract_tb(error.__traceback__)[-4:]
            event_dict["error"] = type(error).__name__
            event_dict["where"] = " > ".join(f"{place.name}:{place.lineno}" for place in places)
    return {key: value for key, value in event_dict.items() if key in ALLOWED_KEYS and _is_plain(value)}


def _is_plain(value: object) -> bool:
    if isinstance(value, str):
        return bool(_PLAIN.fullmatch(value)) and not _UID.search(value)
    return value is None or isinstance(value, bool | int | float)


def _library_record(_logger: Any, _method: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    record = event_dict.get("_record")
    if isinstance(record, logging.LogRecord):
        event_dict["logger"] = record.name
        if not record.name.startswith(_HARMLESS):
            event_dict["event"] = "library message withheld"
    return event_dict


def configure_logging() -> None:
    """Send structlog's and every library's messages to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _library_record],
            processors=[keep_allowed, structlog.processors.JSONRenderer(sort_keys=True)],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in ("processing", *_HARMLESS):
        logging.getLogger(name).setLevel(logging.INFO)


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of a module of the worker."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(name)
    return logger
