"""Passwords: the rules for new ones, and argon2id for what is stored."""

from __future__ import annotations

import secrets
import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from processing.domain.errors import InputRejected

SHORTEST = 12
"""Fewest characters of a password."""

FEWEST_DIFFERENT = 6
"""Fewest different characters of a password."""

_WELL_KNOWN = (
    "password",
    "passwort",
    "changeme",
    "changeit",
    "letmein",
    "welcome",
    "qwertyuiop",
    "qwertzuiop",
    "administrator",
    "operator",
    "radiology",
    "interval",
    "orthanc",
    "default",
    "secret",
)
_PARALLEL_HASHES = 2
"""argon2 takes 64 MiB each time; without a bound, a flood of log-ins would take the machine's memory."""


class WeakPassword(InputRejected):
    """A new password that breaks a rule; the reason names the rule, never the password."""


def check_new_password(password: str, user_name: str) -> None:
    """Refuse a password that is easy to guess.

    Parameters
    ----------
    password : str
    user_name : str
        A password must not contain it.

    Raises
    ------
    WeakPassword
        If the password is shorter than `SHORTEST`, has fewer than `FEWEST_DIFFERENT` different characters, holds
        the user name, or is a well-known word with little around it.
    """
    folded = unicodedata.normalize("NFKC", password).casefold()
    if len(folded) < SHORTEST:
        raise WeakPassword(f"A password has at least {SHORTEST} characters.")
    if len(set(folded)) < FEWEST_DIFFERENT:
        raise WeakPassword(f"A password has at least {FEWEST_DIFFERENT} different characters.")
    if len(user_name) >= 3 and user_name.casefold() in folded:
        raise WeakPassword("A password does not contain the user name.")
    letters = "".join(character for character in folded if character.isalpha())
    rest = letters
    for word in _WELL_KNOWN:
        rest = rest.replace(word, "")
    if rest != letters and len(rest) < 4:
        raise WeakPassword("This password is a well-known default.")
    if folded in "01234567890123456789012345678901234567890" or folded in "abcdefghijklmnopqrstuvwxyz":
        raise WeakPassword("This password is a well-known sequence.")


class Passwords:
    """Hashes and checks passwords.

    Parameters
    ----------
    hasher : PasswordHasher, optional
        argon2id with the library's parameters (RFC 9106, second recommended option) unless a test gives cheaper
        ones.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turn = threading.BoundedSemaphore(_PARALLEL_HASHES)
        self._of_nobody = self._hasher.hash(secrets.token_urlsafe(32))

    def hash(self, password: str) -> str:
        """Return the text that is stored: parameters, salt and hash."""
        with self._turn:
            return self._hasher.hash(unicodedata.normalize("NFKC", password))

    def matches(self, stored: str | None, password: str) -> bool:
        """Whether the password belongs to the stored hash.

        Parameters
        ----------
        stored : str or None
            None for an account that does not exist: the same work is done, so that the time of the answer does
            not tell which user names exist.
        password : str
        """
        with self._turn:
            try:
                same = self._hasher.verify(stored or self._of_nobody, unicodedata.normalize("NFKC", password))
            except (VerificationError, InvalidHashError):
                return False
        return same and stored is not None
