"""Secrets that are refused, and what the keys make of an identity."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.pseudonymise.identity import PatientIdentity, Pseudonymiser
from gateway.pseudonymise.keys import KeyRing, WeakSecret
from gateway.pseudonymise.profile import Profile
from processing.domain.errors import InputRejected
from tests.unit.pseudonymise.images import OTHER_SECRET, SECRET


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        (b"", "missing"),
        (SECRET[:31], "too short"),
        (b"\0" * 32, "regular"),
        (bytes(range(64)), "regular"),
        (b"0123456789abcdef" + b"changeme" * 3, "default"),
        (b"MyPassword-MyPassword-MyPassword-1", "default"),
    ],
)
def test_weak_secrets_are_refused(secret: bytes, reason: str) -> None:
    with pytest.raises(WeakSecret, match=reason):
        KeyRing.from_secret(secret, "k")


def test_key_ids_are_checked() -> None:
    with pytest.raises(WeakSecret, match="key id"):
        KeyRing.from_secret(SECRET, "")
    with pytest.raises(WeakSecret, match="same key id"):
        KeyRing.from_secret(SECRET, "k").with_retired([(OTHER_SECRET, "k")])


def test_key_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with pytest.raises(WeakSecret, match="can't be read"):
        KeyRing.from_file(path, "k")
    path.write_text(SECRET.hex() + "\n")
    assert KeyRing.from_file(path, "k") == KeyRing.from_secret(SECRET.hex().encode(), "k")
    assert SECRET.endswith(b"\r")
    path.write_bytes(SECRET)
    assert KeyRing.from_file(path, "k") == KeyRing.from_secret(SECRET, "k")


def test_subkeys_differ_by_use_and_do_not_show() -> None:
    keys = KeyRing.from_secret(SECRET, "k").current
    uses = [keys.pseudonym, keys.uid, keys.date_shift, keys.vault, keys.release]
    assert len(set(uses)) == len(uses)
    assert all(len(key) == 32 for key in uses)
    assert keys.uid.hex() not in repr(keys)
    assert repr(keys.uid) not in repr(keys)


def test_pseudonyms_have_the_promised_form(pseudonymiser: Pseudonymiser) -> None:
    identity = PatientIdentity("4711", "A")
    assert pseudonymiser.pseudonym(identity).startswith("IV-")
    assert len(pseudonymiser.pseudonym(identity)) == 15
    adjective, noun, number = pseudonymiser.readable_name(identity).split("-")
    assert adjective.isalpha()
    assert noun.isalpha()
    assert 10 <= int(number) <= 99
    assert 366 <= pseudonymiser.shift_days(identity) <= 3652


def test_no_two_patients_alike(pseudonymiser: Pseudonymiser) -> None:
    identities = [PatientIdentity(str(number), issuer) for number in range(2000) for issuer in ("", "A", "B")]
    assert len({pseudonymiser.pseudonym(identity) for identity in identities}) == len(identities)
    assert len({pseudonymiser.shift_days(identity) for identity in identities}) > 1500


def test_issuer_and_id_can_not_be_confused(pseudonymiser: Pseudonymiser) -> None:
    pairs = [("1", "2|3"), ("1|2", "3"), ("12", "3"), ("1", "23"), ("123", ""), ("1:1", "")]
    assert len({pseudonymiser.pseudonym(PatientIdentity(*pair)) for pair in pairs}) == len(pairs)


def test_padding_is_no_part_of_an_identity(pseudonymiser: Pseudonymiser) -> None:
    assert pseudonymiser.pseudonym(PatientIdentity("4711 ", "A")) == pseudonymiser.pseudonym(
        PatientIdentity("4711", "A ")
    )
    with pytest.raises(InputRejected, match="no patient ID"):
        PatientIdentity(" ")


def test_without_the_key_a_guess_can_not_be_confirmed(pseudonymiser: Pseudonymiser, profile: Profile) -> None:
    attacker = Pseudonymiser(KeyRing.from_secret(OTHER_SECRET, "2026a"), profile)
    identity = PatientIdentity("4711", "A")
    assert attacker.pseudonym(identity) != pseudonymiser.pseudonym(identity)
    assert attacker.readable_name(identity) != pseudonymiser.readable_name(identity)
    assert attacker.uid("1.2.3.4") != pseudonymiser.uid("1.2.3.4")
    assert attacker.shift_days(identity) != pseudonymiser.shift_days(identity)


def test_uids_are_valid_and_those_of_the_standard_stay(pseudonymiser: Pseudonymiser) -> None:
    mapped = pseudonymiser.uid("1.3.12.2.1107.5.2.43.7")
    assert mapped.startswith("2.25.")
    assert len(mapped) <= 64
    assert int(mapped[5:]) >> 76 & 0xF == 8
    for uid in ("1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.1.2.1", "1.2.840.10008.1.1"):
        assert pseudonymiser.uid(uid) == uid
    assert pseudonymiser.uid("1.2.840.10008.99.1.2.3") != "1.2.840.10008.99.1.2.3"
