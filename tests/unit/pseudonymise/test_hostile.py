"""No marker survives, wherever it is put."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom._dicom_dict import DicomDictionary

from gateway.pseudonymise.apply import pseudonymise_instance
from gateway.pseudonymise.identity import Pseudonymiser
from gateway.pseudonymise.profile import Profile
from tests.unit.pseudonymise.hostile import (
    MARK,
    MARK_DATE,
    MARK_UID,
    Encoded,
    file_of,
    hidden_places,
    image_elements,
    joined,
    marked_attributes,
    sequence,
)

SYNTAXES = {
    "explicit": (b"1.2.840.10008.1.2.1", True),
    "implicit": (b"1.2.840.10008.1.2", False),
    "deflated": (b"1.2.840.10008.1.2.1.99", True),
}
DICTIONARY = [tag for tag in DicomDictionary if tag >> 16 >= 8 and tag >> 16 != 0xFFFE]


def _table_tags(profile: Profile) -> list[int]:
    tags = [int(row.tag, 16) for row in profile.table if re.fullmatch("[0-9a-f]{8}", row.tag)]
    return [tag for tag in tags if tag in DicomDictionary and tag >> 16 >= 8]


def _nested(elements: Encoded, *, explicit: bool) -> Encoded:
    """The elements three levels deep, once in sequences of the table and once in sequences that it does not name."""
    # Lengths are defined on one of the levels, so that both ways of writing a sequence are met.
    content = joined(elements)
    for tag in (0x00081140, 0x00082112, 0x00081140):
        content = sequence(tag, [content, content], explicit=explicit, defined=tag == 0x00082112)[1]
    other = joined(elements)
    for tag in (0x00189341, 0x00209116, 0x52009229):
        other = sequence(tag, [other], explicit=explicit)[1]
    return [(0x00081140, content), (0x52009229, other)]


def _survivors(part10: bytes) -> set[bytes]:
    found = set(re.findall(re.escape(MARK) + rb".{0,12}", part10, re.IGNORECASE))
    return found | set(re.findall(re.escape(MARK_UID) + rb"[0-9.]*", part10)) | set(re.findall(MARK_DATE, part10))


def _refuse_survivors(elements: Encoded, syntax: str, pseudonymiser: Pseudonymiser) -> None:
    uid, _ = SYNTAXES[syntax]
    part10 = file_of(elements, syntax=uid)
    assert len(_survivors(part10)) > 3 or syntax == "deflated"
    result = pseudonymise_instance(part10, pseudonymiser).part10
    assert _survivors(result) == set()
    clean = dcmread(BytesIO(result))
    assert clean.PixelData == bytes(range(32))
    assert clean.to_json_dict()


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_markers_in_every_attribute_of_the_table(syntax: str, profile: Profile, pseudonymiser: Pseudonymiser) -> None:
    explicit = SYNTAXES[syntax][1]
    tags = _table_tags(profile)
    assert len(tags) > 590
    _refuse_survivors(
        image_elements(explicit=explicit) + marked_attributes(tags, explicit=explicit), syntax, pseudonymiser
    )


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_markers_three_levels_deep(syntax: str, profile: Profile, pseudonymiser: Pseudonymiser) -> None:
    explicit = SYNTAXES[syntax][1]
    marked = marked_attributes(_table_tags(profile), explicit=explicit) + hidden_places(explicit=explicit)
    own = marked_attributes([0x00080018, 0x0020000D, 0x0020000E, 0x00100020], explicit=explicit)
    elements = image_elements(explicit=explicit) + own + _nested(marked, explicit=explicit)
    _refuse_survivors(elements, syntax, pseudonymiser)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_markers_in_every_attribute_of_the_dictionary(syntax: str, pseudonymiser: Pseudonymiser) -> None:
    explicit = SYNTAXES[syntax][1]
    marked = marked_attributes(DICTIONARY, explicit=explicit)
    elements = image_elements(explicit=explicit) + marked
    _refuse_survivors(elements, syntax, pseudonymiser)
    own = marked_attributes([0x00080018, 0x0020000D, 0x0020000E, 0x00100020], explicit=explicit)
    _refuse_survivors(
        image_elements(explicit=explicit) + own + _nested(marked, explicit=explicit), syntax, pseudonymiser
    )


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_markers_in_private_unknown_and_disguised_places(syntax: str, pseudonymiser: Pseudonymiser) -> None:
    explicit = SYNTAXES[syntax][1]
    own = marked_attributes([0x00080018, 0x0020000D, 0x0020000E, 0x00100020], explicit=explicit)
    elements = image_elements(explicit=explicit) + own + hidden_places(explicit=explicit)
    _refuse_survivors(elements, syntax, pseudonymiser)


def test_every_row_of_the_table_is_met_by_a_rule_or_removed(profile: Profile, pseudonymiser: Pseudonymiser) -> None:
    """One attribute at a time, so that no other one hides it."""
    own = marked_attributes([0x00080018, 0x0020000D, 0x0020000E, 0x00100020])
    for tag in _table_tags(profile):
        part10 = file_of(image_elements() + marked_attributes([tag]) + own)
        assert _survivors(pseudonymise_instance(part10, pseudonymiser).part10) == set(), f"{tag:08x}"
