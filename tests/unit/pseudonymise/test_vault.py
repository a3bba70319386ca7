"""The vault's rows: closed, bound to their place, and the way to each patient's key."""

from __future__ import annotations

import pytest

from gateway.pseudonymise.apply import NotCleanable, pseudonymise_instance
from gateway.pseudonymise.identity import PatientIdentity, Pseudonymiser
from gateway.pseudonymise.keys import KeyRing
from gateway.pseudonymise.profile import Profile
from gateway.pseudonymise.record import StudyRecord, StudyRecordBuilder
from gateway.pseudonymise.vault import Vault, VaultRowUnreadable
from tests.unit.pseudonymise.images import OTHER_SECRET, SECRET, encoded, scanner_image
from tests.unit.pseudonymise.rows import MemoryStore


def record_of(pseudonymiser: Pseudonymiser, *numbers: int) -> StudyRecord:
    builder = StudyRecordBuilder(pseudonymiser)
    for number in numbers:
        original = encoded(scanner_image(number))
        builder.add(pseudonymise_instance(original, pseudonymiser), original)
    return builder.build()


def test_a_record_comes_back_as_it_went_in(keys: KeyRing, pseudonymiser: Pseudonymiser) -> None:
    store = MemoryStore()
    record = record_of(pseudonymiser, 1, 2)
    Vault(store, keys).put(record)
    loaded = Vault(store, keys).get(record.study_instance_uid)
    assert loaded == record
    assert str(loaded.patient.PatientName) == "Tse^Mei Ling"
    assert str(loaded.general_study.ReferringPhysicianName) == "Ärztin^Rosa"
    assert loaded.general_study.AccessionNumber == "ACC4711"
    assert set(loaded.instances.values()) == {"1.3.12.2.1107.5.2.43.7.30.1", "1.3.12.2.1107.5.2.43.7.30.2"}
    assert list(loaded.frames_of_reference.values()) == ["1.3.12.2.1107.5.2.43.7.40"]


def test_a_date_that_is_none_comes_back_as_it_came(pseudonymiser: Pseudonymiser) -> None:
    record = record_of(pseudonymiser, 1)
    odd = record.model_copy(update={"general_study_module": '{"00080020": {"vr": "DA", "Value": ["2023040="]}}'})
    assert str(odd.general_study.get("StudyDate")) == "2023040="


def test_rows_show_nothing(keys: KeyRing, pseudonymiser: Pseudonymiser) -> None:
    store = MemoryStore()
    Vault(store, keys).put(record_of(pseudonymiser, 1))
    content = b"".join(key.encode() + row[1] for key, row in store.rows.items())
    for trace in (b"Tse", b"4711", b"1.3.12", b"ELSEWHERE"):
        assert trace not in content


def test_an_unknown_study_is_a_key_error(keys: KeyRing) -> None:
    with pytest.raises(KeyError):
        Vault(MemoryStore(), keys).get("2.25.1")


def test_changed_moved_and_foreign_rows_do_not_open(keys: KeyRing, pseudonymiser: Pseudonymiser) -> None:
    store = MemoryStore()
    record = record_of(pseudonymiser, 1)
    Vault(store, keys).put(record)
    row_key = f"study/{record.study_instance_uid}"
    key_id, ciphertext = store.rows[row_key]
    store.rows["study/2.25.9"] = (key_id, ciphertext)
    with pytest.raises(VaultRowUnreadable, match="moved"):
        Vault(store, keys).get("2.25.9")
    for broken in (ciphertext[:-1] + bytes([ciphertext[-1] ^ 1]), ciphertext[:5], b""):
        store.rows[row_key] = (key_id, broken)
        with pytest.raises(VaultRowUnreadable):
            Vault(store, keys).get(record.study_instance_uid)
    store.rows[row_key] = ("another", ciphertext)
    with pytest.raises(VaultRowUnreadable, match="needs a key"):
        Vault(store, keys).get(record.study_instance_uid)


def test_a_second_batch_adds_to_the_first(keys: KeyRing, pseudonymiser: Pseudonymiser) -> None:
    vault = Vault(MemoryStore(), keys)
    vault.put(record_of(pseudonymiser, 1))
    vault.put(record_of(pseudonymiser, 2))
    assert len(vault.get(record_of(pseudonymiser, 1).study_instance_uid).instances) == 2


def test_a_study_can_not_change_its_patient(keys: KeyRing, pseudonymiser: Pseudonymiser) -> None:
    vault = Vault(MemoryStore(), keys)
    vault.put(record_of(pseudonymiser, 1))
    forged = record_of(pseudonymiser, 1).model_copy(update={"patient_id": "0815"})
    with pytest.raises(NotCleanable, match="not of one patient"):
        vault.put(forged)


def test_after_a_key_rotation_existing_patients_stay_linked(profile: Profile) -> None:
    store = MemoryStore()
    old = KeyRing.from_secret(SECRET, "2025")
    before = Pseudonymiser(old, profile, Vault(store, old).key_of)
    record = record_of(before, 1)
    Vault(store, old).put(record)
    rotated = KeyRing.from_secret(OTHER_SECRET, "2026").with_retired([(SECRET, "2025")])
    vault = Vault(store, rotated)
    after = Pseudonymiser(rotated, profile, vault.key_of)
    assert record_of(after, 1) == record
    assert vault.get(record.study_instance_uid) == record
    newcomer = PatientIdentity("0815")
    assert after.subkeys(newcomer).key_id == "2026"
    assert after.pseudonym(newcomer) != before.pseudonym(newcomer)
    vault.put(record_of(after, 2))
    assert store.rows[f"study/{record.study_instance_uid}"][0] == "2026"
    assert len(vault.get(record.study_instance_uid).instances) == 2
    assert after.subkeys(record.identity).key_id == "2025"


def test_a_study_of_two_patients_is_refused(pseudonymiser: Pseudonymiser) -> None:
    for keyword, value in (("PatientID", "0815"), ("PatientName", "Tsa^Mei Ling"), ("PatientBirthDate", "19310215")):
        builder = StudyRecordBuilder(pseudonymiser)
        first, second = scanner_image(1), scanner_image(2)
        setattr(second, keyword, value)
        builder.add(pseudonymise_instance(encoded(first), pseudonymiser), encoded(first))
        with pytest.raises(NotCleanable, match="identity"):
            builder.add(pseudonymise_instance(encoded(second), pseudonymiser), encoded(second))


def test_a_duplicate_with_another_content_is_refused(pseudonymiser: Pseudonymiser) -> None:
    builder = StudyRecordBuilder(pseudonymiser)
    original = encoded(scanner_image(1))
    builder.add(pseudonymise_instance(original, pseudonymiser), original)
    builder.add(pseudonymise_instance(original, pseudonymiser), original)
    assert len(builder.build().instances) == 1
    other = scanner_image(2)
    other.SOPInstanceUID = scanner_image(1).SOPInstanceUID
    with pytest.raises(NotCleanable, match="same SOP Instance UID"):
        builder.add(pseudonymise_instance(encoded(other), pseudonymiser), encoded(other))


def test_another_study_and_an_empty_one_are_refused(pseudonymiser: Pseudonymiser) -> None:
    builder = StudyRecordBuilder(pseudonymiser)
    with pytest.raises(NotCleanable, match="no image"):
        builder.build()
    other = scanner_image(2)
    other.StudyInstanceUID = "1.2.3"
    builder.add(pseudonymise_instance(encoded(scanner_image(1)), pseudonymiser), encoded(scanner_image(1)))
    with pytest.raises(NotCleanable, match="another study"):
        builder.add(pseudonymise_instance(encoded(other), pseudonymiser), encoded(other))
