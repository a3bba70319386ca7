"""HTTP basic authentication (RFC 7617) for modalities that send by STOW-RS.

A modality sends its password with every request, hundreds of times for a study. What was right a moment ago is
therefore remembered for a minute, as a keyed hash that ends with the process.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session, sessionmaker

from gateway.access.accounts import SignedIn, confirm_password
from gateway.access.passwords import Passwords
from gateway.access.roles import Role
from gateway.db.tables import User

REMEMBERED_FOR = timedelta(minutes=1)
_MOST_REMEMBERED = 256


class BasicAuthentication:
    """Checks `Authorization: Basic` headers against local accounts.

    Parameters
    ----------
    sessions : sessionmaker
    passwords : Passwords
    """

    def __init__(self, sessions: sessionmaker[Session], passwords: Passwords) -> None:
        self._sessions = sessions
        self._passwords = passwords
        self._key = secrets.token_bytes(32)
        self._until: dict[bytes, datetime] = {}
        self._turns: dict[bytes, _Turn] = {}
        self._lock = threading.Lock()

    def check(self, header: str | None, *, now: datetime | None = None) -> SignedIn | None:
        """Who sent the header; None when it is missing, malformed, wrong or the account is locked."""
        now = now or datetime.now(UTC)
        credentials = _decode(header)
        if credentials is None:
            return None
        user_name, password = credentials
        with self._sessions() as session:
            user = session.get(User, user_name)
        if user is None:
            # The same work as for an account, so that the time of the answer does not tell which ones exist.
            confirm_password(self._sessions, user_name, password, passwords=self._passwords, now=now)
            return None
        fingerprint = self._fingerprint(user, password)
        if not self._remembers(fingerprint, now):
            with self._turn(fingerprint):
                if not self._remembers(fingerprint, now):
                    if not confirm_password(self._sessions, user_name, password, passwords=self._passwords, now=now):
                        return None
                    self._remember(fingerprint, now)
        return SignedIn(user.user_name, user.display_name, Role(user.role), "", now + REMEMBERED_FOR)

    def _fingerprint(self, user: User, password: str) -> bytes:
        # The stored hash takes part, so that a changed password is forgotten at once.
        message = "\0".join((user.user_name, user.password_hash, password)).encode()
        return hmac.digest(self._key, message, "sha256")

    @contextlib.contextmanager
    def _turn(self, fingerprint: bytes) -> Iterator[None]:
        """Let one request at a time verify the same credentials: the others then find them remembered.

        An attempt counts as failed until it succeeds, so that a modality's parallel requests would lock its account.
        """
        with self._lock:
            turn = self._turns.setdefault(fingerprint, _Turn())
            turn.wanted_by += 1
        try:
            with turn.lock:
                yield
        finally:
            with self._lock:
                turn.wanted_by -= 1
                if not turn.wanted_by:
                    del self._turns[fingerprint]

    def _remembers(self, fingerprint: bytes, now: datetime) -> bool:
        with self._lock:
            return self._until.get(fingerprint, now) > now

    def _remember(self, fingerprint: bytes, now: datetime) -> None:
        with self._lock:
            if len(self._until) >= _MOST_REMEMBERED:
                self._until.clear()
            self._until[fingerprint] = now + REMEMBERED_FOR


@dataclass
class _Turn:
    lock: threading.Lock = field(default_factory=threading.Lock)
    wanted_by: int = 0


def _decode(header: str | None) -> tuple[str, str] | None:
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user_name, colon, password = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (user_name, password) if colon and len(password) <= 256 else None
