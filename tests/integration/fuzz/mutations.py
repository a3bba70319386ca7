"""DICOM files that something happened to, each the same for the same number."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

META_ENDS_AT_LEAST = 132
"""Preamble and magic: behind them a file is read."""

_UNDEFINED = 0xFFFFFFFF
_PATHS = (b"../../../../etc/passwd", b"/proc/self/environ", b"..\\..\\windows\\system32", b"\x00" * 8, b"%2e%2e%2f" * 3)
_TEXTS = (b"\xff\xfe\xfd", b"'; DROP TABLE cases; --", b"<script>alert(1)</script>", b"{{7*7}}", b"\x1b$B", b"%n%n%n%s")
_LENGTHS = (0, 1, 0x7FFFFFFF, 0xFFFFFFFE, _UNDEFINED)
_DEPTH = 40

Change = Callable[[bytearray, random.Random], bytearray]


def mutated(original: bytes, number: int, *, from_byte: int = 0) -> bytes:
    """Return a file with one to four changes behind a place.

    Parameters
    ----------
    original : bytes
    number : int
        Which mutation.
    from_byte : int
        What lies before stays as it is.
    """
    chance = random.Random(number)  # noqa: S311 - the same every time, and no secret
    content = bytearray(original[from_byte:])
    for _ in range(chance.randint(1, 4)):
        content = chance.choice(_CHANGES)(content, chance)
    return original[:from_byte] + bytes(content)


def _place(content: bytearray, chance: random.Random) -> int:
    # Most of a file is pixels; what is worth breaking stands before.
    end = max(1, min(len(content), 4096 if chance.random() < 0.9 else len(content)))
    return chance.randrange(end)


def _flip(content: bytearray, chance: random.Random) -> bytearray:
    for _ in range(chance.randint(1, 16)):
        if content:
            content[_place(content, chance)] ^= 1 << chance.randrange(8)
    return content


def _cut(content: bytearray, chance: random.Random) -> bytearray:
    return content[: _place(content, chance)]


def _drop(content: bytearray, chance: random.Random) -> bytearray:
    start = _place(content, chance)
    del content[start : start + chance.randint(1, 64)]
    return content


def _repeat(content: bytearray, chance: random.Random) -> bytearray:
    start = _place(content, chance)
    piece = content[start : start + chance.randint(1, 200)]
    return content[:start] + piece * chance.randint(2, 20) + content[start:]


def _insert(content: bytearray, chance: random.Random) -> bytearray:
    start = _place(content, chance)
    return content[:start] + chance.choice((*_PATHS, *_TEXTS, chance.randbytes(32))) + content[start:]


def _overwrite(content: bytearray, chance: random.Random) -> bytearray:
    start, piece = _place(content, chance), chance.choice((*_PATHS, *_TEXTS))
    content[start : start + len(piece)] = piece
    return content


def _lie_about_a_length(content: bytearray, chance: random.Random) -> bytearray:
    start = _place(content, chance)
    if chance.random() < 0.5:
        content[start : start + 4] = struct.pack("<I", chance.choice(_LENGTHS))
    else:
        content[start : start + 2] = struct.pack("<H", chance.choice(_LENGTHS) & 0xFFFF)
    return content


def _nest(content: bytearray, chance: random.Random) -> bytearray:
    """Put a sequence within a sequence, again and again, before everything else."""
    begin = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, _UNDEFINED) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, _UNDEFINED
    )
    end = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    depth = chance.randint(2, _DEPTH)
    nested = begin * depth + (end * depth if chance.random() < 0.7 else b"")
    start = _place(content, chance)
    return content[:start] + nested + content[start:]


_CHANGES: tuple[Change, ...] = (
    *(_flip, _flip, _cut, _drop, _repeat, _insert, _overwrite),
    *(_lie_about_a_length, _lie_about_a_length, _nest),
)
