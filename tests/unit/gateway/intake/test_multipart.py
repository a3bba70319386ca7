from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.intake.multipart import MalformedUpload, Part, PartTooLarge, boundary_of, read_parts

BOUNDARY = b"cut-here"
FILE_HEADER = b'Content-Disposition: form-data; name="files"; filename="Muster^Anna.dcm"\r\nContent-Type: x/y\r\n'
FIELD_HEADER = b'Content-Disposition: form-data; name="note"\r\n'
RELATED_HEADER = b"Content-Type: application/dicom\r\n"


def body(*parts: tuple[bytes, bytes], closed: bool = True) -> bytes:
    written = b"".join(b"--" + BOUNDARY + b"\r\n" + header + b"\r\n" + content + b"\r\n" for header, content in parts)
    return written + (b"--" + BOUNDARY + b"--\r\n" if closed else b"")


def parse(content: bytes, chunk: int = 1 << 16, most: int = 1 << 20) -> list[Part]:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(content), chunk):
            yield content[start : start + chunk]

    async def collect() -> list[Part]:
        return [part async for part in read_parts(chunks(), BOUNDARY, most_part_bytes=most)]

    return asyncio.run(collect())


@pytest.mark.parametrize("chunk", [1, 2, 7, 64, 1 << 16])
def test_parts_come_whole_however_the_body_is_cut(chunk: int) -> None:
    contents = [bytes(range(256)) * 3, b"", b"\r\n--cut-her\r\n", b"DICM"]
    parts = parse(body(*((RELATED_HEADER, content) for content in contents)), chunk)
    assert [part.content for part in parts] == contents


def test_a_field_is_told_from_a_file() -> None:
    parts = parse(body((FIELD_HEADER, b"note"), (FILE_HEADER, b"file")))
    assert [(part.content, part.is_file) for part in parts] == [(b"note", False), (b"file", True)]


def test_a_part_is_yielded_before_the_next_one_comes() -> None:
    seen: list[str] = []

    async def chunks() -> AsyncIterator[bytes]:
        content = body((RELATED_HEADER, b"one"), (RELATED_HEADER, b"two"))
        cut = content.index(b"two")
        yield content[:cut]
        seen.append("second comes")
        yield content[cut:]

    async def collect() -> None:
        parts = read_parts(chunks(), BOUNDARY)
        seen.append((await anext(parts)).content.decode())
        seen.append((await anext(parts)).content.decode())

    asyncio.run(collect())
    assert seen == ["one", "second comes", "two"]


def test_a_body_that_ends_early_is_an_error_after_its_whole_parts() -> None:
    content = body((RELATED_HEADER, b"one"), (RELATED_HEADER, b"two"), closed=False)
    with pytest.raises(MalformedUpload, match="ended before"):
        parse(content[:-6])


def test_something_else_is_malformed() -> None:
    with pytest.raises(MalformedUpload):
        parse(b"this is no multipart body")
    with pytest.raises(MalformedUpload):
        parse(b"")


def test_a_part_over_the_limit_is_refused_while_it_comes() -> None:
    parse(body((FILE_HEADER, b"x" * 1000)), most=1000)
    with pytest.raises(PartTooLarge):
        parse(body((FILE_HEADER, b"x" * 1001)), most=1000)


@pytest.mark.parametrize(
    ("content_type", "wanted"),
    [
        (None, "multipart/related"),
        ("application/dicom", "multipart/related"),
        ("multipart/related", "multipart/related"),
        ("multipart/form-data; boundary=x", "multipart/related"),
    ],
)
def test_the_wrong_content_type_is_refused(content_type: str | None, wanted: str) -> None:
    with pytest.raises(MalformedUpload):
        boundary_of(content_type, wanted)


def test_a_quoted_boundary_is_read() -> None:
    content_type = 'multipart/related; type="application/dicom"; boundary="a b"'
    assert boundary_of(content_type, "multipart/related") == b"a b"
