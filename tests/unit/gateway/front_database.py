"""Fixtures of the tests of the gateway's front: a real SQLite database and cheap passwords."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from gateway.access.passwords import Passwords
from gateway.db.engine import make_engine, session_factory, upgrade
from tests.unit.gateway.front import cheap_passwords


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'gateway.db'}"


@pytest.fixture
def sessions(url: str) -> Iterator[sessionmaker[Session]]:
    upgrade(url)
    engine = make_engine(url)
    yield session_factory(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def passwords() -> Passwords:
    return cheap_passwords()
