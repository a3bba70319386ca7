"""The log of gateway and worker: one JSON object per line, of what `processing.domain.log_lines` lets through.

Libraries' own messages are written only for loggers that never see a patient's data.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping, Sequence
from typing import Any

import structlog

from processing.domain.log_lines import WITHHELD, keep_allowed


def configure_logging(own: str, harmless: Sequence[str]) -> None:
    """Send structlog's and every library's messages to standard error as one JSON object per line.

    Parameters
    ----------
    own : str
        The package whose modules log.
    harmless : sequence of str
        Libraries' loggers that may say what they like; of all others only the place is written.
    """

    def library_record(_logger: Any, _method: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        record = event_dict.get("_record")
        if isinstance(record, logging.LogRecord):
            event_dict["logger"] = record.name
            if not record.name.startswith(tuple(harmless)):
                event_dict["event"] = WITHHELD
        return event_dict

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
            foreign_pre_chain=[*shared, library_record],
            processors=[keep_allowed, structlog.processors.JSONRenderer(sort_keys=True)],
        )
    )
    # Warnings about a value name it; as a library's record nothing but the place is written.
    logging.captureWarnings(True)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in (own, *harmless):
        logging.getLogger(name).setLevel(logging.INFO)


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of a module."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(name)
    return logger
