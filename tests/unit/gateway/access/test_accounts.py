from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from gateway.access import accounts
from gateway.access.accounts import (
    FIRST_LOCK,
    FREE_FAILURES,
    LONGEST_LOCK,
    confirm_password,
    create_account,
    log_in,
    log_out,
    note_use,
    session_of,
    set_password,
)
from gateway.access.passwords import Passwords
from gateway.access.roles import Role
from gateway.db.tables import LoginSession, User
from processing.domain.errors import InputRejected
from tests.unit.gateway.front import NOON, PASSWORD

HOURS = timedelta(hours=10)


@pytest.fixture
def anna(sessions: sessionmaker[Session], passwords: Passwords) -> str:
    with sessions.begin() as session:
        create_account(session, "anna", "Dr. Anna Muster", Role.READER, PASSWORD, passwords=passwords)
    return "anna"


def test_a_session_is_open_from_log_in_to_log_out(
    sessions: sessionmaker[Session], passwords: Passwords, anna: str
) -> None:
    opened = log_in(sessions, anna, PASSWORD, passwords=passwords, lifetime=HOURS, now=NOON)
    assert opened is not None
    assert opened.who.role is Role.READER
    assert opened.who.display_name == "Dr. Anna Muster"
    with sessions.begin() as session:
        assert session_of(session, opened.token, now=NOON + HOURS / 2) == opened.who
        log_out(session, opened.token)
        assert session_of(session, opened.token, now=NOON) is None


def test_a_session_ends_with_its_time(sessions: sessionmaker[Session], passwords: Passwords, anna: str) -> None:
    opened = log_in(sessions, anna, PASSWORD, passwords=passwords, lifetime=HOURS, now=NOON)
    assert opened is not None
    with sessions() as session:
        assert session_of(session, opened.token, now=NOON + HOURS) is None
        assert session_of(session, opened.token, now=NOON + 2 * HOURS) is None
    log_in(sessions, anna, PASSWORD, passwords=passwords, lifetime=HOURS, now=NOON + HOURS)
    with sessions() as session:
        assert len(session.scalars(select(LoginSession)).all()) == 1, "the ended one is cleaned away"


def test_a_session_ends_when_nobody_used_it_for_long(
    sessions: sessionmaker[Session], passwords: Passwords, anna: str
) -> None:
    opened = log_in(sessions, anna, PASSWORD, passwords=passwords, lifetime=HOURS, now=NOON)
    assert opened is not None
    idle = timedelta(minutes=30)
    with sessions() as session:
        assert session_of(session, opened.token, idle=idle, now=NOON + idle / 2) is not None
        assert session_of(session, opened.token, idle=idle, now=NOON + idle) is None
    note_use(sessions, opened.token, now=NOON + idle / 2)
    with sessions() as session:
        assert session_of(session, opened.token, idle=idle, now=NOON + idle) is not None
        assert session_of(session, opened.token, idle=idle, now=NOON + 2 * idle) is None


def test_neither_token_nor_password_stands_in_the_database(
    sessions: sessionmaker[Session], passwords: Passwords, anna: str
) -> None:
    opened = log_in(sessions, anna, PASSWORD, passwords=passwords, lifetime=HOURS)
    assert opened is not None
    assert len(opened.token) >= 43, "256 bits in base64"
    with sessions() as session:
        row = session.scalars(select(LoginSession)).one()
        stored = [row.token_sha256, row.csrf_token, session.get_one(User, anna).password_hash]
    assert not any(opened.token in value or PASSWORD in value for value in stored)
    assert stored[2].startswith("$argon2id$")


def test_two_sessions_share_neither_token_nor_csrf_token(
    sessions: sessionmaker[Session], passwords: Passwords, anna: str
) -> None:
    one = log_in(sessions, anna, PASSWORD, passwords=passwords, lifetime=HOURS)
    two = log_in(sessions, anna, PASSWORD, passwords=passwords, lifetime=HOURS)
    assert one is not None
    assert two is not None
    assert one.token != two.token
    assert one.who.csrf_token != two.who.csrf_token


def test_wrong_passwords_lock_the_account_even_for_the_right_one(
    sessions: sessionmaker[Session], passwords: Passwords, anna: str
) -> None:
    for _ in range(FREE_FAILURES):
        assert not confirm_password(sessions, anna, "not the password", passwords=passwords, now=NOON)
    assert not confirm_password(sessions, anna, PASSWORD, passwords=passwords, now=NOON)
    still = NOON + FIRST_LOCK - timedelta(seconds=1)
    assert not confirm_password(sessions, anna, PASSWORD, passwords=passwords, now=still)
    assert confirm_password(sessions, anna, PASSWORD, passwords=passwords, now=NOON + FIRST_LOCK)


def test_a_lock_grows_with_each_failure_up_to_a_bound(
    sessions: sessionmaker[Session], passwords: Passwords, anna: str
) -> None:
    now, locks = NOON, []
    for _ in range(FREE_FAILURES + 8):
        confirm_password(sessions, anna, "not the password", passwords=passwords, now=now)
        with sessions() as session:
            until = session.get_one(User, anna).locked_until
        if until is not None:
            locks.append(until - now)
            now = until
    assert locks[:3] == [FIRST_LOCK, 2 * FIRST_LOCK, 4 * FIRST_LOCK]
    assert locks[-1] == LONGEST_LOCK


def test_fewer_failures_are_forgotten_after_the_right_password(
    sessions: sessionmaker[Session], passwords: Passwords, anna: str
) -> None:
    for _ in range(3):
        for _ in range(FREE_FAILURES - 1):
            confirm_password(sessions, anna, "not the password", passwords=passwords, now=NOON)
        assert confirm_password(sessions, anna, PASSWORD, passwords=passwords, now=NOON)


def test_an_unknown_user_costs_as_much_work_as_a_known_one(
    sessions: sessionmaker[Session], anna: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []

    class Counting(Passwords):
        def matches(self, stored: str | None, password: str) -> bool:
            hashed.append("nobody's" if stored is None else "a user's")
            return super().matches(stored, password)

    counting = Counting()
    assert log_in(sessions, "nobody", PASSWORD, passwords=counting, lifetime=HOURS) is None
    assert log_in(sessions, anna, "not the password", passwords=counting, lifetime=HOURS) is None
    assert hashed == ["nobody's", "a user's"]


def test_the_hash_of_nobody_matches_no_password(passwords: Passwords) -> None:
    assert not passwords.matches(None, PASSWORD)
    assert not passwords.matches("not a hash", PASSWORD)


def test_a_new_password_ends_sessions_and_lock(
    sessions: sessionmaker[Session], passwords: Passwords, anna: str
) -> None:
    opened = log_in(sessions, anna, PASSWORD, passwords=passwords, lifetime=HOURS, now=NOON)
    assert opened is not None
    for _ in range(FREE_FAILURES):
        confirm_password(sessions, anna, "not the password", passwords=passwords, now=NOON)
    with sessions.begin() as session:
        set_password(session, anna, "another bird, a crane", passwords=passwords)
    with sessions() as session:
        assert session_of(session, opened.token, now=NOON) is None
    assert not confirm_password(sessions, anna, PASSWORD, passwords=passwords, now=NOON)
    assert confirm_password(sessions, anna, "another bird, a crane", passwords=passwords, now=NOON)


@pytest.mark.parametrize("name", ["", "a b", "ä", "x" * 65, "../x", "a\n"])
def test_malformed_names_are_refused(sessions: sessionmaker[Session], passwords: Passwords, name: str) -> None:
    with sessions.begin() as session, pytest.raises(InputRejected, match="user name"):
        create_account(session, name, "Somebody", Role.READER, PASSWORD, passwords=passwords)


def test_a_name_is_taken_once(sessions: sessionmaker[Session], passwords: Passwords, anna: str) -> None:
    with sessions.begin() as session, pytest.raises(InputRejected, match="taken"):
        create_account(session, anna, "Somebody else", Role.OPERATOR, PASSWORD, passwords=passwords)


def test_one_sentence_for_every_refusal() -> None:
    assert "wrong" in accounts.REFUSED
    assert "locked" in accounts.REFUSED
