from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session, sessionmaker

from gateway.access.accounts import FREE_FAILURES, create_account, set_password
from gateway.access.basic import REMEMBERED_FOR, BasicAuthentication
from gateway.access.passwords import Passwords
from gateway.access.roles import Role
from tests.unit.gateway.front import NOON, PASSWORD


def header(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def basic(sessions: sessionmaker[Session], passwords: Passwords) -> BasicAuthentication:
    with sessions.begin() as session:
        create_account(session, "scanner", "Scanner 1", Role.OPERATOR, PASSWORD, passwords=passwords)
    return BasicAuthentication(sessions, passwords)


def test_the_right_credentials_pass(basic: BasicAuthentication) -> None:
    who = basic.check(header("scanner", PASSWORD), now=NOON)
    assert who is not None
    assert (who.user_name, who.role) == ("scanner", Role.OPERATOR)


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "",
        "Basic",
        "Basic !!!",
        "Bearer abc",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        header("scanner", "not the password"),
        header("nobody", PASSWORD),
        header("scanner", ""),
    ],
)
def test_anything_else_does_not(basic: BasicAuthentication, wrong: str | None) -> None:
    assert basic.check(wrong, now=NOON) is None


def test_parallel_requests_with_the_right_password_all_pass(basic: BasicAuthentication) -> None:
    """A modality opens many connections at once: more than the failures after which an account is locked."""
    with ThreadPoolExecutor(4 * FREE_FAILURES) as pool:
        answers = list(pool.map(lambda _: basic.check(header("scanner", PASSWORD), now=NOON), range(4 * FREE_FAILURES)))
    assert None not in answers


def test_parallel_guesses_still_lock_the_account(basic: BasicAuthentication) -> None:
    guess = header("scanner", "not the password")
    with ThreadPoolExecutor(4 * FREE_FAILURES) as pool:
        answers = list(pool.map(lambda _: basic.check(guess, now=NOON), range(4 * FREE_FAILURES)))
    assert set(answers) == {None}
    assert basic.check(header("scanner", PASSWORD), now=NOON) is None


def test_what_is_remembered_ends_with_the_password_and_with_time(
    basic: BasicAuthentication, sessions: sessionmaker[Session], passwords: Passwords
) -> None:
    assert basic.check(header("scanner", PASSWORD), now=NOON) is not None
    assert basic.check(header("scanner", PASSWORD + "x"), now=NOON) is None, "only the very same password is remembered"
    for _ in range(FREE_FAILURES):
        basic.check(header("scanner", "not the password"), now=NOON)
    assert basic.check(header("scanner", PASSWORD), now=NOON) is not None, "a study under way goes on"
    later = NOON + REMEMBERED_FOR + timedelta(seconds=1)
    with sessions.begin() as session:
        set_password(session, "scanner", "another bird, a crane", passwords=passwords)
    assert basic.check(header("scanner", PASSWORD), now=NOON) is None
    assert basic.check(header("scanner", "another bird, a crane"), now=later) is not None
