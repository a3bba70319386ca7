"""Logs that can't give a patient away.

A log line is a fixed phrase (`event`) and values under a short list of keys. Every other key is dropped before it is
written, and so is a value that is not a number or a short plain word: an object's representation, a file name or a
DICOM text never reaches a log, not even by mistake. Of an exception only its class and the places in the code are kept,
never its message. Libraries' own messages are written only for loggers that never see a patient's data.
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
        "count",
        "duration_s",
        "error",
        "event",
        "job_id",
        "level",
        "logger",
        "pipeline",
        "state",
        "step",
        "timestamp",
        "version",
        "where",
    }
)
"""Keys that a log line may have; see DESIGN.md."""

WITHHELD = "message withheld"
"""Stands for a text that might hold anything."""

_TALKATIVE_BUT_HARMLESS = ("celery.apps", "celery.worker.consumer", "uvicorn.error", "alembic")
_PLAIN_VALUE = re.compile(r"[\w .,:;<>()'\-]{0,200}", re.ASCII)
_EVENT = re.compile(r"[a-z][\w ,.:'\-]{0,120}", re.ASCII | re.IGNORECASE)
_UID = re.compile(r"\d+(?:\.\d+){3,}|2\.25\.\d")


def keep_allowed(_logger: Any, _method: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop every key that is not in `ALLOWED_KEYS` and every value that is not plain (a structlog processor)."""
    error = event_dict.pop("exc_info", None)
    if error:
        describe_exception(event_dict, error)
    kept = {key: value for key, value in event_dict.items() if key in ALLOWED_KEYS and _is_plain(key, value)}
    kept.setdefault("event", WITHHELD)
    return kept


def describe_exception(event_dict: MutableMapping[str, Any], error: Any) -> None:
    """Put an exception's class under `error` and the innermost places of its traceback under `where`."""
    exception = error if isinstance(error, BaseException) else sys.exc_info()[1]
    if isinstance(error, tuple):
        exception = error[1]
    if exception is None:
        return
    frames = traceback.extract_tb(exception.__traceback__)[-4:]
    event_dict["error"] = type(exception).__name__
    event_dict["where"] = " > ".join(f"{frame.name}:{frame.lineno}" for frame in frames)


def _is_plain(key: str, value: Any) -> bool:
    if value is None or isinstance(value, bool | int | float):
        return True
    if not isinstance(value, str) or _UID.search(value):
        return False
    return bool((_EVENT if key == "event" else _PLAIN_VALUE).fullmatch(value))


def _library_record(_logger: Any, _method: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    record = event_dict.get("_record")
    if isinstance(record, logging.LogRecord):
        event_dict["logger"] = record.name
        if not record.name.startswith(_TALKATIVE_BUT_HARMLESS):
            event_dict["event"] = WITHHELD
    return event_dict


def configure_logging(level: int = logging.INFO) -> None:
    """Send structlog's and every library's messages to standard error as one JSON object per line."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
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
    logging.getLogger("gateway").setLevel(level)
    for name in _TALKATIVE_BUT_HARMLESS:
        logging.getLogger(name).setLevel(level)


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of a module of the gateway."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(name)
    return logger
