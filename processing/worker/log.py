"""The worker's log: one JSON object per line, of what `processing.domain.log_lines` lets through."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from processing.domain.log_lines import WITHHELD, keep_allowed

_HARMLESS = ("celery.apps", "celery.worker.consumer")
"""Loggers that speak of connections and never of an order."""


def _library_record(_logger: Any, _method: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    record = event_dict.get("_record")
    if isinstance(record, logging.LogRecord):
        event_dict["logger"] = record.name
        if not record.name.startswith(_HARMLESS):
            event_dict["event"] = WITHHELD
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
