"""Reads a DICOM file as encoded elements, without making an object of any value.

The reader is for input that may be hostile: every length is checked against the bytes that are there before
anything is done with it, nesting and the number of elements are limited, tags must ascend, and nothing is allocated
that the file does not itself contain. Little endian only; a deflated data set is inflated within a limit.
Sources: PS3.5 Section 7 and Annex A (encoding), PS3.10 Section 7 (file format).
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pydicom._dicom_dict import DicomDictionary

from processing.domain.errors import InputRejected

IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
DEFLATED_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG_ENDIAN = "1.2.840.10008.1.2.2"
PIXEL_DATA = 0x7FE00010
MAX_DEPTH = 16
MAX_ELEMENTS = 1_000_000
_MAX_INFLATED_RATIO = 50
_MIN_INFLATED_LIMIT = 8 << 20

_ITEM = 0xFFFEE000
_ITEM_END = 0xFFFEE00D
_SEQUENCE_END = 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_LONG_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_SHORT_VRS = frozenset(re.findall(b"..", b"AEASATCSDADSDTFDFLISLOLTPNSHSLSSSTTMUIULUS"))
_HEAD = struct.Struct("<HH2sH")
_HEAD_IMPLICIT = struct.Struct("<HHL")
_U32 = struct.Struct("<L")

_new_tuple = tuple.__new__

VR_OF: Mapping[int, bytes] = {
    tag: (b"US" if entry[0].startswith("US or") else entry[0].split(" or ")[-1].encode())
    for tag, entry in DicomDictionary.items()
    if entry[0] != "NONE"
}
"""Tag to the value representation that an implicit data set is read with."""


class NotCleanable(InputRejected):
    """The object can't be pseudonymised safely, so it stays where it is; the reason says why."""


class Element(NamedTuple):
    """Where an element lies in the bytes.

    Parameters
    ----------
    tag : int
    vr : bytes
        As declared, or of the dictionary in an implicit data set; UN where that does not know it.
    start, value, end : int
        Offsets of the header, of the value and behind the value.
    items : list of list of Element, or None
        For a sequence: the elements of each item.
    items_explicit : bool
        Whether the items' elements declare their value representations.
    """

    tag: int
    vr: bytes
    start: int
    value: int
    end: int
    items: list[list[Element]] | None = None
    items_explicit: bool = True


@dataclass(slots=True)
class EncodedFile:
    """A DICOM file taken apart.

    Parameters
    ----------
    data : bytes
        The bytes that the offsets refer to: of the file, or inflated.
    transfer_syntax_uid : str
    explicit : bool
    elements : list of Element
    names : list of bytes
        Every person name (PN) at any depth.
    """

    data: bytes
    transfer_syntax_uid: str
    explicit: bool
    elements: list[Element]
    names: list[bytes] = field(default_factory=list)
    _by_tag: dict[int, Element] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._by_tag = {element[0]: element for element in self.elements}

    def element(self, tag: int) -> Element | None:
        """Return a top-level element, or None where there is none."""
        return self._by_tag.get(tag)

    def find(self, tag: int) -> bytes | None:
        """Return the raw value of a top-level element, or None where there is none."""
        element = self._by_tag.get(tag)
        return self.data[element.value : element.end] if element is not None else None


def read_encoded(part10: bytes) -> EncodedFile:
    """Take a DICOM file apart.

    Raises
    ------
    NotCleanable
        If it is no DICOM file, is damaged or truncated, or exceeds a limit.
    """
    if len(part10) < 132 or part10[128:132] != b"DICM":
        raise NotCleanable("the file is not a DICOM file")
    syntax, position = _read_meta(part10)
    if syntax == EXPLICIT_BIG_ENDIAN:
        raise NotCleanable("the file is encoded in big endian order, which was retired: send it in little endian")
    data = part10
    if syntax == DEFLATED_LITTLE_ENDIAN:
        data, position = _inflate(part10, position), 0
    explicit = syntax != IMPLICIT_LITTLE_ENDIAN
    reader = _Reader(data)
    try:
        elements, _ = reader.read_elements(position, len(data), explicit, 0, open_ended=False)
    except (struct.error, IndexError):
        raise NotCleanable("the file is truncated or damaged") from None
    return EncodedFile(data, syntax, explicit, elements, reader.names)


def data_set_offset(part10: bytes) -> int:
    """Return where the data set begins, behind the file meta information.

    Raises
    ------
    NotCleanable
        If the meta information can't be read.
    """
    return _read_meta(part10)[1]


def _read_meta(part10: bytes) -> tuple[str, int]:
    """Return the transfer syntax and where the data set begins (PS3.10 Section 7.1)."""
    position = 132
    syntax = ""
    try:
        while part10[position : position + 2] == b"\x02\x00":
            _, element, vr, length = _HEAD.unpack_from(part10, position)
            position += 8
            if vr in _LONG_VRS:
                (length,) = _U32.unpack_from(part10, position)
                position += 4
            elif vr not in _SHORT_VRS:
                raise NotCleanable("the file's meta information can't be read")
            if length > len(part10) - position:
                raise NotCleanable("the file is truncated or damaged")
            if element == 0x0010:
                syntax = part10[position : position + length].rstrip(b"\0 ").decode("ascii", "replace")
            position += length
    except struct.error:
        raise NotCleanable("the file is truncated or damaged") from None
    if not syntax:
        raise NotCleanable("the file does not say how it is encoded")
    return syntax, position


def _inflate(part10: bytes, position: int) -> bytes:
    limit = max(_MIN_INFLATED_LIMIT, _MAX_INFLATED_RATIO * (len(part10) - position))
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = inflater.decompress(memoryview(part10)[position:], limit)
    except zlib.error:
        raise NotCleanable("the compressed data set is damaged") from None
    if inflater.unconsumed_tail:
        raise NotCleanable("the compressed data set inflates to more than a data set of its size can hold")
    if not inflater.eof:
        raise NotCleanable("the file is truncated or damaged")
    return data


class _Reader:
    """Reads the elements of one file and collects the person names on the way."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._count = 0
        self.names: list[bytes] = []

    def read_elements(
        self, position: int, end: int, explicit: bool, depth: int, *, open_ended: bool
    ) -> tuple[list[Element], int]:
        """Read one data set or item; an open-ended one stops behind its item delimitation."""
        if depth > MAX_DEPTH:
            raise NotCleanable(f"sequences are nested deeper than {MAX_DEPTH} levels")
        data = self._data
        elements: list[Element] = []
        append = elements.append
        last_tag = -1
        while position < end:
            start = position
            group, element, vr, length = _HEAD.unpack_from(data, position)
            tag = group << 16 | element
            if tag <= last_tag:
                if not depth and not data.rstrip(b"\0")[position:]:
                    break  # padding behind the data set, as media leave it
                raise NotCleanable("the elements of the file are out of order or repeated")
            last_tag = tag
            position += 8
            if group == 0xFFFE or not explicit:
                (length,) = _U32.unpack_from(data, start + 4)
                if tag == _ITEM_END and open_ended:
                    return elements, position
                if group == 0xFFFE:
                    raise NotCleanable("the file's sequences are damaged")
                vr = VR_OF.get(tag, b"UN")
            elif vr in _LONG_VRS:
                (length,) = _U32.unpack_from(data, position)
                position += 4
            elif vr not in _SHORT_VRS:
                raise NotCleanable("an element of the file can't be read: its value representation is not known")
            if length == _UNDEFINED:
                item, position = self._read_undefined(tag, vr, start, position, end, explicit, depth)
            else:
                value, position = position, position + length
                if position > end:
                    raise NotCleanable("the file is truncated or damaged")
                if (vr == b"SQ" and not group & 1) or (vr == b"UN" and VR_OF.get(tag) == b"SQ"):
                    inner = explicit and vr == b"SQ"
                    items = self._read_items(value, position, inner, depth)
                    item = Element(tag, vr, start, value, position, items, inner)
                else:
                    # The tuple is made directly: this line runs for every element of every file.
                    item = _new_tuple(Element, (tag, vr, start, value, position, None, True))
                    if vr == b"PN" and length:
                        self.names.append(data[value:position])
            append(item)
            if len(elements) > MAX_ELEMENTS:
                raise NotCleanable("the file has more elements than an image can have")
        if open_ended:
            raise NotCleanable("the file is truncated or damaged")
        return elements, position

    def _read_undefined(
        self, tag: int, vr: bytes, start: int, position: int, end: int, explicit: bool, depth: int
    ) -> tuple[Element, int]:
        if tag == PIXEL_DATA:
            if depth or not explicit:
                raise NotCleanable("the pixel data is not encoded as the file says")
            behind = self._skip_fragments(position, end)
            return Element(tag, vr, start, position, behind), behind
        # UN of undefined length holds implicit items (PS3.5 6.2.2 Note 2); so does what implicit data has no name for.
        if vr not in (b"SQ", b"UN"):
            raise NotCleanable("an element of the file has no length")
        inner = explicit and vr == b"SQ"
        items: list[list[Element]] = []
        while True:
            item_tag, length = self._item_head(position)
            position += 8
            if item_tag == _SEQUENCE_END:
                return Element(tag, vr, start, position, position, items, inner), position
            if length == _UNDEFINED:
                elements, position = self.read_elements(position, end, inner, depth + 1, open_ended=True)
            else:
                if length > end - position:
                    raise NotCleanable("the file is truncated or damaged")
                elements, _ = self.read_elements(position, position + length, inner, depth + 1, open_ended=False)
                position += length
            items.append(elements)

    def _read_items(self, position: int, end: int, explicit: bool, depth: int) -> list[list[Element]]:
        items: list[list[Element]] = []
        while position < end:
            item_tag, length = self._item_head(position)
            position += 8
            if item_tag != _ITEM:
                raise NotCleanable("the file's sequences are damaged")
            if length == _UNDEFINED:
                elements, position = self.read_elements(position, end, explicit, depth + 1, open_ended=True)
            else:
                if length > end - position:
                    raise NotCleanable("the file is truncated or damaged")
                elements, _ = self.read_elements(position, position + length, explicit, depth + 1, open_ended=False)
                position += length
            items.append(elements)
        return items

    def _item_head(self, position: int) -> tuple[int, int]:
        group, element, length = _HEAD_IMPLICIT.unpack_from(self._data, position)
        tag = group << 16 | element
        if tag not in (_ITEM, _SEQUENCE_END):
            raise NotCleanable("the file's sequences are damaged")
        self._count += 1
        if self._count > MAX_ELEMENTS:
            raise NotCleanable("the file has more items than an image can have")
        return tag, length

    def _skip_fragments(self, position: int, end: int) -> int:
        """Return the offset behind encapsulated pixel data (PS3.5 A.4)."""
        while True:
            tag, length = self._item_head(position)
            position += 8
            if tag == _SEQUENCE_END:
                if length:
                    raise NotCleanable("the compressed pixel data is damaged")
                return position
            if length > end - position:
                raise NotCleanable("the pixel data is shorter than the file says")
            position += length
