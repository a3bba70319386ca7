"""The gateway's log: one JSON object per line, of what `processing.domain.log_lines` lets through.

Libraries' own messages are written only for loggers that never see a patient's data.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from processing.domain.log_lines import WITHHELD, keep_allowed

_TALKATIVE_BUT_HARMLESS = ("celery.apps", "celery.worker.consumer", "uvicorn.error", "alembic")


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
