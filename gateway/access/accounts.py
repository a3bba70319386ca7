"""Local accounts: making them, signing in and out, and being throttled.

An attempt is counted before the password is looked at and taken back when it was right. Counting afterwards would
let many guesses that arrive at the same moment all pass before the first of them is counted.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session, sessionmaker

from gateway.access.passwords import Passwords, check_new_password
from gateway.access.roles import Role
from gateway.db.tables import LoginSession, User
from processing.domain.errors import InputRejected

FREE_FAILURES = 5
"""Failures in a row after which an account is locked for a while."""

FIRST_LOCK = timedelta(minutes=1)
LONGEST_LOCK = timedelta(minutes=15)

REFUSED = "The user name or the password is wrong, or the account is locked for some minutes after repeated failures."
"""The one sentence for every refusal: it does not tell whether the account exists."""

_TOKEN_BYTES = 32
_USER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class SignedIn:
    """A person or machine that proved who it is.

    Parameters
    ----------
    user_name, display_name : str
    role : Role
    csrf_token : str
        What every changing request of this session must carry; empty for HTTP basic authentication.
    expires_at : datetime
        With time zone.
    """

    user_name: str
    display_name: str
    role: Role
    csrf_token: str
    expires_at: datetime


@dataclass(frozen=True)
class OpenedSession:
    """A new session: `token` goes into the cookie and is stored nowhere."""

    token: str
    who: SignedIn


def create_account(
    session: Session, user_name: str, display_name: str, role: Role, password: str, *, passwords: Passwords
) -> None:
    """Make a local account.

    Raises
    ------
    InputRejected
        If the name is malformed or taken.
    WeakPassword
        If the password breaks a rule.
    """
    if not _USER_NAME.fullmatch(user_name):
        raise InputRejected("A user name has letters, digits, dots, hyphens and underscores, 64 at most.")
    if not display_name.strip() or len(display_name) > 128:
        raise InputRejected("A display name has between 1 and 128 characters.")
    check_new_password(password, user_name)
    if session.get(User, user_name) is not None:
        raise InputRejected("This user name is taken.")
    session.add(
        User(
            user_name=user_name,
            display_name=display_name.strip(),
            role=role.value,
            password_hash=passwords.hash(password),
            failed_logins=0,
        )
    )
    session.flush()


def set_password(session: Session, user_name: str, password: str, *, passwords: Passwords) -> None:
    """Give an account a new password, end its sessions and lift its lock.

    Raises
    ------
    InputRejected
        If there is no such account.
    WeakPassword
        If the password breaks a rule.
    """
    user = session.get(User, user_name)
    if user is None:
        raise InputRejected("There is no account of this name.")
    check_new_password(password, user_name)
    user.password_hash = passwords.hash(password)
    user.failed_logins = 0
    user.locked_until = None
    session.execute(delete(LoginSession).where(LoginSession.user_name == user_name))


def log_in(
    sessions: sessionmaker[Session],
    user_name: str,
    password: str,
    *,
    passwords: Passwords,
    lifetime: timedelta,
    now: datetime | None = None,
) -> OpenedSession | None:
    """Check a password and open a session; None when it is refused, for whatever reason."""
    now = now or datetime.now(UTC)
    if not confirm_password(sessions, user_name, password, passwords=passwords, now=now):
        return None
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    with sessions.begin() as session:
        user = session.get_one(User, user_name)
        session.execute(delete(LoginSession).where(LoginSession.expires_at <= now))
        opened = LoginSession(
            token_sha256=_digest(token),
            user_name=user_name,
            csrf_token=secrets.token_urlsafe(_TOKEN_BYTES),
            created_at=now,
            expires_at=now + lifetime,
        )
        session.add(opened)
        return OpenedSession(token, _signed_in(user, opened.csrf_token, opened.expires_at))


def confirm_password(
    sessions: sessionmaker[Session],
    user_name: str,
    password: str,
    *,
    passwords: Passwords,
    now: datetime | None = None,
) -> bool:
    """Whether the password is this account's, throttled.

    After `FREE_FAILURES` failures in a row the account is locked for `FIRST_LOCK`, then twice as long after each
    further failure, up to `LONGEST_LOCK`. During a lock even the right password is refused.
    """
    now = now or datetime.now(UTC)
    stored = _count_attempt(sessions, user_name, now)
    if not passwords.matches(stored, password):
        return False
    with sessions.begin() as session:
        session.execute(update(User).where(User.user_name == user_name).values(failed_logins=0, locked_until=None))
    return True


def _count_attempt(sessions: sessionmaker[Session], user_name: str, now: datetime) -> str | None:
    """Count one attempt as failed and return the hash to compare with; None when there is nothing to compare with."""
    with sessions.begin() as session:
        counted = session.execute(
            update(User)
            .where(User.user_name == user_name, or_(User.locked_until.is_(None), User.locked_until <= now))
            .values(failed_logins=User.failed_logins + 1)
        )
        if not isinstance(counted, CursorResult) or counted.rowcount == 0:
            return None
        user = session.get_one(User, user_name)
        over = user.failed_logins - FREE_FAILURES
        if over >= 0:
            user.locked_until = now + min(FIRST_LOCK * 2 ** min(over, 10), LONGEST_LOCK)
        return user.password_hash


def session_of(session: Session, token: str, *, now: datetime | None = None) -> SignedIn | None:
    """Who a cookie's token belongs to; None when it is unknown or its time is over."""
    now = now or datetime.now(UTC)
    found = session.execute(
        select(LoginSession, User)
        .join(User, User.user_name == LoginSession.user_name)
        .where(LoginSession.token_sha256 == _digest(token), LoginSession.expires_at > now)
    ).one_or_none()
    if found is None:
        return None
    opened, user = found
    return _signed_in(user, opened.csrf_token, opened.expires_at)


def log_out(session: Session, token: str) -> None:
    """End a session; an unknown token is no error."""
    session.execute(delete(LoginSession).where(LoginSession.token_sha256 == _digest(token)))


def _digest(token: str) -> str:
    """A token is 256 random bits: a plain hash keeps it from anyone who reads the table."""
    return hashlib.sha256(token.encode()).hexdigest()


def _signed_in(user: User, csrf_token: str, expires_at: datetime) -> SignedIn:
    return SignedIn(user.user_name, user.display_name, Role(user.role), csrf_token, expires_at)
