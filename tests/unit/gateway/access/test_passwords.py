from __future__ import annotations

from typing import Literal

import pytest
from argon2 import PasswordHasher

from gateway.access.passwords import SHORTEST, Passwords, WeakPassword, check_new_password


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "at least 12"),
        ("x" * (SHORTEST - 1), "at least 12"),
        ("abababababab", "different"),
        ("anna has a long one", "user name"),
        ("password12345", "default"),
        ("Password!2026?", "default"),
        ("changeme-changeme", "default"),
        ("interval-2026-x", "default"),
        ("012345678901", "sequence"),
        ("abcdefghijkl", "sequence"),
    ],
)
def test_easy_passwords_are_refused(password: str, reason: str) -> None:
    with pytest.raises(WeakPassword, match=reason) as refused:
        check_new_password(password, "anna")
    assert password not in refused.value.reason


@pytest.mark.parametrize("password", ["a heron by the lake", "8f2k-99sd-qq1z", "Das Passwort ist ein Reiher"])
def test_other_passwords_pass(password: str) -> None:
    check_new_password(password, "anna")


def test_the_same_text_in_another_unicode_form_is_the_same_password(passwords: Passwords) -> None:
    stored = passwords.hash("ein Schwan am Fluß, \u00fcber Nacht")
    assert passwords.matches(stored, "ein Schwan am Fluß, u\u0308ber Nacht")
    assert not passwords.matches(stored, "ein Schwan am Fluss, uber Nacht")


def test_for_an_account_that_does_not_exist_a_real_hash_is_computed() -> None:
    compared: list[str | bytes] = []

    class Watched(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - the library's name
            compared.append(hash)
            return super().verify(hash, password)

    passwords = Passwords(Watched(time_cost=1, memory_cost=8, parallelism=1))
    known = passwords.hash("a heron by the lake")
    passwords.matches(known, "not the password")
    passwords.matches(None, "not the password")
    assert len(compared) == 2
    costs = [str(one).split("$")[1:4] for one in compared]
    assert costs[0] == costs[1], "of the same algorithm and cost"
