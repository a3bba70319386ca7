"""A PostgreSQL database, copied while it is in use and restored into another one, by PostgreSQL's own programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from demo.installation import System
from gateway.admin.backup import make_backup, note_backup
from gateway.admin.restore import restore
from gateway.audit import trail
from gateway.audit.trail import AuditAction, verify
from gateway.db.engine import make_engine, session_factory, upgrade
from gateway.settings import Settings
from processing.domain.case import CaseState
from processing.domain.errors import InputRejected
from tests.integration.gateway.conftest import settings_for
from tests.unit.gateway.rows import add_case

SAME = (
    "SELECT case_id, state, pseudonym FROM cases",
    "SELECT entry_hash FROM audit_trail WHERE sequence = 1",
)


@pytest.fixture
def two(archives: System, postgres_url: str) -> Iterator[tuple[Settings, Settings]]:
    """Settings of two installations whose databases lie in one server, both new."""
    server = make_engine(postgres_url).execution_options(isolation_level="AUTOCOMMIT")
    names = ("backed_up", "restored")
    with server.connect() as connection:
        for name in names:
            connection.execute(text(f"CREATE DATABASE {name}"))
    urls = [make_url(postgres_url).set(database=name).render_as_string(hide_password=False) for name in names]
    one, other = (settings_for(archives, url) for url in urls)
    yield one, other
    with server.connect() as connection:
        for name in names:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


def test_it_comes_back_with_its_rows_and_its_guards(two: tuple[Settings, Settings], tmp_path: Path) -> None:
    one, other = two
    upgrade(one.database)
    engine = make_engine(one.database)
    with session_factory(engine).begin() as session:
        add_case(session, CaseState.ARCHIVED)
        trail.append(session, AuditAction.OPERATED, actor="otto", detail="paused")
    made = make_backup(one, tmp_path / "backups", images=False)
    note_backup(one, made)
    restore(other, made.folder, say=lambda _: None)
    copy = make_engine(other.database)
    with engine.connect() as before, copy.connect() as after:
        for query in SAME:
            assert after.execute(text(query)).all() == before.execute(text(query)).all()
        with pytest.raises(DBAPIError, match="only added to"):
            after.execute(text("DELETE FROM audit_trail"))
    with session_factory(copy)() as session:
        assert verify(session).problem == ""
        assert verify(session).entries == 2, "the restore itself is the second"
    engine.dispose()
    copy.dispose()
    with pytest.raises(InputRejected, match="not empty"):
        restore(other, made.folder, say=lambda _: None)
    restore(other, made.folder, say=lambda _: None, replace_database=True)
