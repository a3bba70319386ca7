"""Refuses what an encoded-element rewrite can't make safe: burned-in annotations, wrong lengths, unusable UIDs."""

from __future__ import annotations

import re
import struct

from pydicom._uid_dict import UID_dictionary

from gateway.pseudonymise.encoded import (
    DEFLATED_LITTLE_ENDIAN,
    EXPLICIT_LITTLE_ENDIAN,
    IMPLICIT_LITTLE_ENDIAN,
    PIXEL_DATA,
    Element,
    EncodedFile,
    NotCleanable,
)
from gateway.pseudonymise.profile import Profile

SOP_CLASS_UID = 0x00080016
SOP_INSTANCE_UID = 0x00080018
STUDY_INSTANCE_UID = 0x0020000D
SERIES_INSTANCE_UID = 0x0020000E
FRAME_OF_REFERENCE_UID = 0x00200052
_UIDS = {
    SOP_INSTANCE_UID: "SOP Instance UID",
    STUDY_INSTANCE_UID: "Study Instance UID",
    SERIES_INSTANCE_UID: "Series Instance UID",
}
_UID = re.compile(rb"[0-9]+(\.[0-9]+)+")
_NATIVE = frozenset({IMPLICIT_LITTLE_ENDIAN, EXPLICIT_LITTLE_ENDIAN, DEFLATED_LITTLE_ENDIAN})
ENCAPSULATED = frozenset(
    f"1.2.840.10008.1.2.{tail}"
    for tail in ("4.50", "4.51", "4.57", "4.70", "4.80", "4.81", "4.90", "4.91", "4.201", "4.202", "4.203", "5")
)
_CAPTURED = frozenset({b"DV", b"DI", b"DF", b"SD", b"SI", b"DRW"})
_UNDEFINED_LENGTH = b"\xff\xff\xff\xff"


def refuse_unsafe_object(file: EncodedFile, profile: Profile) -> None:
    """Refuse objects whose picture may show text, and objects that no rule is made for.

    Raises
    ------
    NotCleanable
    """
    sop_class = _text(file, SOP_CLASS_UID).decode("ascii", "replace")
    if sop_class not in profile.sop_classes:
        known = UID_dictionary.get(sop_class)
        name = known[0] if known else "an unknown kind"
        raise NotCleanable(f"objects of the kind '{name}' are not cleared to leave: they can show or hold identity")
    if _text(file, 0x00280301) not in (b"", b"NO"):
        raise NotCleanable("the image has annotations burned into its pixels")
    if _text(file, 0x00080064) in _CAPTURED:
        raise NotCleanable("the image was captured or scanned, so its pixels may show a name")
    for element in file.elements:
        # An overlay without data of its own lies in unused bits of the pixel data, where no rule reaches it.
        if element.tag & 0xFF00FFFF == 0x60000102 and file.data[element.value : element.end].strip(b"\0"):
            raise NotCleanable("the image has an overlay inside its pixel data")


def read_uid(file: EncodedFile, tag: int) -> str:
    """Return one of the object's own UIDs.

    Raises
    ------
    NotCleanable
        If it is missing or is not a UID: it becomes a part of addresses and file names elsewhere.
    """
    value = file.find(tag)
    value = value.rstrip(b"\0 ") if value is not None else b""
    if not value or len(value) > 64 or not _UID.fullmatch(value):
        raise NotCleanable(f"the {_UIDS[tag]} is missing or is not a UID")
    return value.decode("ascii")


def pixel_data_end(file: EncodedFile) -> int:
    """Return the offset behind the last pixel, by what rows, columns, frames, samples and bits ask for.

    Zeros behind the last pixel are padding and may be cut off.

    Raises
    ------
    NotCleanable
        If there is no pixel data, or less than needed, or more: what lies behind the last pixel is seen by nobody.
    """
    pixels = file.element(PIXEL_DATA)
    if pixels is None:
        raise NotCleanable("the image has no pixel data")
    rows, columns = _number(file, 0x00280010), _number(file, 0x00280011)
    samples, bits = _number(file, 0x00280002), _number(file, 0x00280100)
    frames_text = _text(file, 0x00280008) or b"1"
    frames = int(frames_text) if frames_text.isdigit() and len(frames_text) < 10 else 0
    if not (rows and columns and samples and frames and bits in (1, 8, 16, 32, 64)):
        raise NotCleanable("the image does not say how large it is")
    encapsulated = file.data[pixels.value - 4 : pixels.value] == _UNDEFINED_LENGTH
    if file.transfer_syntax_uid in _NATIVE and not encapsulated:
        expected = (rows * columns * frames * samples * bits + 7) // 8
        if _text(file, 0x00280004) == b"YBR_FULL_422" and samples == 3:
            expected = expected * 2 // 3
        length = pixels.end - pixels.value
        if length < expected:
            raise NotCleanable("the pixel data is shorter than rows, columns and frames ask for")
        end = pixels.value + expected
        if file.data[end : pixels.end].strip(b"\0"):
            raise NotCleanable("the pixel data is longer than rows, columns and frames ask for")
        return end
    if file.transfer_syntax_uid in ENCAPSULATED and encapsulated:
        if _fragments(file.data, pixels) < frames:
            raise NotCleanable("the compressed pixel data has fewer fragments than frames")
        return pixels.end
    raise NotCleanable("the image's way of encoding its pixels is not supported")


def _fragments(data: bytes, pixels: Element) -> int:
    """Count the fragments behind the basic offset table; the reader has checked their lengths."""
    position, count = pixels.value, 0
    while position < pixels.end - 8:
        position += 8 + int.from_bytes(data[position + 4 : position + 8], "little")
        count += 1
    return count - 1


def _text(file: EncodedFile, tag: int) -> bytes:
    return (file.find(tag) or b"").strip(b"\0 ")


def _number(file: EncodedFile, tag: int) -> int:
    value = file.find(tag) or b""
    return int(struct.unpack("<H", value)[0]) if len(value) == 2 else 0
