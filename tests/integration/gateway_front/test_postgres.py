"""What relies on the database's own guarantees, on PostgreSQL."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session, sessionmaker

from gateway.access.accounts import FREE_FAILURES, confirm_password, create_account, log_in, session_of
from gateway.access.passwords import Passwords
from gateway.access.roles import Role
from gateway.db.engine import make_engine, session_factory, upgrade
from gateway.db.tables import User
from gateway.intake.quarantine import QuarantineCipher, keep
from gateway.jobs import store
from gateway.review import decisions
from gateway.review.second_reader import ReviewRefused
from processing.domain.decision import Verdict
from tests.unit.gateway.front import NOON, PASSWORD, lesion, make_case
from tests.unit.gateway.front_result import SECRET

AT_ONCE = 6


@pytest.fixture
def on_postgres(postgres_url: str) -> Iterator[sessionmaker[Session]]:
    upgrade(postgres_url)
    engine = make_engine(postgres_url)
    yield session_factory(engine)
    engine.dispose()


@pytest.fixture
def user_name(on_postgres: sessionmaker[Session], passwords: Passwords) -> str:
    name = f"anna-{uuid.uuid4().hex[:8]}"
    with on_postgres.begin() as session:
        create_account(session, name, "Dr. Anna Muster", Role.READER, PASSWORD, passwords=passwords)
    return name


def at_once(call: Callable[[], object]) -> list[object]:
    """What the calls return that are made at the same moment; an exception counts as its class."""
    start, results = threading.Barrier(AT_ONCE), []

    def run() -> None:
        start.wait()
        try:
            results.append(call())
        except ReviewRefused as refused:
            results.append(type(refused))

    threads = [threading.Thread(target=run) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_guesses_at_the_same_moment_are_all_counted(
    on_postgres: sessionmaker[Session], passwords: Passwords, user_name: str
) -> None:
    results = at_once(lambda: confirm_password(on_postgres, user_name, "not it at all", passwords=passwords, now=NOON))
    assert results == [False] * AT_ONCE
    with on_postgres() as session:
        user = session.get_one(User, user_name)
        assert user.failed_logins >= FREE_FAILURES
        assert user.locked_until is not None


def test_a_session_is_found_again(on_postgres: sessionmaker[Session], passwords: Passwords, user_name: str) -> None:
    opened = log_in(on_postgres, user_name, PASSWORD, passwords=passwords, lifetime=timedelta(hours=1))
    assert opened is not None
    with on_postgres() as session:
        assert session_of(session, opened.token) == opened.who


@pytest.mark.parametrize("begun", [False, True])
def test_of_changes_at_the_same_moment_one_wins(
    on_postgres: sessionmaker[Session], user_name: str, begun: bool
) -> None:
    made = make_case(on_postgres, study_uid=f"2.25.{uuid.uuid4().int}", lesions=(lesion(1),))

    def change(edit: int) -> int:
        with on_postgres.begin() as session:
            case = store.get_case(session, made.case_id)
            assert case is not None
            job = store.latest_job(case)
            assert job is not None
            verdict = Verdict.ACCEPTED
            return decisions.change_verdict(session, case, job, 1, verdict, reader=user_name, edit=edit).edit

    first = change(0) if begun else 0
    results = at_once(lambda: change(first))
    assert results.count(first + 1) == 1
    assert results.count(ReviewRefused) == AT_ONCE - 1


def test_the_same_upload_at_the_same_moment_is_kept_once(on_postgres: sessionmaker[Session]) -> None:
    content = uuid.uuid4().bytes
    cipher = QuarantineCipher(SECRET.encode(), "key-1")

    def send() -> int:
        with on_postgres.begin() as session:
            return keep(session, content, source="upload", reason="No DICOM.", cipher=cipher).upload_id

    results = at_once(send)
    assert len(results) == AT_ONCE
    assert len(set(results)) == 1
