from __future__ import annotations

import pytest

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
