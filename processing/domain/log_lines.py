"""What a log line may hold: one rule for the gateway and the worker, which both may import from here and nowhere else.

A log line is a fixed phrase (`event`) and values under a short list of keys. Every other key is dropped before it is
written, and so is a value that is not a number or a short plain word: an object's representation, a file name or a
DICOM text never reaches a log, not even by mistake. Of an exception only its class and the places in the code are kept,
never its message: that may hold a tag's value.
"""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

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
