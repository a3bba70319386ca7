"""Fixtures of the tests of the gateway's front: a real SQLite database and cheap passwords."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from gateway.access.passwords import Passwords
from gateway.db.engine import make_engine, session_factory, upgrade
from tests.unit.gateway.front import cheap_passwords


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with all migrations, made once."""
    file = tmp_path_factory.mktemp("database") / "empty.db"
    upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture
def url(tmp_path: Path, empty_database: Path) -> str:
    file = tmp_path / "gateway.db"
    shutil.copyfile(empty_database, file)
    return f"sqlite:///{file}"


@pytest.fixture
def sessions(url: str) -> Iterator[sessionmaker[Session]]:
    engine = make_engine(url)
    yield session_factory(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def passwords() -> Passwords:
    return cheap_passwords()
