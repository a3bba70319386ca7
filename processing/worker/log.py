"""The worker's log; see `processing.log`."""

from __future__ import annotations

from processing import log
from processing.log import get_logger

__all__ = ["configure_logging", "get_logger"]

_HARMLESS = ("celery.apps", "celery.worker.consumer")
"""Loggers that speak of connections and never of an order."""


def configure_logging() -> None:
    """Send structlog's and every library's messages to standard error."""
    log.configure_logging("processing", _HARMLESS)
