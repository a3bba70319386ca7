"""SQLite as the gateway uses it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.orm import Session, sessionmaker

from gateway.db.engine import make_engine, session_factory, upgrade
from gateway.db.tables import Case, Event
from gateway.db.vault_rows import ReadOnlyVaultRows, VaultRows
from tests.unit.gateway.rows import NOW, add_case

Sessions = sessionmaker[Session]


def test_sqlite_keeps_what_was_committed_and_checks_references(sessions: Sessions) -> None:
    with sessions() as session:
        assert session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert session.scalar(text("PRAGMA foreign_keys")) == 1
    with sessions() as session:
        session.add(Event(case_id="none", at=NOW, event="e", from_state="a", to_state="b", actor="t", detail=""))
        with pytest.raises(IntegrityError):
            session.commit()


def test_a_reader_neither_waits_for_a_writer_nor_sees_half_of_what_it_wrote(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'test.db'}"
    upgrade(url)
    engine = make_engine(url)
    with session_factory(engine).begin() as writing:
        add_case(writing)
        with session_factory(engine, read_only=True)() as reading:
            assert list(reading.scalars(select(Case))) == []
    with session_factory(engine, read_only=True)() as reading:
        assert len(list(reading.scalars(select(Case)))) == 1
    engine.dispose()


def test_postgresql_addresses_use_the_installed_driver() -> None:
    engine = make_engine("postgresql://interval@127.0.0.1:9/none")
    assert engine.dialect.driver == "psycopg"
    assert engine.url.username == "interval"


def test_a_time_without_a_zone_is_refused(sessions: Sessions) -> None:
    with sessions() as session, pytest.raises(StatementError, match="zone"):
        add_case(session, at=datetime(2024, 5, 1))


def test_objects_stay_readable_after_the_commit(sessions: Sessions) -> None:
    with sessions.begin() as session:
        case = add_case(session)
    assert case.study_uid == "2.25.1"


def test_rows_of_the_vault_are_kept_only_with_their_transaction(sessions: Sessions) -> None:
    read = ReadOnlyVaultRows(sessions)
    with sessions() as session:
        VaultRows(session).save("study/1", "key-1", b"first")
        session.rollback()
    assert read.load("study/1") is None
    with sessions.begin() as session:
        VaultRows(session).save("study/1", "key-1", b"first")
        VaultRows(session).save("study/1", "key-2", b"second")
    assert read.load("study/1") == ("key-2", b"second")
    with pytest.raises(PermissionError):
        read.save("study/1", "key-1", b"third")
