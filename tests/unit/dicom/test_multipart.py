from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.dicom import multipart
from processing.dicom.multipart import boundary_of, read_parts, related_body
from processing.domain.errors import InputRejected, Transient

BOUNDARY = "b0undary"


def cut(body: bytes, places: list[int]) -> Iterator[bytes]:
    edges = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    yield from (body[a:b] for a, b in itertools.pairwise(edges))


@given(
    # Line breaks and dashes are what could be taken for a delimiter.
    st.lists(st.one_of(st.binary(max_size=60), st.text("\r\n-b0undary", max_size=40).map(str.encode)), max_size=5),
    st.lists(st.integers(0, 10**4), max_size=12),
)
def test_parts_come_back_however_the_body_is_cut(parts: list[bytes], places: list[int]) -> None:
    parts = [part for part in parts if f"\r\n--{BOUNDARY}".encode() not in b"\r\n" + part + b"\r\n"]
    body = b"".join(related_body(parts, BOUNDARY))
    assert list(read_parts(cut(body, places), BOUNDARY)) == parts


@given(st.integers(1, 60), st.lists(st.integers(0, 10**4), max_size=5))
def test_a_body_that_ends_early_is_noticed(missing: int, places: list[int]) -> None:
    body = b"".join(related_body([b"first", b"second"], BOUNDARY))
    # The line break after the last delimiter may be missing.
    body = body[: -2 - missing]
    with pytest.raises(Transient):
        list(read_parts(cut(body, places), BOUNDARY))


def test_text_before_the_first_part_is_no_part() -> None:
    body = b"hello\r\n" + b"".join(related_body([b"x"], BOUNDARY))
    assert list(read_parts([body], BOUNDARY)) == [b"x"]


def test_a_part_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multipart, "MAX_PART_BYTES", 1000)
    with pytest.raises(InputRejected, match="too large"):
        list(read_parts(related_body([b"x" * 2000], BOUNDARY), BOUNDARY))


def test_the_boundary_is_found_with_and_without_quotes() -> None:
    assert boundary_of('multipart/related; type="application/dicom"; boundary=abc') == "abc"
    assert boundary_of('multipart/related; boundary="a b"; type="application/dicom"') == "a b"


@pytest.mark.parametrize("content_type", ["", "application/json", "multipart/related", "text/html; boundary=x"])
def test_an_answer_that_is_no_multipart_is_an_outage(content_type: str) -> None:
    with pytest.raises(Transient):
        boundary_of(content_type)
