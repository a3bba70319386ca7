"""What reading a broken file raises."""

from __future__ import annotations

import struct

from pydicom.errors import BytesLengthException, InvalidDicomError

UNREADABLE = (
    *(InvalidDicomError, BytesLengthException, struct.error, EOFError, OSError),
    *(ValueError, KeyError, TypeError, AttributeError, NotImplementedError, OverflowError, RecursionError),
)
"""What pydicom raises for files that break the standard in ways of their own, found by sending it mutated ones."""
