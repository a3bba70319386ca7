"""A database of its own for each test, and cases in any state."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session, sessionmaker

from gateway.db.engine import make_engine, session_factory
from gateway.db.tables import Base


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables and no rows, to be copied."""
    path = tmp_path_factory.mktemp("database") / "empty.db"
    engine = make_engine(f"sqlite:///{path}")
    Base.metadata.create_all(engine)
    engine.dispose()
    return path


def _without_waiting_for_the_disk(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA synchronous=OFF").close()


@pytest.fixture
def sessions(empty_database: Path, tmp_path: Path) -> Iterator[sessionmaker[Session]]:
    """Sessions on an SQLite database of this test's own."""
    path = shutil.copy(empty_database, tmp_path / "test.db")
    engine = make_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _without_waiting_for_the_disk)
    yield session_factory(engine)
    engine.dispose()
