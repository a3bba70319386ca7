"""Writes encoded elements: one element, what every pseudonymous data set carries, and the file meta information.

Sources: PS3.5 Section 7.1 (encoding), PS3.15 E.1.1 (method attributes), PS3.10 Section 7.1 (file meta information).
"""

from __future__ import annotations

import struct
from functools import lru_cache

from gateway.pseudonymise.encoded import NotCleanable
from gateway.pseudonymise.profile import OPTION_NAMES, Profile
from processing.dicom.uids import derived_uid

IMPLEMENTATION_CLASS_UID = derived_uid("interval")
IMPLEMENTATION_VERSION_NAME = "INTERVAL"
PATIENT_NAME = 0x00100010
PATIENT_ID = 0x00100020
_LONG_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"UC", b"UN", b"UR", b"UT", b"SV", b"UV"})


def item(content: bytes) -> bytes:
    """Return an encoded item of a sequence."""
    return b"\xfe\xff\x00\xe0" + struct.pack("<L", len(content)) + content


CLEAN_FEATURES = "113102"
"""The option that is no profile's to claim: it stands only where the face was removed."""
_NAMES = {**OPTION_NAMES, CLEAN_FEATURES: "Clean Recognizable Visual Features Option"}


def encode(tag: int, vr: bytes, value: bytes, explicit: bool) -> bytes:
    """Return an encoded element; an odd value is padded as its value representation asks (PS3.5 6.2)."""
    if len(value) % 2:
        value += b"\0" if vr in (b"UI", b"OB", b"OW", b"UN") else b" "
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    if not explicit:
        return head + struct.pack("<L", len(value)) + value
    if vr in _LONG_VRS:
        return head + vr + struct.pack("<xxL", len(value)) + value
    if len(value) > 0xFFFF:
        raise NotCleanable("an element of the file is too long for its value representation")
    return head + vr + struct.pack("<H", len(value)) + value


@lru_cache(maxsize=64)
def method_attributes(
    profile: Profile, pseudonym: str, *, explicit: bool, defaced: bool = False
) -> list[tuple[int, bytes]]:
    """Return (tag, encoded element) of what every pseudonymous data set carries, in the order of tags."""
    codes = b""
    for code in ("113100", *((CLEAN_FEATURES,) if defaced else ()), *profile.options):
        code_item = (
            encode(0x00080100, b"SH", code.encode(), explicit)
            + encode(0x00080102, b"SH", b"DCM", explicit)
            + encode(0x00080104, b"LO", _NAMES[code].encode(), explicit)
        )
        codes += item(code_item)
    method = f"Interval, profile {profile.name}, PS3.15 {profile.edition}".encode()
    return [
        (tag, encode(tag, vr, value, explicit))
        for tag, vr, value in (
            (PATIENT_NAME, b"PN", pseudonym.encode()),
            (PATIENT_ID, b"LO", pseudonym.encode()),
            (0x00120062, b"CS", b"YES"),
            (0x00120063, b"LO", method),
            (0x00120064, b"SQ", codes),
            *([(0x00280302, b"CS", b"NO")] if defaced else []),
            (0x00280303, b"CS", b"MODIFIED"),
        )
    ]


def file_meta(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Return a zero preamble and new file meta information (PS3.10 Section 7.1)."""
    group = b"".join(
        encode(tag, vr, value, explicit=True)
        for tag, vr, value in (
            (0x00020001, b"OB", b"\x00\x01"),
            (0x00020002, b"UI", sop_class_uid.encode()),
            (0x00020003, b"UI", sop_instance_uid.encode()),
            (0x00020010, b"UI", transfer_syntax_uid.encode()),
            (0x00020012, b"UI", IMPLEMENTATION_CLASS_UID.encode()),
            (0x00020013, b"SH", IMPLEMENTATION_VERSION_NAME.encode()),
        )
    )
    return bytes(128) + b"DICM" + encode(0x00020000, b"UL", struct.pack("<L", len(group)), explicit=True) + group
