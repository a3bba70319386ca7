"""The multipart/related bodies of DICOMweb (PS3.18 section 8.6), read and written as streams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from email.message import Message

from processing.domain.errors import InputRejected, Transient

MAX_PART_BYTES = 1 << 30
"""Largest part that is kept in memory."""

MAX_PART_HEADER_BYTES = 16 * 1024


def boundary_of(content_type: str) -> str:
    """Return the boundary that a Content-Type header names.

    Raises
    ------
    Transient
        If the answer is no multipart body.
    """
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_boundary()
    if message.get_content_maintype() != "multipart" or not boundary:
        raise Transient("The archive answered with something else than images.")
    return boundary


def read_parts(chunks: Iterable[bytes], boundary: str) -> Iterator[bytes]:
    """Yield the content of each part as soon as it is complete.

    Parameters
    ----------
    chunks : iterable of bytes
        The body, cut anywhere.
    boundary : str
        Without the leading dashes.

    Raises
    ------
    Transient
        If the body ends before its closing delimiter.
    InputRejected
        If a part is too large.
    """
    delimiter = b"\r\n--" + boundary.encode()
    # The first delimiter may open the body without a line break before it.
    buffer = bytearray(b"\r\n")
    searched = 0
    opened = False
    for chunk in chunks:
        buffer += chunk
        while (found := buffer.find(delimiter, searched)) >= 0:
            end = found + len(delimiter)
            if len(buffer) < end + 2:
                break
            if opened:
                yield _content(buffer[:found])
            if buffer[end : end + 2] == b"--":
                return
            del buffer[:end]
            opened, searched = True, 0
        else:
            searched = max(0, len(buffer) - len(delimiter))
            if len(buffer) > MAX_PART_BYTES:
                raise InputRejected("The archive holds an image that is too large to be read.")
            continue
        searched = found
    raise Transient("The connection to the archive ended before all images had come.")


def _content(part: bytearray) -> bytes:
    """Return what follows the headers of a part, which starts with the line break after its delimiter."""
    end = part.find(b"\r\n\r\n", 0, MAX_PART_HEADER_BYTES)
    if end < 0:
        raise Transient("The archive answered with an incomplete part.")
    return bytes(memoryview(part)[end + 4 :])


def related_body(instances: Iterable[bytes], boundary: str) -> Iterator[bytes]:
    """Yield the body of a STOW-RS request piece by piece."""
    for instance in instances:
        yield f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        yield instance
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()
