"""The gateway's log; see `processing.log`."""

from __future__ import annotations

from processing import log
from processing.log import get_logger

__all__ = ["configure_logging", "get_logger"]

_TALKATIVE_BUT_HARMLESS = ("celery.apps", "celery.worker.consumer", "uvicorn.error", "alembic")


def configure_logging() -> None:
    """Send structlog's and every library's messages to standard error as one JSON object per line."""
    log.configure_logging("gateway", _TALKATIVE_BUT_HARMLESS)
