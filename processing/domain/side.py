"""The patient's left and right."""

from __future__ import annotations

from enum import StrEnum


class Side(StrEnum):
    """The patient's own left and right."""

    LEFT = "left"
    RIGHT = "right"
    MIDLINE = "midline"
