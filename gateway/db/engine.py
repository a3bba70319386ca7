"""The database: SQLite for one machine, PostgreSQL for more; never made at import."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.orm import Session, sessionmaker

MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_TIMEOUT_MS = 30_000


def make_engine(url: str) -> Engine:
    """Return an engine for SQLite or PostgreSQL.

    SQLite runs with a write-ahead log and foreign keys, waits for another writer instead of failing, and takes its
    write lock when a transaction begins: a transaction that read first and wrote later would otherwise fail when
    somebody else wrote in between. A reader that does not write says so (`session_factory(..., read_only=True)`) and
    waits for nobody.

    Parameters
    ----------
    url : str
        ``sqlite:///file`` or ``postgresql://user:password@host/name`` (psycopg is used for every PostgreSQL address).
    """
    parsed = make_url(url)
    if parsed.drivername in {"postgresql", "postgres"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True)
    engine = create_engine(parsed, connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000})
    event.listen(engine, "connect", _prepare_sqlite_connection)
    event.listen(engine, "begin", _begin_sqlite_transaction)
    return engine


def _prepare_sqlite_connection(connection: Any, _record: object) -> None:
    # Python's module must not begin transactions on its own: `_begin_sqlite_transaction` does.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={_BUSY_TIMEOUT_MS}", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    _use_write_ahead_log(cursor)
    cursor.close()


def _use_write_ahead_log(cursor: sqlite3.Cursor) -> None:
    """Switch a file to its write-ahead log; SQLite does not wait by itself while another process does the same."""
    deadline = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as locked:
            if locked.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _begin_sqlite_transaction(connection: Connection) -> None:
    read_only = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def session_factory(engine: Engine, *, read_only: bool = False) -> sessionmaker[Session]:
    """Return a factory of sessions; objects stay readable after a commit.

    Parameters
    ----------
    engine : Engine
    read_only : bool
        For sessions that only read and may last a while (an API request): in SQLite they take no write lock.
    """
    bind = engine.execution_options(read_only=True) if read_only else engine
    return sessionmaker(bind, expire_on_commit=False)


def alembic_config(url: str) -> Config:
    """Return Alembic's configuration for a database, without a file of its own."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["url"] = url
    return config


def upgrade(url: str) -> None:
    """Bring a database's tables to the newest migration; does nothing when they are."""
    command.upgrade(alembic_config(url), "head")
