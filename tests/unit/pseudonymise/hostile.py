"""Encodes data sets with a marker in every place where identity could hide.

The encoder here is the test's own and shares no code with what it tests.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

from pydicom._dicom_dict import DicomDictionary

MARK = b"MRK"
MARK_UID = b"1.2.999"
MARK_DATE = b"19870605"

_LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}

Encoded = list[tuple[int, bytes]]


def element(tag: int, vr: bytes, value: bytes, *, explicit: bool = True) -> tuple[int, bytes]:
    """One encoded element."""
    value += b"\0" * (len(value) % 2)
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    if not explicit:
        return tag, head + struct.pack("<L", len(value)) + value
    if vr in _LONG:
        return tag, head + vr + b"\0\0" + struct.pack("<L", len(value)) + value
    return tag, head + vr + struct.pack("<H", len(value)) + value


def sequence(tag: int, items: Iterable[bytes], *, explicit: bool = True, defined: bool = False) -> tuple[int, bytes]:
    """One encoded sequence, with lengths or with delimitations."""
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + (b"SQ\0\0" if explicit else b"")
    if defined:
        content = b"".join(b"\xfe\xff\x00\xe0" + struct.pack("<L", len(item)) + item for item in items)
        return tag, head + struct.pack("<L", len(content)) + content
    content = b"".join(b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + item + b"\xfe\xff\x0d\xe0\0\0\0\0" for item in items)
    return tag, head + b"\xff\xff\xff\xff" + content + b"\xfe\xff\xdd\xe0\0\0\0\0"


def joined(elements: Encoded) -> bytes:
    """The elements in the order of their tags; the first of two with the same tag wins."""
    seen: dict[int, bytes] = {}
    for tag, content in elements:
        seen.setdefault(tag, content)
    return b"".join(seen[tag] for tag in sorted(seen))


def marker(tag: int, vr: str) -> bytes:
    """A value that names its tag, in the form of the value representation where that leaves room for one."""
    text = MARK + b"%08x" % tag
    first = vr.split(" or ")[0]
    if first == "UI":
        return MARK_UID + b".%d" % tag
    if first in ("DA", "DT"):
        return MARK_DATE
    if first == "AS":
        return MARK + b"Y"
    if first == "CS":
        return text.upper()
    if first in ("LT", "ST", "UT"):
        return b"FLAIR of " + text + b" on " + MARK_DATE
    return (text + b" " * 5) if first != "PN" else text + b"^" + MARK + b"GIVEN"


def marked_attributes(tags: Iterable[int], *, explicit: bool = True) -> Encoded:
    """Every attribute of the dictionary among the tags, marked; sequences hold a marked free text."""
    result: Encoded = []
    for tag in tags:
        vr = DicomDictionary[tag][0]
        if vr == "NONE":
            continue
        if vr == "SQ":
            inner = joined(marked_attributes([0x00081030, 0x00100010, 0x0040A123, 0x0008103E], explicit=explicit))
            result.append(sequence(tag, [inner], explicit=explicit, defined=tag % 3 == 0))
        else:
            result.append(element(tag, vr.split(" or ")[-1].encode(), marker(tag, vr), explicit=explicit))
    return result


def hidden_places(*, explicit: bool = True) -> Encoded:
    """Private, unknown, disguised and unparsed places, each with a marker."""
    inner = joined(marked_attributes([0x00100010, 0x00100020, 0x00081030], explicit=explicit))
    implicit = joined(marked_attributes([0x00100010, 0x00100020, 0x00081030], explicit=False))
    places = [
        element(0x00090010, b"LO", MARK + b" CREATOR", explicit=explicit),
        element(0x00091001, b"LO", MARK + b" private", explicit=explicit),
        element(0x00091002, b"UN", MARK + b" private unknown", explicit=explicit),
        sequence(0x00091003, [inner], explicit=explicit),
        element(0x00190010, b"LO", b"SIEMENS MR HEADER ", explicit=explicit),
        element(0x00190011, b"LO", b"SIEMENS MR HEADER " + MARK, explicit=explicit),
        element(0x00191009, b"LO", MARK + b" not on the list", explicit=explicit),
        element(0x0019100A, b"LO", MARK + b" another representation", explicit=explicit),
        element(0x0019100C, b"IS", MARK + b" no number", explicit=explicit),
        element(0x0019100E, b"FD", (MARK + b" too long for three").ljust(32), explicit=explicit),
        element(0x00191127, b"FD", (MARK * 16), explicit=explicit),
        element(0x00290010, b"LO", b"SIEMENS CSA HEADER", explicit=explicit),
        element(0x00291010, b"OB", MARK + b" CSA", explicit=explicit),
        element(0x00291020, b"OB", MARK + b" CSA series", explicit=explicit),
        element(0x20050010, b"LO", b"Philips MR Imaging DD 001 ", explicit=explicit),
        element(0x2005100E, b"UN", MARK + b" in a scale slope!", explicit=explicit),
        element(0x00080000, b"UL", MARK + b"0", explicit=explicit),
        element(0x0008FFFE, b"LO", MARK + b" unknown attribute", explicit=explicit),
        element(0x00280012, b"LO", MARK + b" unknown attribute", explicit=explicit),
        element(0x7FE10010, b"LO", MARK + b" CREATOR", explicit=explicit),
        element(0x7FE11010, b"OB", MARK + b" behind", explicit=explicit),
        element(0x50000005, b"US", MARK + b"0", explicit=explicit),
        element(0x50003000, b"OW", MARK + b" curve", explicit=explicit),
        element(0x60003000, b"OW", MARK + b" overlay", explicit=explicit),
        element(0x60004000, b"LT", MARK + b" overlay comment", explicit=explicit),
        element(0x601E0022, b"LO", MARK + b" overlay description", explicit=explicit),
        sequence(0xFFFAFFFA, [inner], explicit=explicit),
        element(0xFFFCFFFC, b"OB", MARK + b" padding", explicit=explicit),
    ]
    if explicit:
        # Declared as something else than what the dictionary says.
        places += [
            element(0x00280030, b"LT", MARK + b" spacing"),
            element(0x00280106, b"OB", MARK + b" smallest pixel"),
            element(0x00180050, b"UN", MARK + b" thickness"),
            element(0x00081032, b"UN", sequence(0, [implicit], explicit=False, defined=True)[1][8:]),
            element(0x00081140, b"UN", sequence(0, [implicit], explicit=False, defined=True)[1][8:]),
            (0x00081110, b"\x08\x00\x10\x11UN\0\0\xff\xff\xff\xff" + sequence(0, [implicit], explicit=False)[1][8:]),
            (0x00081115, b"\x08\x00\x15\x11UN\0\0\xff\xff\xff\xff" + sequence(0, [implicit], explicit=False)[1][8:]),
        ]
    return places


def image_elements(*, explicit: bool = True) -> Encoded:
    """What an image can't be without: class, identifiers, patient, size and pixels."""
    pixels = bytes(range(32))
    return [
        element(tag, vr, value, explicit=explicit)
        for tag, vr, value in (
            (0x00080016, b"UI", b"1.2.840.10008.5.1.4.1.1.4"),
            (0x00080060, b"CS", b"MR"),
            (0x00080064, b"CS", b""),
            (0x00280002, b"US", b"\x01\0"),
            (0x00280004, b"CS", b"MONOCHROME2"),
            (0x00280008, b"IS", b"1"),
            (0x00280010, b"US", b"\x04\0"),
            (0x00280011, b"US", b"\x04\0"),
            (0x00280100, b"US", b"\x10\0"),
            (0x00280301, b"CS", b"NO"),
            (0x7FE00010, b"OW", pixels),
            (0x00080005, b"CS", b"ISO_IR 100"),
        )
    ]


def file_of(elements: Encoded, *, syntax: bytes = b"1.2.840.10008.1.2.1") -> bytes:
    """A DICOM file, with markers in its preamble and file meta information as well."""
    meta = joined(
        [
            element(0x00020001, b"OB", b"\0\1"),
            element(0x00020002, b"UI", b"1.2.840.10008.5.1.4.1.1.4"),
            element(0x00020003, b"UI", MARK_UID + b".3"),
            element(0x00020010, b"UI", syntax),
            element(0x00020012, b"UI", MARK_UID + b".4"),
            element(0x00020013, b"SH", MARK + b" VERSION"),
            element(0x00020016, b"AE", MARK + b"_AE"),
            element(0x00020026, b"UR", b"http://" + MARK),
            element(0x00020100, b"UI", MARK_UID + b".5"),
            element(0x00020102, b"OB", MARK + b" private"),
        ]
    )
    body = joined(elements)
    if syntax == b"1.2.840.10008.1.2.1.99":
        deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        body = deflater.compress(body) + deflater.flush()
        body += b"\0" * (len(body) % 2)
    length = element(0x00020000, b"UL", struct.pack("<L", len(meta)))[1]
    return (MARK * 43)[:128] + b"DICM" + length + meta + body
