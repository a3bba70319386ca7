"""HTTP basic authentication (RFC 7617) for modalities that send by STOW-RS.

A modality sends its password with every request, hundreds of times for a study. What was right a moment ago is
therefore remembered for a minute, as a keyed hash that ends with the process.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import threading
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
        if user is None or not self._remembers(user, password, now):
            if not confirm_password(self._sessions, user_name, password, passwords=self._passwords, now=now):
                return None
            with self._sessions() as session:
                user = session.get_one(User, user_name)
            self._remember(user, password, now)
        return SignedIn(user.user_name, user.display_name, Role(user.role), "", now + REMEMBERED_FOR)

    def _fingerprint(self, user: User, password: str) -> bytes:
        # The stored hash takes part, so that a changed password is forgotten at once.
        message = "\0".join((user.user_name, user.password_hash, password)).encode()
        return hmac.digest(self._key, message, "sha256")

    def _remembers(self, user: User, password: str, now: datetime) -> bool:
        with self._lock:
            return self._until.get(self._fingerprint(user, password), now) > now

    def _remember(self, user: User, password: str, now: datetime) -> None:
        with self._lock:
            if len(self._until) >= _MOST_REMEMBERED:
                self._until.clear()
            self._until[self._fingerprint(user, password)] = now + REMEMBERED_FOR


def _decode(header: str | None) -> tuple[str, str] | None:
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user_name, colon, password = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (user_name, password) if colon and len(password) <= 256 else None
