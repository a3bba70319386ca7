"""The secret of the gateway and the subkeys that are derived from it.

One secret per key id; from it HKDF-SHA256 (RFC 5869) derives a key for each use, so that a leak of what one use
produces (pseudonyms, UIDs, shifts, vault rows) says nothing about another. A ring holds the key for new patients
first and the retired keys behind it: patients that were met under an older key stay with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MIN_SECRET_BYTES = 32
_MIN_DISTINCT_BYTES = 10
_GIVEAWAYS = (b"changeme", b"change-me", b"change_me", b"password", b"secret", b"default", b"example", b"interval-demo")


class WeakSecret(ValueError):
    """The secret is missing, short, guessable or a default; the gateway does not start with it."""


@dataclass(frozen=True)
class SubKeys:
    """The keys of one key id, 32 bytes each, one per use."""

    key_id: str
    pseudonym: bytes = field(repr=False)
    uid: bytes = field(repr=False)
    date_shift: bytes = field(repr=False)
    vault: bytes = field(repr=False)
    release: bytes = field(repr=False)


@dataclass(frozen=True)
class KeyRing:
    """The current subkeys, and the retired ones that existing patients are still linked by.

    Parameters
    ----------
    current : SubKeys
        New patients get these.
    retired : tuple of SubKeys
        Newest first, for the rows that they encrypted and the patients that they named; nothing new is named by them.
    """

    current: SubKeys
    retired: tuple[SubKeys, ...] = ()

    @classmethod
    def from_secret(cls, secret: bytes, key_id: str) -> KeyRing:
        """Derive a ring of one key.

        Raises
        ------
        WeakSecret
            If the secret is missing, shorter than 32 bytes, guessable or a default, or the key id is unusable.
        """
        return cls(derive_subkeys(secret, key_id))

    @classmethod
    def from_file(cls, path: Path, key_id: str) -> KeyRing:
        """Like `from_secret`, with the secret in a file; white space around a text is not part of it."""
        try:
            secret = path.read_bytes()
        except OSError as error:
            raise WeakSecret("the key file can't be read") from error
        text = secret.strip()
        # Of random bytes the first or last may look like white space.
        return cls.from_secret(text if text.isascii() else secret, key_id)

    def with_retired(self, older: Iterable[tuple[bytes, str]]) -> KeyRing:
        """Return a ring that also knows older (secret, key id) pairs, newest first.

        Raises
        ------
        WeakSecret
            As `from_secret`, and if two keys have the same id.
        """
        retired = self.retired + tuple(derive_subkeys(secret, key_id) for secret, key_id in older)
        key_ids = [self.current.key_id, *(keys.key_id for keys in retired)]
        if len(set(key_ids)) != len(key_ids):
            raise WeakSecret("two keys have the same key id")
        return KeyRing(self.current, retired)

    @property
    def all(self) -> tuple[SubKeys, ...]:
        """Every key, the current one first."""
        return (self.current, *self.retired)

    def find(self, key_id: str) -> SubKeys | None:
        """Return the keys with this id, or None."""
        return next((keys for keys in self.all if keys.key_id == key_id), None)


def derive_subkeys(secret: bytes, key_id: str) -> SubKeys:
    """Derive the subkeys of one secret. Raises WeakSecret as `KeyRing.from_secret` does."""
    _refuse_weak(secret)
    if not key_id or len(key_id) > 64 or not key_id.isascii() or not key_id.isprintable():
        raise WeakSecret("a key needs a key id of 1 to 64 printable ASCII characters")

    def derive(use: str) -> bytes:
        info = f"interval/pseudonymise/v1/{use}".encode()
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret)

    return SubKeys(
        key_id=key_id,
        pseudonym=derive("pseudonym"),
        uid=derive("uid"),
        date_shift=derive("date shift"),
        vault=derive("vault"),
        release=derive("release"),
    )


def _refuse_weak(secret: bytes) -> None:
    if not secret:
        raise WeakSecret(
            "the pseudonymisation key is missing: give 32 random bytes, for example from 'openssl rand -hex 32'"
        )
    if len(secret) < MIN_SECRET_BYTES:
        raise WeakSecret(f"the pseudonymisation key is too short: it needs at least {MIN_SECRET_BYTES} bytes")
    lowered = secret.lower()
    if any(word in lowered for word in _GIVEAWAYS):
        raise WeakSecret("the pseudonymisation key looks like a default or a password: use random bytes")
    steps = {(b - a) % 256 for a, b in pairwise(secret)}
    if len(set(secret)) < _MIN_DISTINCT_BYTES or len(steps) < _MIN_DISTINCT_BYTES:
        raise WeakSecret("the pseudonymisation key is too regular: use random bytes")
