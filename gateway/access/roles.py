"""What an account may do."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What an account may do: readers review and sign, operators run the system."""

    READER = "reader"
    OPERATOR = "operator"
