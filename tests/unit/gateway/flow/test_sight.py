"""Whose study it is, from one image, and when two studies are not of one person."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from gateway.clinical_study import ClinicalStudy
from gateway.flow.sight import has_patient_id, identity_at_sight, record_at_sight, shifted_study_date
from gateway.flow.transfer import require_same_person
from gateway.pseudonymise.apply import pseudonymise_instance
from gateway.pseudonymise.identity import Pseudonymiser
from gateway.pseudonymise.keys import KeyRing
from gateway.pseudonymise.profile import load_profile
from gateway.pseudonymise.record import StudyRecord
from processing.domain.errors import InputRejected
from tests.unit.gateway.brain_studies import Person, encoded, series

STUDY_UID = "1.2.826.0.1.3680043.8.498.1"
SECRET = bytes.fromhex("9ad2f3107c5be8364a90dd17f2c6b15e83047ba95f60d2c8e1347590ab6cfe28")


@pytest.fixture(scope="module")
def pseudonymiser() -> Pseudonymiser:
    return Pseudonymiser(KeyRing.from_secret(SECRET, "key-1"), load_profile())


def _image(person: Person) -> Dataset:
    return series(person, STUDY_UID, "20230405", slices=[0])[0]


def _seen(*patient_ids: str) -> ClinicalStudy:
    return ClinicalStudy(STUDY_UID, frozenset(patient_ids), ())


def _record(person: Person, pseudonymiser: Pseudonymiser) -> StudyRecord:
    identity, header = identity_at_sight(encoded(_image(person)), _seen(person.patient_id))
    return record_at_sight(header, identity, STUDY_UID, pseudonymiser)


def test_what_is_known_at_sight_is_what_pseudonymisation_finds(pseudonymiser: Pseudonymiser) -> None:
    person = Person()
    record = _record(person, pseudonymiser)
    image = pseudonymise_instance(encoded(_image(person)), pseudonymiser)
    assert record.study_instance_uid == image.study_instance_uid
    assert record.pseudonym == image.pseudonym
    assert record.shift_days == image.shift_days
    assert record.identity == image.identity
    assert str(record.patient.PatientName) == "Möller^Ida"
    assert str(record.general_study.ReferringPhysicianName) == "Ärztin^Rosa"


def test_the_issuer_is_a_part_of_the_identity(pseudonymiser: Pseudonymiser) -> None:
    here, there = Person("4711", issuer="HERE"), Person("4711", issuer="THERE")
    assert _record(here, pseudonymiser).pseudonym != _record(there, pseudonymiser).pseudonym


def test_a_study_without_a_patient_id_stands_for_itself(pseudonymiser: Pseudonymiser) -> None:
    content = encoded(_image(Person("")))
    identity, header = identity_at_sight(content, _seen(""))
    other, _ = identity_at_sight(content, ClinicalStudy("1.2.3", frozenset({""}), ()))
    assert identity != other
    assert not has_patient_id(record_at_sight(header, identity, STUDY_UID, pseudonymiser))
    assert has_patient_id(_record(Person(), pseudonymiser))


def test_an_unreadable_image_still_gives_the_patient_that_the_archive_knows(pseudonymiser: Pseudonymiser) -> None:
    identity, header = identity_at_sight(b"no DICOM at all", _seen("4711"))
    assert identity.patient_id == "4711"
    assert record_at_sight(header, identity, STUDY_UID, pseudonymiser).original_study_instance_uid == STUDY_UID


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ({"StudyDate": "20230405"}, "20230330"),
        ({"StudyDate": "2023.04.05"}, "20230330"),
        ({"StudyDate": "", "SeriesDate": "20230406"}, "20230331"),
        ({"StudyDate": "99999999", "AcquisitionDate": "20230406"}, "20230331"),
        ({"StudyDate": "00010102"}, ""),
        ({}, ""),
    ],
    ids=["study", "with dots", "series", "nonsense", "before all time", "none"],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR DA")
def test_the_date_is_shifted_or_taken_from_the_next_best_place(dates: dict[str, str], expected: str) -> None:
    header = Dataset()
    for keyword, value in dates.items():
        setattr(header, keyword, value)
    assert shifted_study_date(header, 6) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"name": "MÖLLER^IDA"},
        {"name": "Möller^Ida^^Dr."},
        {"name": "Moller^Ida"},
        {"name": "Möller ^ Ida"},
        {"name": ""},
        {"birth_date": ""},
        {"sex": ""},
    ],
    ids=lambda changes: str(list(changes.values())),
)
def test_one_person_written_differently_is_one_person(changes: dict[str, str], pseudonymiser: Pseudonymiser) -> None:
    current = _record(Person("4711"), pseudonymiser)
    prior = _record(Person("4711", **changes), pseudonymiser)
    require_same_person(current, prior)
    require_same_person(prior, current)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"name": "Meier^Ida"}, "another name"),
        ({"name": "Möller^Ina"}, "another name"),
        ({"birth_date": "19710315"}, "another birth date"),
        ({"sex": "M"}, "another sex"),
        ({"name": "Meier^Jan", "sex": "M"}, "another name and another sex"),
    ],
    ids=["family", "given", "birth date", "sex", "two"],
)
def test_another_person_under_the_same_id_is_refused_without_naming_either(
    changes: dict[str, str], word: str, pseudonymiser: Pseudonymiser
) -> None:
    with pytest.raises(InputRejected, match=word) as refused:
        require_same_person(_record(Person("4711"), pseudonymiser), _record(Person("4711", **changes), pseudonymiser))
    assert not any(value in refused.value.reason for value in (*changes.values(), "Möller", "4711"))


def test_two_patients_are_never_compared(pseudonymiser: Pseudonymiser) -> None:
    with pytest.raises(InputRejected, match="not of the same patient"):
        require_same_person(_record(Person("4711"), pseudonymiser), _record(Person("4712"), pseudonymiser))
