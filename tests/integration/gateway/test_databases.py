"""The same on SQLite and PostgreSQL: migrations, claims by many at once, the outbox, and the whole way to an order."""

from __future__ import annotations

import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, delete, make_url, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from demo.installation import System
from gateway import flow
from gateway.db.engine import alembic_config, make_engine, session_factory, upgrade
from gateway.db.tables import Base, Case, Correction, Event
from gateway.jobs import store, submit
from processing.domain.case import CaseEvent, CaseState
from tests.integration.gateway.conftest import close, make_gateway, skip_earlier_studies
from tests.integration.gateway.sending import send
from tests.unit.gateway.brain_studies import Person, study
from tests.unit.gateway.rows import NOW, add_case

Sessions = sessionmaker[Session]
AT_ONCE = 6


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of either kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'gateway.db'}"
        return
    server: str = request.getfixturevalue("postgres_url")
    name = f"test_{uuid.uuid4().hex}"
    administration = create_engine(server, isolation_level="AUTOCOMMIT")
    with administration.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    administration.dispose()
    yield make_url(server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def sessions(database_url: str) -> Iterator[Sessions]:
    upgrade(database_url)
    engine = make_engine(database_url)
    yield session_factory(engine)
    engine.dispose()


def test_the_migrations_make_the_tables_that_the_code_expects(database_url: str) -> None:
    upgrade(database_url)
    upgrade(database_url)
    engine = make_engine(database_url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    command.downgrade(alembic_config(database_url), "base")
    with engine.connect() as connection:
        left = MigrationContext.configure(connection)
        assert {change[0] for change in compare_metadata(left, Base.metadata)} >= {"add_table"}
    engine.dispose()


def test_corrections_are_only_ever_added(sessions: Sessions) -> None:
    row = {"operation": "patient merged", "actor": "otto", "reason": "why", "changed": "PatientID"}
    uids = {"study_uid": "2.25.1", "new_study_uid": "2.25.1", "pseudonym": "IV-A", "new_pseudonym": "IV-B"}
    with sessions.begin() as session:
        session.add(Correction(at=NOW, **row, **uids))
    for statement in (update(Correction).values(actor="nobody"), delete(Correction), text("DELETE FROM corrections")):
        with pytest.raises(DBAPIError, match="only added"), sessions.begin() as session:
            session.execute(statement)
    with sessions() as session:
        assert [one.actor for one in session.query(Correction)] == ["otto"]


def test_two_processes_that_start_together_both_find_the_newest_tables(database_url: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: _upgrade_in_a_process(database_url), range(2)))
    engine = make_engine(database_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1
    engine.dispose()


def _upgrade_in_a_process(url: str) -> None:
    subprocess.run([sys.executable, "-c", f"from gateway.db.engine import upgrade; upgrade({url!r})"], check=True)


def _all_at_once(work: Callable[[int], bool]) -> list[bool]:
    barrier = threading.Barrier(AT_ONCE)

    def run(number: int) -> bool:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(run, range(AT_ONCE)))


def test_of_many_that_claim_a_case_at_once_one_gets_it(sessions: Sessions) -> None:
    with sessions.begin() as session:
        case_id = add_case(session).case_id

    def claim(number: int) -> bool:
        with sessions.begin() as session:
            return store.claim(session, case_id, f"owner {number}", 60, now=NOW) is not None

    assert sorted(_all_at_once(claim)) == [False] * (AT_ONCE - 1) + [True]


def test_an_event_that_many_record_at_once_happens_once(sessions: Sessions) -> None:
    with sessions.begin() as session:
        case_id = add_case(session).case_id

    def settle(_: int) -> bool:
        with sessions.begin() as session:
            case = store.locked_case(session, case_id)
            assert case is not None
            if case.state != CaseState.RECEIVING.value:
                return False
            store.record(session, case, CaseEvent.QUIET, actor="test")
            return True

    assert sum(_all_at_once(settle)) == 1
    with sessions() as session:
        events = list(session.scalars(select(Event.event).order_by(Event.event_id)))
    assert events == ["images received", "no further images"]


def test_an_order_that_many_relays_send_at_once_is_sent_once(sessions: Sessions) -> None:
    with sessions.begin() as session:
        add_case(session, CaseState.PSEUDONYMISED)
    sent: list[str] = []

    def relay(_: int) -> bool:
        return submit.relay_outbox(sessions, lambda _queue, _task, body: sent.append(body["job_id"]), now=NOW) == 1

    assert sum(_all_at_once(relay)) == 1
    assert len(sent) == 1
    with sessions() as session:
        assert session.scalars(select(Case.state)).one() == CaseState.QUEUED.value


def test_times_come_back_as_they_were(sessions: Sessions) -> None:
    with sessions.begin() as session:
        case_id = add_case(session, at=NOW).case_id
    with sessions() as session:
        assert session.get_one(Case, case_id).received_at == NOW


def test_the_whole_way_to_an_order(archives: System, database_url: str) -> None:
    gateway = make_gateway(archives, database_url)
    skip_earlier_studies(gateway, archives)
    person = Person()
    _, prior = study(person, "20220301", "FLAIR")
    current_uid, current = study(person, "20230405", "FLAIR")
    send(archives, current)
    gateway.receive_and_prepare()
    send(archives, prior)
    gateway.receive_and_prepare()
    assert flow.relay_outbox(gateway.services, lambda *_: None) == 1
    assert gateway.state(current_uid) is CaseState.QUEUED
    assert store.replay(gateway.case(current_uid).events) is CaseState.QUEUED
    close(gateway)
