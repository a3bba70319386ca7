"""Multipart bodies, part by part while they come in: one part at a time is in memory, never the whole upload."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from processing.domain.errors import InputRejected

MOST_PART_BYTES = 256 * 1024 * 1024
"""Of one file: an enhanced MR image of 500 frames of 512 x 512 has this size."""


class MalformedUpload(InputRejected):
    """The request is no multipart body of the kind that is expected here."""


class PartTooLarge(InputRejected):
    """A part exceeds the limit."""


@dataclass
class Part:
    """One part of the body.

    Parameters
    ----------
    content : bytes
    is_file : bool
        Whether a form field carries a file. The file's name is not kept: people put patients' names into it.
    """

    content: bytes
    is_file: bool


@dataclass
class _Collector:
    """The parser's callbacks; a finished part waits in `finished` until it is fetched."""

    most_part_bytes: int
    finished: list[Part] = field(default_factory=list)
    ended: bool = False
    _content: bytearray = field(default_factory=bytearray)
    _name: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _is_file: bool = False

    def on_part_begin(self) -> None:
        self._content = bytearray()
        self._is_file = False

    def on_header_begin(self) -> None:
        self._name, self._value = bytearray(), bytearray()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        if self._name.lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._value))
            self._is_file = b"filename" in options

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]
        if len(self._content) > self.most_part_bytes:
            raise PartTooLarge(f"A file is larger than {self.most_part_bytes // 1024 // 1024} MiB and was not taken.")

    def on_part_end(self) -> None:
        self.finished.append(Part(bytes(self._content), self._is_file))
        self._content = bytearray()

    def on_end(self) -> None:
        self.ended = True


def boundary_of(content_type: str | None, wanted: str) -> bytes:
    """Return the boundary that a Content-Type header names.

    Parameters
    ----------
    content_type : str or None
    wanted : str
        For example ``multipart/related``.

    Raises
    ------
    MalformedUpload
        If the type is another one, or there is no boundary.
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind.decode("latin-1").lower() != wanted or not boundary:
        raise MalformedUpload(f"The request is not {wanted} with a boundary.")
    return boundary


async def read_parts(
    chunks: AsyncIterator[bytes], boundary: bytes, *, most_part_bytes: int = MOST_PART_BYTES
) -> AsyncIterator[Part]:
    """Yield every part as soon as it is complete.

    Raises
    ------
    MalformedUpload
        If the body is malformed or ends before its closing boundary; parts before that were yielded.
    PartTooLarge
        If a part exceeds the limit; likewise.
    """
    collector = _Collector(most_part_bytes)
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": collector.on_part_begin,
                "on_header_begin": collector.on_header_begin,
                "on_header_field": collector.on_header_field,
                "on_header_value": collector.on_header_value,
                "on_header_end": collector.on_header_end,
                "on_part_data": collector.on_part_data,
                "on_part_end": collector.on_part_end,
                "on_end": collector.on_end,
            },
        )
        async for chunk in chunks:
            parser.write(chunk)
            while collector.finished:
                yield collector.finished.pop(0)
    except FormParserError as error:
        raise MalformedUpload("The request's multipart body is malformed.") from error
    if not collector.ended:
        raise MalformedUpload("The request ended before its last part was complete.")
