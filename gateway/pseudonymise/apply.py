"""Pseudonymises one DICOM file: bytes in, bytes out.

The file is taken apart into encoded elements, each element goes through the rule of its tag, and what remains is put
together again. Values that stay are copied as they are encoded; pixel data passes as one untouched block. File meta
information is written anew, the preamble is zero, sequences get defined lengths, group lengths go.
Sources: PS3.15 Annex E (profile and options), PS3.10 Section 7.1 (file meta information).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field

from pydicom.charset import decode_bytes, python_encoding

from gateway.pseudonymise.compressed import blank_beside_pixels
from gateway.pseudonymise.encode import PATIENT_ID, PATIENT_NAME, encode, file_meta, item, method_attributes
from gateway.pseudonymise.encoded import (
    DEFLATED_LITTLE_ENDIAN,
    EXPLICIT_LITTLE_ENDIAN,
    PIXEL_DATA,
    Element,
    EncodedFile,
    NotCleanable,
    read_encoded,
)
from gateway.pseudonymise.identity import PatientContext, PatientIdentity, Pseudonymiser, StandIn
from gateway.pseudonymise.image_checks import (
    ENCAPSULATED,
    FRAME_OF_REFERENCE_UID,
    SERIES_INSTANCE_UID,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
    pixel_data_end,
    read_uid,
    refuse_unsafe_object,
)
from gateway.pseudonymise.profile import Profile
from gateway.pseudonymise.rules import Act, Rule
from gateway.pseudonymise.values import name_parts

__all__ = ["NotCleanable", "PseudonymisedInstance", "pseudonymise_instance", "read_identity"]

_ISSUER_OF_PATIENT_ID = 0x00100021
_LARGEST_REMEMBERED = 1024
_REMOVED: StandIn = (b"", {})


@dataclass(frozen=True)
class PseudonymisedInstance:
    """An instance as it may leave the clinical zone, and what the vault needs to find the way back.

    Parameters
    ----------
    part10 : bytes
        The pseudonymous DICOM file.
    sop_class_uid : str
    sop_instance_uid, series_instance_uid, study_instance_uid : str
        Pseudonymous.
    original_sop_instance_uid, original_series_instance_uid, original_study_instance_uid : str
    identity : PatientIdentity
    pseudonym, key_id : str
    shift_days : int
        Days by which the dates were moved into the past.
    uid_map : dict
        Every pseudonymous UID in the file -> the original.
    """

    part10: bytes = field(repr=False)
    sop_class_uid: str
    sop_instance_uid: str
    original_sop_instance_uid: str = field(repr=False)
    series_instance_uid: str
    original_series_instance_uid: str = field(repr=False)
    study_instance_uid: str
    original_study_instance_uid: str = field(repr=False)
    identity: PatientIdentity
    pseudonym: str
    key_id: str
    shift_days: int
    frame_of_reference_uid: str
    """Pseudonymous; empty where the image names none."""
    uid_map: dict[str, str] = field(repr=False)
    demographics: tuple[bytes, bytes, bytes] = field(repr=False)
    """Patient's name, birth date and sex as encoded, to notice two patients in one study."""


def pseudonymise_instance(
    part10: bytes, pseudonymiser: Pseudonymiser, *, defaced: bool = False
) -> PseudonymisedInstance:
    """Pseudonymise one DICOM file; the same file and keys give the same bytes.

    Parameters
    ----------
    part10 : bytes
        A whole file, preamble included.
    pseudonymiser : Pseudonymiser
    defaced : bool
        Whether the face was removed from the pixels before; the result then says so.

    Raises
    ------
    NotCleanable
        If anything in the file stands in the way of a safe result; the reason holds no identity.
    """
    file = read_encoded(part10)
    profile = pseudonymiser.profile
    refuse_unsafe_object(file, profile)
    original_sop_instance_uid = read_uid(file, SOP_INSTANCE_UID)
    original_series_instance_uid = read_uid(file, SERIES_INSTANCE_UID)
    original_study_instance_uid = read_uid(file, STUDY_INSTANCE_UID)
    pixels_end = pixel_data_end(file)
    identity = read_identity(file)
    context = pseudonymiser.context(identity, name_parts(file.names))
    rewrite = _Rewrite(file, profile, context, defaced=defaced)
    body = rewrite.data_set(pixels_end)
    sop_class_uid = _stripped(file, SOP_CLASS_UID).decode("ascii")
    frame_of_reference = _stripped(file, FRAME_OF_REFERENCE_UID)
    sop_instance_uid = context.map_uid(original_sop_instance_uid.encode()).decode()
    syntax = EXPLICIT_LITTLE_ENDIAN if file.transfer_syntax_uid == DEFLATED_LITTLE_ENDIAN else file.transfer_syntax_uid
    return PseudonymisedInstance(
        part10=b"".join([file_meta(sop_class_uid, sop_instance_uid, syntax), *body]),
        sop_class_uid=sop_class_uid,
        sop_instance_uid=sop_instance_uid,
        original_sop_instance_uid=original_sop_instance_uid,
        series_instance_uid=context.map_uid(original_series_instance_uid.encode()).decode(),
        original_series_instance_uid=original_series_instance_uid,
        study_instance_uid=context.map_uid(original_study_instance_uid.encode()).decode(),
        original_study_instance_uid=original_study_instance_uid,
        identity=identity,
        pseudonym=context.pseudonym,
        key_id=context.key_id,
        shift_days=context.shift_days,
        frame_of_reference_uid=context.map_uid(frame_of_reference).decode() if frame_of_reference else "",
        uid_map=rewrite.uid_map,
        demographics=(_stripped(file, PATIENT_NAME), _stripped(file, 0x00100030), _stripped(file, 0x00100040)),
    )


def read_identity(file: EncodedFile) -> PatientIdentity:
    """Return whose image it is.

    Raises
    ------
    InputRejected
        If the file has no patient ID, or one that its character set does not decode.
    """
    character_set = _stripped(file, 0x00080005)
    return PatientIdentity(
        _decode(_stripped(file, PATIENT_ID), character_set),
        _decode(_stripped(file, _ISSUER_OF_PATIENT_ID), character_set),
    )


def _stripped(file: EncodedFile, tag: int) -> bytes:
    return (file.find(tag) or b"").strip(b"\0 ")


def _decode(value: bytes, character_set: bytes) -> str:
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii")
    terms = [term.strip().decode("ascii", "replace") for term in character_set.split(b"\\")]
    encodings = [python_encoding.get(term, "latin-1") for term in terms]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = decode_bytes(value, encodings, set())
    if "\ufffd" in text:
        # Two unreadable patient IDs would look the same and become one patient.
        raise NotCleanable("the patient ID can't be read in the character set that the file names")
    return text


class _Rewrite:
    """One pass over one file."""

    def __init__(self, file: EncodedFile, profile: Profile, context: PatientContext, *, defaced: bool) -> None:
        self._file = file
        self._data = file.data
        self._elements = file.elements
        self._explicit = file.explicit
        self._profile = profile
        self._defaced = defaced
        self._rules = profile.rules
        self._context = context
        self.uid_map: dict[str, str] = {}

    def data_set(self, pixels_end: int) -> list[bytes | memoryview]:
        """Return the pieces of the pseudonymous data set, with what PS3.15 E.1.1 asks to be added.

        Parameters
        ----------
        pixels_end : int
            Offset behind the last pixel.
        """
        added = method_attributes(
            self._profile, self._context.pseudonym, explicit=self._explicit, defaced=self._defaced
        )
        position = 0
        pieces: list[bytes | memoryview] = []
        kept: list[Element] = []
        for element in self._elements:
            while position < len(added) and added[position][0] <= element.tag:
                pieces += self._pieces(kept, self._explicit)
                kept = []
                pieces.append(added[position][1])
                position += 1
            if position and added[position - 1][0] == element.tag:
                continue
            if element.tag == PIXEL_DATA:
                pieces += self._pieces(kept, self._explicit)
                kept = []
                pieces.append(self._pixel_data(element, pixels_end))
            else:
                kept.append(element)
        pieces += self._pieces(kept, self._explicit)
        return pieces

    def _pixel_data(self, element: Element, pixels_end: int) -> bytes | memoryview:
        """Return the pixel data element: untouched, but for padding behind the pixels and comments of an encoder."""
        if self._file.transfer_syntax_uid in ENCAPSULATED:
            head = self._data[element.start : element.value]
            return head + blank_beside_pixels(self._data[element.value : element.end], self._file.transfer_syntax_uid)
        if element.end - pixels_end > 1:
            pixels = self._data[element.value : pixels_end]
            return encode(element.tag, element.vr, pixels, self._explicit)
        return memoryview(self._data)[element.start : element.end]

    def _pieces(self, elements: Iterable[Element], explicit: bool) -> list[bytes]:
        """Return the encoded stand-ins of the elements of one data set or item."""
        data = self._data
        rules = self._rules
        safe_groups = self._profile.safe_groups
        same_encoding = explicit == self._explicit
        cleaned = self._context.cleaned[explicit]
        creators: dict[tuple[int, int], str] = {}
        pieces: list[bytes] = []
        for element in elements:
            tag, _, start, _, end, _, _ = element
            if tag & 0x10000:
                if tag >> 16 in safe_groups:
                    pieces.append(self._private(element, creators, explicit))
                continue
            rule = rules.get(tag)
            if rule is None:
                continue
            if not same_encoding or end - start > _LARGEST_REMEMBERED:
                piece, uids = self._piece(element, rule, explicit)
            else:
                chunk = data[start:end]
                stand_in = cleaned.get(chunk)
                if stand_in is None:
                    stand_in = self._piece(element, rule, explicit)
                    self._context.remember(chunk, stand_in, explicit=explicit)
                piece, uids = stand_in
            pieces.append(piece)
            if uids:
                self.uid_map.update(uids)
        return pieces

    def _piece(self, element: Element, rule: Rule, explicit: bool) -> StandIn:
        """Return the encoded stand-in of one element, empty where it is removed, and the UIDs in it."""
        if element.vr not in rule.accepted:
            return _REMOVED
        if rule.act is Act.RECURSE:
            return self._sequence(element)
        if element.items is not None:
            return (encode(element.tag, b"SQ", b"", self._explicit), {}) if rule.act is Act.EMPTY else _REMOVED
        raw = self._data[element.value : element.end]
        value = self._context.cleaner.clean(rule, raw)
        if value is None:
            return _REMOVED
        vr = rule.vr if element.vr == b"UN" else element.vr
        if value is raw and explicit == self._explicit and vr == element.vr:
            return self._data[element.start : element.end], {}
        uids = _uid_pairs(raw, value) if rule.act is Act.UID else {}
        return encode(element.tag, vr, value, self._explicit), uids

    def _sequence(self, element: Element) -> StandIn:
        if element.items is None:
            return _REMOVED
        outer, self.uid_map = self.uid_map, {}
        content = bytearray()
        for elements in element.items:
            pieces = b"".join(self._pieces(elements, element.items_explicit))
            content += item(pieces)
        uids, self.uid_map = self.uid_map, outer
        return encode(element.tag, b"SQ", bytes(content), self._explicit), uids

    def _private(self, element: Element, creators: dict[tuple[int, int], str], explicit: bool) -> bytes:
        """Pass a private element if its creator, group and element are on the profile's list (PS3.15 E.3.10)."""
        group, number = element.tag >> 16, element.tag & 0xFFFF
        if 0x10 <= number <= 0xFF:
            raw = self._data[element.value : element.end].strip(b"\0 ")
            creator = creators[group, number] = raw.decode("latin-1").lower()
            passes = (creator, group) in self._profile.safe_creators
            return encode(element.tag, b"LO", raw, self._explicit) if passes else b""
        rule = self._profile.safe_private_rules.get((creators.get((group, number >> 8), ""), group, number & 0xFF))
        if rule is None or (explicit and element.vr not in rule.accepted) or element.items is not None:
            return b""
        value = self._context.cleaner.clean(rule, self._data[element.value : element.end])
        return encode(element.tag, rule.vr, value, self._explicit) if value else b""


def _uid_pairs(raw: bytes, value: bytes) -> dict[str, str]:
    """Return pseudonymous -> original for each UID that was replaced."""
    pairs = {}
    for pseudonymous, original in zip(value.split(b"\\"), raw.split(b"\\"), strict=True):
        stripped = original.strip(b"\0 ")
        if pseudonymous != stripped:
            pairs[pseudonymous.decode("ascii")] = stripped.decode("latin-1")
    return pairs
