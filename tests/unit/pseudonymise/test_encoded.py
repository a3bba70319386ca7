"""The reader's limits: what claims more than it is, or is not what it claims."""

from __future__ import annotations

import random
import struct
import time
import tracemalloc
import zlib
from io import BytesIO

import pytest
from pydicom import dcmread

from gateway.pseudonymise.apply import NotCleanable, pseudonymise_instance
from gateway.pseudonymise.encoded import MAX_DEPTH
from gateway.pseudonymise.identity import Pseudonymiser
from processing.domain.errors import InputRejected
from tests.unit.pseudonymise.hostile import (
    element,
    file_of,
    hidden_places,
    image_elements,
    joined,
    marked_attributes,
    sequence,
)
from tests.unit.pseudonymise.images import encoded, scanner_image

OWN = marked_attributes([0x00080018, 0x0020000D, 0x0020000E, 0x00100020])
MEGABYTE = 1 << 20


def _deep(levels: int, *, defined: bool = False) -> bytes:
    content = b""
    for _ in range(levels):
        content = sequence(0x00081140, [content], defined=defined)[1]
    return file_of([*image_elements(), *OWN, (0x00081140, content)])


@pytest.mark.parametrize("defined", [False, True])
def test_nesting_is_limited(defined: bool, pseudonymiser: Pseudonymiser) -> None:
    assert pseudonymise_instance(_deep(MAX_DEPTH, defined=defined), pseudonymiser).part10
    for levels in (MAX_DEPTH + 1, 50, 20_000 if not defined else 500):
        with pytest.raises(NotCleanable, match="nested deeper"):
            pseudonymise_instance(_deep(levels, defined=defined), pseudonymiser)


def test_a_bomb_does_not_inflate(pseudonymiser: Pseudonymiser) -> None:
    deflater = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    body = b"".join(deflater.compress(bytes(MEGABYTE)) for _ in range(300)) + deflater.flush()
    bomb = file_of([], syntax=b"1.2.840.10008.1.2.1.99")[:-2] + body
    assert len(bomb) < MEGABYTE
    tracemalloc.start()
    try:
        with pytest.raises(NotCleanable, match="inflates"):
            pseudonymise_instance(bomb, pseudonymiser)
        assert tracemalloc.get_traced_memory()[1] < 64 * MEGABYTE
    finally:
        tracemalloc.stop()


def test_a_small_file_can_not_claim_gigabytes(pseudonymiser: Pseudonymiser) -> None:
    part10 = file_of([*image_elements(), *OWN])
    head = b"\xe0\x7f\x10\x00OW\0\0"
    assert head in part10
    for claimed in (0xFFFFFFF0, 0x7FFFFFFE, len(part10)):
        place = part10.index(head) + len(head)
        forged = part10[:place] + struct.pack("<L", claimed) + part10[place + 4 :]
        with pytest.raises(NotCleanable, match="truncated"):
            pseudonymise_instance(forged, pseudonymiser)


@pytest.mark.parametrize("tag", [0x00100020, 0x0020000D, 0x00080018])
def test_an_element_can_not_be_there_twice(tag: int, pseudonymiser: Pseudonymiser) -> None:
    body = joined([*image_elements(), *OWN])
    once = dict(OWN)[tag]
    part10 = file_of([(0, body.replace(once, once + once))])
    with pytest.raises(NotCleanable, match="out of order or repeated"):
        pseudonymise_instance(part10, pseudonymiser)


def test_what_is_declared_as_something_else_is_removed(pseudonymiser: Pseudonymiser) -> None:
    disguised = [
        element(0x00280106, b"OB", b"\1\0"),
        element(0x00189073, b"LT", b"12"),
        element(0x00180088, b"FD", bytes(8)),
    ]
    part10 = file_of([*image_elements(), *OWN, *disguised])
    clean = dcmread(BytesIO(pseudonymise_instance(part10, pseudonymiser).part10))
    assert not [tag for tag, _ in disguised if tag in clean]


def test_zeros_behind_the_data_set_are_dropped_and_anything_else_is_refused(pseudonymiser: Pseudonymiser) -> None:
    part10 = file_of([*image_elements(), *OWN])
    clean = pseudonymise_instance(part10, pseudonymiser).part10
    assert pseudonymise_instance(part10 + bytes(512), pseudonymiser).part10 == clean
    for tail in (b"Tse Mei Ling" * 3, b"\xff" * 40, b"\x01"):
        with pytest.raises(NotCleanable):
            pseudonymise_instance(part10 + tail, pseudonymiser)


def test_unknown_value_representations_are_refused(pseudonymiser: Pseudonymiser) -> None:
    with pytest.raises(NotCleanable, match="value representation"):
        pseudonymise_instance(file_of([*image_elements(), *OWN, element(0x00180050, b"??", b"12")]), pseudonymiser)


def test_items_of_an_unknown_sequence_come_back_in_the_files_own_encoding(pseudonymiser: Pseudonymiser) -> None:
    reference = joined([element(0x00081155, b"UI", b"1.2.999.8", explicit=False)])
    unknown = b"\x08\x00\x40\x11UN\0\0\xff\xff\xff\xff" + sequence(0, [reference], explicit=False)[1][8:]
    part10 = file_of([*image_elements(), *OWN, (0x00081140, unknown)])
    clean = dcmread(BytesIO(pseudonymise_instance(part10, pseudonymiser).part10))
    assert clean.ReferencedImageSequence[0].ReferencedSOPInstanceUID == pseudonymiser.uid("1.2.999.8")


def _mutations(count: int) -> list[bytes]:
    """Files that were damaged by chance, always the same: flipped, cut, doubled, and with forged lengths."""
    chance = random.Random(20261121)  # noqa: S311 - the same damage on every run is what is wanted
    sources = [
        encoded(scanner_image(size=8)),
        file_of([*image_elements(), *OWN, *hidden_places()]),
        file_of([*image_elements(explicit=False), *hidden_places(explicit=False)], syntax=b"1.2.840.10008.1.2"),
        file_of([*image_elements(), *OWN], syntax=b"1.2.840.10008.1.2.1.99"),
        _deep(6),
    ]
    files = []
    for number in range(count):
        data = bytearray(sources[number % len(sources)])
        for _ in range(chance.choice([1, 1, 1, 2, 8])):
            place = chance.randrange(132, len(data) - 4)
            kind = chance.randrange(5)
            if kind == 0:
                data[place] ^= 1 << chance.randrange(8)
            elif kind == 1:
                data[place : place + 4] = chance.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"])
            elif kind == 2:
                del data[place : place + chance.randrange(1, 64)]
            elif kind == 3:
                data[place:place] = data[place : place + chance.randrange(1, 512)]
            else:
                data[place : place + 4] = b"\xfe\xff" + chance.choice([b"\x00\xe0", b"\x0d\xe0", b"\xdd\xe0"])
            if len(data) < 200:
                break
        files.append(bytes(data))
    return files


def _outcome(part10: bytes, pseudonymiser: Pseudonymiser) -> bytes | str:
    """The clean file, or the reason why there is none."""
    try:
        return pseudonymise_instance(part10, pseudonymiser).part10
    except InputRejected as refusal:
        return refusal.reason


@pytest.mark.timeout(60)
def test_damaged_files_are_accepted_or_refused_with_a_reason(pseudonymiser: Pseudonymiser) -> None:
    accepted = refused = 0
    tracemalloc.start()
    try:
        for part10 in _mutations(500):
            began = time.process_time()
            outcome = _outcome(part10, pseudonymiser)
            # Of the processor: a machine that is busy otherwise does not count. Each takes milliseconds.
            assert time.process_time() - began < 1.0
            if isinstance(outcome, str):
                assert outcome
                refused += 1
            else:
                accepted += 1
                assert dcmread(BytesIO(outcome)).PatientIdentityRemoved == "YES"
        assert tracemalloc.get_traced_memory()[1] < 200 * MEGABYTE
    finally:
        tracemalloc.stop()
    assert accepted > 50
    assert refused > 50
