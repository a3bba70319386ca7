"""A thousand broken headers, wherever the gateway looks into one before anything is known about it.

What escapes here stops not one study but the reception of all.
"""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from gateway.clinical import header_of
from gateway.clinical_study import ClinicalStudy
from gateway.flow.sight import identity_at_sight, record_at_sight, shifted_study_date
from gateway.intake.check import check_instance
from gateway.pseudonymise.apply import pseudonymise_instance
from gateway.pseudonymise.identity import Pseudonymiser
from gateway.pseudonymise.keys import KeyRing
from gateway.pseudonymise.profile import load_profile
from processing.dicom.read import parse_part10
from processing.dicom.unreadable import UNREADABLE
from processing.domain.errors import InputRejected, IntervalError
from tests.integration.fuzz.mutations import mutated
from tests.unit.gateway.brain_studies import Person, encoded, study
from tests.unit.gateway.front_result import SECRET

COUNT = 250
PATIENT_ID = "NR4711X"
"""No pseudonymous UID holds it by chance, as it may hold four digits."""

# What pydicom warns of, an odd character set for example, is no error where the gateway runs.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

ODD_LENGTH, UNFINISHED_ITEM = 25, 347
"""Two that were found: a number of the wrong length, and a sequence that ends within an item."""

STUDY = ClinicalStudy("1.2.3", frozenset({PATIENT_ID}), ())


@pytest.fixture(scope="module")
def originals() -> list[bytes]:
    _, images = study(Person(patient_id=PATIENT_ID), "20230405", "FLAIR", "T1")
    for image in images:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2.840.10008.3.1.2.3.1", "1.2.3"
        item.SimpleFrameList = [1, 2]
        image.ReferencedStudySequence = Sequence([item])
    return [encoded(image) for image in images[::8]]


@pytest.fixture(scope="module")
def pseudonymiser() -> Pseudonymiser:
    return Pseudonymiser(KeyRing.from_secret(SECRET.encode(), "key-1"), load_profile())


def broken(originals: list[bytes]) -> list[bytes]:
    numbers = [*range(COUNT), UNFINISHED_ITEM]
    return [mutated(originals[number % len(originals)], number) for number in numbers]


def test_a_file_that_ends_within_a_length_is_refused(originals: list[bytes]) -> None:
    """Found once in some thousand mutations: of the four bytes of a sequence's length two are left."""
    cut = originals[0][: originals[0].index(b"\x08\x00\x10\x11SQ") + 10]
    with pytest.raises(InputRejected):
        header_of(cut)
    with pytest.raises(InputRejected):
        parse_part10([cut])
    with pytest.raises(IntervalError):
        check_instance(cut)


def test_an_upload_is_taken_or_refused(originals: list[bytes]) -> None:
    taken = 0
    for content in broken(originals):
        try:
            taken += bool(check_instance(content))
        except InputRejected:
            continue
    assert 0 < taken < COUNT


def test_a_header_of_the_archive_is_read_or_refused(originals: list[bytes]) -> None:
    read = 0
    for content in broken(originals):
        try:
            read += isinstance(header_of(content), Dataset)
        except InputRejected:
            continue
    assert 0 < read < COUNT


def test_a_study_at_first_sight_is_known_or_unusual(originals: list[bytes], pseudonymiser: Pseudonymiser) -> None:
    known = 0
    for content in broken(originals):
        try:
            identity, header = identity_at_sight(content, STUDY)
            record = record_at_sight(header, identity, "1.2.3", pseudonymiser)
            known += record.patient_id == PATIENT_ID
            shifted_study_date(header, record.shift_days)
        except (InputRejected, *UNREADABLE):
            continue
    assert 0 < known < COUNT


def test_nothing_leaves_but_what_was_wholly_treated(originals: list[bytes], pseudonymiser: Pseudonymiser) -> None:
    left = 0
    for content in broken(originals):
        try:
            cleaned = pseudonymise_instance(content, pseudonymiser)
        except IntervalError:
            continue
        assert PATIENT_ID.encode() not in cleaned.part10[:2000]
        assert "Möller".encode("latin-1") not in cleaned.part10
        left += 1
    assert left > 0
