"""Corrections by an operator, and what happens without one."""

from __future__ import annotations

import pytest
from pydicom import Dataset

from gateway.pseudonymise.apply import NotCleanable, pseudonymise_instance
from gateway.pseudonymise.corrections import AuditEntry, Operation, correct_patient, merge_patients
from gateway.pseudonymise.identity import PatientIdentity, Pseudonymiser
from gateway.pseudonymise.keys import KeyRing
from gateway.pseudonymise.profile import Profile
from gateway.pseudonymise.record import StudyRecord, StudyRecordBuilder
from gateway.pseudonymise.vault import Vault
from processing.domain.errors import InputRejected
from tests.unit.pseudonymise.images import OTHER_SECRET, SECRET, encoded, scanner_image
from tests.unit.pseudonymise.rows import MemoryStore


class Trail(list[AuditEntry]):
    """Entries in a list."""


def _record(pseudonymiser: Pseudonymiser, image: Dataset) -> StudyRecord:
    builder = StudyRecordBuilder(pseudonymiser)
    builder.add(pseudonymise_instance(encoded(image), pseudonymiser), encoded(image))
    return builder.build()


@pytest.fixture
def vault(keys: KeyRing, pseudonymiser: Pseudonymiser) -> Vault:
    vault = Vault(MemoryStore(), keys)
    vault.put(_record(pseudonymiser, scanner_image(1)))
    return vault


@pytest.fixture
def study(pseudonymiser: Pseudonymiser) -> str:
    return pseudonymiser.uid(scanner_image().StudyInstanceUID)


def test_a_changed_name_does_not_slip_in(vault: Vault, study: str, pseudonymiser: Pseudonymiser) -> None:
    renamed = scanner_image(2)
    renamed.PatientName = "Other^Name"
    vault.put(_record(pseudonymiser, renamed))
    record = vault.get(study)
    assert str(record.patient.PatientName) == "Tse^Mei Ling"
    assert len(record.instances) == 2


def test_a_correction_is_taken_over_and_leaves_a_trace(vault: Vault, study: str) -> None:
    trail = Trail()
    corrected = scanner_image()
    corrected.PatientName = "Tsé^Mei Ling"
    correct_patient(vault, [study], corrected, trail, actor="operator", reason="misspelt at admission")
    assert str(vault.get(study).patient.PatientName) == "Tsé^Mei Ling"
    assert vault.get(study).instances
    entry = trail[0]
    assert entry.operation is Operation.CORRECTION
    assert (entry.actor, entry.changed) == ("operator", ("PatientName",))
    assert "Mei" not in repr(trail)


def test_a_merge_moves_a_study_to_the_surviving_patient(vault: Vault, study: str, pseudonymiser: Pseudonymiser) -> None:
    trail = Trail()
    surviving = scanner_image()
    surviving.PatientID = "0815"
    before = vault.get(study)
    merge_patients(vault, [study], surviving, pseudonymiser, trail, actor="operator", reason="double admission")
    after = vault.get(study)
    identity = PatientIdentity("0815", "ELSEWHERE")
    assert after.identity == identity
    assert after.pseudonym == pseudonymiser.pseudonym(identity) != before.pseudonym
    assert after.shift_days == pseudonymiser.shift_days(identity)
    assert after.release_key != before.release_key
    assert (trail[0].pseudonym, trail[0].new_pseudonym) == (before.pseudonym, after.pseudonym)
    # What comes in under the surviving ID from now on is of the same patient.
    image = scanner_image(2)
    image.PatientID = "0815"
    vault.put(_record(pseudonymiser, image))
    assert len(vault.get(study).instances) == 2


def test_corrections_need_the_right_patient_a_name_and_a_reason(
    vault: Vault, study: str, pseudonymiser: Pseudonymiser
) -> None:
    trail = Trail()
    other = scanner_image()
    other.PatientID = "0815"
    with pytest.raises(InputRejected, match="another patient ID"):
        correct_patient(vault, [study], other, trail, actor="operator", reason="why")
    with pytest.raises(InputRejected, match="already"):
        merge_patients(vault, [study], scanner_image(), pseudonymiser, trail, actor="operator", reason="why")
    with pytest.raises(InputRejected, match="a name and a reason"):
        correct_patient(vault, [study], scanner_image(), trail, actor="operator", reason=" ")
    with pytest.raises(KeyError):
        correct_patient(vault, ["2.25.1"], scanner_image(), trail, actor="operator", reason="why")
    assert trail == []


def test_another_content_under_the_same_uid_is_noticed_later_too(
    vault: Vault, study: str, pseudonymiser: Pseudonymiser
) -> None:
    vault.put(_record(pseudonymiser, scanner_image(1)))
    other = scanner_image(2)
    other.SOPInstanceUID = scanner_image(1).SOPInstanceUID
    with pytest.raises(NotCleanable, match="different contents"):
        vault.put(_record(pseudonymiser, other))
    assert len(vault.get(study).instances) == 1


def test_a_merge_with_a_patient_of_another_key_takes_that_patient_s_uids(keys: KeyRing, profile: Profile) -> None:
    store = MemoryStore()
    rotated = KeyRing.from_secret(OTHER_SECRET, "2026").with_retired([(SECRET, keys.current.key_id)])
    before = Pseudonymiser(keys, profile)
    Vault(store, keys).put(_record(before, scanner_image(1)))
    vault = Vault(store, rotated)
    after = Pseudonymiser(rotated, profile, vault.key_of)
    surviving = scanner_image(1)
    surviving.PatientID = "0815"
    old_uid = before.uid(surviving.StudyInstanceUID)
    trail = Trail()
    (merged,) = merge_patients(vault, [old_uid], surviving, after, trail, actor="operator", reason="why")
    assert (merged.key_id, merged.study_instance_uid) == ("2026", after.uid(surviving.StudyInstanceUID))
    assert (trail[0].study_instance_uid, trail[0].new_study_instance_uid) == (old_uid, merged.study_instance_uid)
    with pytest.raises(KeyError):
        vault.get(old_uid)
    # Prepared again under the new identity, the record takes the image's new UIDs and knows none of the old ones.
    vault.put(_record(after, surviving))
    assert len(vault.get(merged.study_instance_uid).instances) == 1
    assert after.subkeys(merged.identity).key_id == "2026"


def test_a_merge_onto_a_study_that_is_there_already_is_refused(keys: KeyRing, profile: Profile) -> None:
    store = MemoryStore()
    rotated = KeyRing.from_secret(OTHER_SECRET, "2026").with_retired([(SECRET, keys.current.key_id)])
    Vault(store, keys).put(_record(Pseudonymiser(keys, profile), scanner_image(1)))
    vault = Vault(store, rotated)
    after = Pseudonymiser(rotated, profile, vault.key_of)
    surviving = scanner_image(1)
    surviving.PatientID = "0815"
    vault.put(_record(after, surviving))
    old_uid = Pseudonymiser(keys, profile).uid(surviving.StudyInstanceUID)
    with pytest.raises(InputRejected, match="under the other patient already"):
        merge_patients(vault, [old_uid], surviving, after, Trail(), actor="operator", reason="why")
    assert vault.get(old_uid).patient_id != "0815"
