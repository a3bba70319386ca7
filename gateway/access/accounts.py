"""Accounts and sessions: making them, signing in and out, and being throttled.

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

from gateway.access.oidc import NotAdmitted, Person
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

CONFIRMED_FOR = timedelta(minutes=5)
"""How long after proving who they are to the provider a person may sign."""

SEEN_EVERY = timedelta(minutes=1)
"""How exactly the last use of a session is known."""

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
    session_key : str
        Tells one session from another; not its token.
    external : bool
        Whether an identity provider answers for the person; they have no password here.
    confirmed_at : datetime or None
        When they last proved who they are to the provider.
    """

    user_name: str
    display_name: str
    role: Role
    csrf_token: str
    expires_at: datetime
    session_key: str = ""
    external: bool = False
    confirmed_at: datetime | None = None

    @property
    def confirmed_until(self) -> datetime | None:
        """How long a person without a password here may sign results; None when they must ask the provider first."""
        return self.confirmed_at + CONFIRMED_FOR if self.external and self.confirmed_at is not None else None


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
    if user.subject is not None:
        raise InputRejected("The identity provider answers for this account; it has no password here.")
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
    with sessions.begin() as session:
        return _open_session(session, session.get_one(User, user_name), lifetime, now)


def admit(session: Session, person: Person, *, lifetime: timedelta, now: datetime | None = None) -> OpenedSession:
    """Open a session for somebody whom the identity provider vouches for; their account follows what it says.

    Raises
    ------
    NotAdmitted
        If the user name belongs to another account.
    """
    now = now or datetime.now(UTC)
    user = session.scalars(select(User).where(User.subject == person.subject)).one_or_none()
    if user is None:
        user_name = person.user_name
        if not _USER_NAME.fullmatch(user_name):
            user_name = f"person-{hashlib.sha256(person.subject.encode()).hexdigest()[:16]}"
        if session.get(User, user_name) is not None:
            raise NotAdmitted("Another account already has this user name. Ask whoever manages accounts.")
        user = User(user_name=user_name, subject=person.subject, password_hash="", failed_logins=0)
        session.add(user)
    user.display_name, user.role = person.display_name, person.role.value
    session.flush()
    return _open_session(session, user, lifetime, now, confirmed_at=now)


def note_confirmed(session: Session, digest: str, person: Person, *, now: datetime | None = None) -> None:
    """Keep that the person of a session proved again who they are.

    Raises
    ------
    NotAdmitted
        If the session is another person's, or over.
    """
    now = now or datetime.now(UTC)
    opened = session.get(LoginSession, digest)
    user = session.get(User, opened.user_name) if opened is not None and opened.expires_at > now else None
    if opened is None or user is None or user.subject != person.subject:
        raise NotAdmitted("Somebody else answered at the identity provider. Nothing was confirmed.")
    opened.confirmed_at = now


def _open_session(
    session: Session, user: User, lifetime: timedelta, now: datetime, *, confirmed_at: datetime | None = None
) -> OpenedSession:
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    session.execute(delete(LoginSession).where(LoginSession.expires_at <= now))
    opened = LoginSession(
        token_sha256=digest_of(token),
        user_name=user.user_name,
        csrf_token=secrets.token_urlsafe(_TOKEN_BYTES),
        created_at=now,
        expires_at=now + lifetime,
        seen_at=now,
        confirmed_at=confirmed_at,
    )
    session.add(opened)
    return OpenedSession(token, _signed_in(user, opened))


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


def session_of(
    session: Session, token: str, *, idle: timedelta | None = None, now: datetime | None = None
) -> SignedIn | None:
    """Who a cookie's token belongs to; None when it is unknown, its time is over, or nobody used it for `idle`."""
    now = now or datetime.now(UTC)
    found = session.execute(
        select(LoginSession, User)
        .join(User, User.user_name == LoginSession.user_name)
        .where(LoginSession.token_sha256 == digest_of(token), LoginSession.expires_at > now)
    ).one_or_none()
    if found is None:
        return None
    opened, user = found
    if idle is not None and (opened.seen_at or opened.created_at) <= now - idle:
        return None
    return _signed_in(user, opened)


def note_use(sessions: sessionmaker[Session], token: str, *, now: datetime | None = None) -> None:
    """Keep that a person, and not only an open page, used a session; written once a minute at most."""
    now = now or datetime.now(UTC)
    with sessions.begin() as session:
        session.execute(
            update(LoginSession)
            .where(
                LoginSession.token_sha256 == digest_of(token),
                or_(LoginSession.seen_at.is_(None), LoginSession.seen_at <= now - SEEN_EVERY),
            )
            .values(seen_at=now)
        )


def log_out(session: Session, token: str) -> None:
    """End a session; an unknown token is no error."""
    session.execute(delete(LoginSession).where(LoginSession.token_sha256 == digest_of(token)))


def digest_of(token: str) -> str:
    """Return what the table keeps of a token: of 256 random bits a plain hash tells nobody anything."""
    return hashlib.sha256(token.encode()).hexdigest()


def _signed_in(user: User, opened: LoginSession) -> SignedIn:
    return SignedIn(
        user_name=user.user_name,
        display_name=user.display_name,
        role=Role(user.role),
        csrf_token=opened.csrf_token,
        expires_at=opened.expires_at,
        session_key=opened.token_sha256[:16],
        external=user.subject is not None,
        confirmed_at=opened.confirmed_at,
    )
