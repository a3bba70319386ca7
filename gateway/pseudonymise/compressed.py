"""Blanks what compressed pixel data carries beside pixels: comments, application data, bytes behind the end.

The pixels decode to the same values, and every length stays, so fragments and offset tables stay true. Sources: ITU-T
T.81 Annex B (JPEG; T.87 for JPEG-LS uses its marker segments), ITU-T T.800 Annex A (JPEG 2000), PS3.5 A.4 and 8.2.
"""

from __future__ import annotations

import re
from itertools import pairwise

from gateway.pseudonymise.encoded import NotCleanable

_JPEG_START, _JPEG_2000_START = b"\xff\xd8", b"\xff\x4f"
_START_OF_SCAN, _END_OF_IMAGE, _COMMENT = 0xDA, 0xD9, 0xFE
_APPLICATION = range(0xE0, 0xF0)
_NEEDED_APPLICATION = (b"JFIF\0", b"Adobe\0", b"mrfx")
"""Beginnings of application data that tells a decoder how to read colours."""
_SMALLEST_THUMBNAIL = {b"JFIF\0": 14, b"Adobe\0": 12, b"mrfx": 6}
_MARKER_IN_SCAN = re.compile(rb"\xff([\xc0-\xcf\xd9-\xef\xf0-\xfe])")
_START_OF_TILE, _START_OF_DATA, _END_OF_CODESTREAM, _COMMENT_2000 = 0x90, 0x93, 0xD9, 0x64
_RLE = "1.2.840.10008.1.2.5"


def blank_beside_pixels(fragments: bytes, transfer_syntax_uid: str) -> bytes:
    """Return encapsulated pixel data without what is beside the pixels.

    Parameters
    ----------
    fragments : bytes
        The items, from the basic offset table to the sequence delimitation; their lengths have been checked.
    transfer_syntax_uid : str

    Returns
    -------
    bytes
        As many as were given.

    Raises
    ------
    NotCleanable
        If a fragment is not what the transfer syntax says, or is damaged.
    """
    if transfer_syntax_uid == _RLE:
        return fragments  # only numbers: a header of offsets, and runs of pixel bytes
    spans: list[tuple[int, int]] = []
    position = 8 + int.from_bytes(fragments[4:8], "little")
    while position < len(fragments) - 8:
        end = position + 8 + int.from_bytes(fragments[position + 4 : position + 8], "little")
        spans.append((position + 8, end))
        position = end
    blanked = bytearray(fragments)
    starts = [
        n for n, (begin, _) in enumerate(spans) if fragments[begin : begin + 2] in (_JPEG_START, _JPEG_2000_START)
    ]
    if not starts or starts[0] != 0:
        raise NotCleanable("the compressed pixel data is not encoded as the file says")
    for first, last in pairwise([*starts, len(spans)]):
        stream = bytearray().join(fragments[begin:end] for begin, end in spans[first:last])
        _blank_codestream(stream)
        taken = 0
        for begin, end in spans[first:last]:
            blanked[begin:end] = stream[taken : taken + end - begin]
            taken += end - begin
    return bytes(blanked)


def _blank_codestream(stream: bytearray) -> None:
    try:
        end = _blank_jpeg(stream) if stream[:2] == _JPEG_START else _blank_jpeg_2000(stream)
    except IndexError:
        raise NotCleanable("the compressed pixel data is damaged") from None
    stream[end:] = bytes(len(stream) - end)


def _blank_jpeg(stream: bytearray) -> int:
    """Blank comments and application data; return the offset behind the end of the image."""
    position, in_scan = 2, False
    while True:
        if in_scan:
            # Within a scan, a byte FF is followed by a stuffed zero or a restart marker, never by one of these.
            match = _MARKER_IN_SCAN.search(stream, position)
            if match is None:
                raise NotCleanable("the compressed pixel data is damaged")
            position = match.start()
        if stream[position] != 0xFF:
            raise NotCleanable("the compressed pixel data is damaged")
        marker = stream[position + 1]
        if marker == 0xFF:
            position += 1  # fill byte
            continue
        if marker == _END_OF_IMAGE:
            return position + 2
        begin, end = position + 4, position + 2 + _length(stream, position + 2)
        if marker == _COMMENT or marker in _APPLICATION:
            _blank(stream, begin + _needed(stream, begin, marker), end)
        in_scan = in_scan or marker == _START_OF_SCAN
        position = end


def _needed(stream: bytearray, begin: int, marker: int) -> int:
    """Return how many bytes of application data a decoder needs."""
    if marker == _COMMENT:
        return 0
    for name in _NEEDED_APPLICATION:
        if stream[begin : begin + len(name)] == name:
            return _SMALLEST_THUMBNAIL[name]
    return 0


def _blank_jpeg_2000(stream: bytearray) -> int:
    """Blank comments in the main header and in those of the tiles; return the offset behind the codestream."""
    position, tile_end = 2, 0
    while True:
        if stream[position] != 0xFF:
            raise NotCleanable("the compressed pixel data is damaged")
        marker = stream[position + 1]
        if marker == _END_OF_CODESTREAM:
            return position + 2
        if marker == _START_OF_DATA:
            if tile_end <= position:
                return len(stream)  # the last tile part may leave its length open: it ends with the codestream
            position = tile_end
            continue
        if marker == _START_OF_TILE:
            length = int.from_bytes(stream[position + 6 : position + 10])
            tile_end = position + length if length else 0
            if tile_end > len(stream):
                raise NotCleanable("the compressed pixel data is damaged")
        end = position + 2 + _length(stream, position + 2)
        if marker == _COMMENT_2000:
            _blank(stream, position + 6, end)
        position = end


def _length(stream: bytearray, position: int) -> int:
    length = stream[position] << 8 | stream[position + 1]
    if length < 2 or position + length > len(stream):
        raise NotCleanable("the compressed pixel data is damaged")
    return length


def _blank(stream: bytearray, begin: int, end: int) -> None:
    if begin < end:
        stream[begin:end] = b" " * (end - begin)
