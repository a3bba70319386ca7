"""A copy of the database as it is at one moment, and back: SQLite's own online backup, pg_dump and pg_restore."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Engine, func, inspect, make_url, select

from gateway.db.engine import alembic_config
from gateway.db.tables import Case, User, VaultEntry
from processing.domain.errors import Defect, InputRejected

SQLITE_COPY = "database/interval.sqlite"
POSTGRESQL_COPY = "database/interval.dump"
_HELD = (Case, VaultEntry, User)


def kind_of(url: str) -> str:
    """Return sqlite or postgresql."""
    return "sqlite" if make_url(url).get_backend_name() == "sqlite" else "postgresql"


def copy_of(kind: str) -> str:
    """Return where in a backup a copy of this kind lies."""
    return SQLITE_COPY if kind == "sqlite" else POSTGRESQL_COPY


def copy_database(url: str, folder: Path) -> Path:
    """Write a consistent copy of the database into a backup's folder while the system runs; return its path.

    Raises
    ------
    Defect
        If pg_dump is missing or fails.
    """
    path = folder / copy_of(kind_of(url))
    path.parent.mkdir(mode=0o700)
    if kind_of(url) == "sqlite":
        with closing(sqlite3.connect(_file(url))) as source, closing(sqlite3.connect(path)) as copy:
            source.backup(copy)
            # A write-ahead log beside the copy would be a part of it that nobody carries along.
            copy.execute("PRAGMA journal_mode=DELETE")
        return path
    options = ("--format=custom", "--no-owner", "--no-privileges", f"--file={path}")
    _postgresql("pg_dump", make_url(url), options)
    return path


def restore_database(url: str, copy: Path) -> None:
    """Put a copy in the place of the database. Nobody may use it meanwhile.

    Raises
    ------
    Defect
        If pg_restore is missing or fails; then nothing was changed.
    """
    if kind_of(url) == "sqlite":
        with closing(sqlite3.connect(copy)) as source, closing(sqlite3.connect(_file(url))) as database:
            source.backup(database)
        return
    options = ("--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error")
    _postgresql("pg_restore", make_url(url), (*options, str(copy)))


def revision_of(engine: Engine) -> str:
    """Return the schema's revision, empty when there are no tables yet."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def newest_revision() -> str:
    """Return the revision that this version of Interval works with."""
    return ScriptDirectory.from_config(alembic_config("sqlite://")).get_current_head() or ""


def require_empty(engine: Engine) -> None:
    """Make sure that nothing would be lost.

    Raises
    ------
    InputRejected
        If the database holds a case, a row of the vault or an account.
    """
    there = set(inspect(engine).get_table_names())
    with engine.connect() as connection:
        for table in _HELD:
            name = table.__tablename__
            if name in there and connection.execute(select(func.count()).select_from(table)).scalar_one():
                raise InputRejected(
                    "The database is not empty. A backup is restored into an empty system; give "
                    "--replace-database to put the backup's database in the place of this one."
                )


def _file(url: str) -> str:
    path = make_url(url).database
    if not path:
        raise InputRejected("A database in memory can't be backed up.")
    return path


def _postgresql(program: str, url: URL, options: tuple[str, ...]) -> None:
    """Run one of PostgreSQL's programs; the password goes by the environment, which other accounts can't read."""
    environment = dict(os.environ)
    if url.password is not None:
        environment["PGPASSWORD"] = str(url.password)
    address = url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    command = (program, *options[:-1], f"--dbname={address}", options[-1])
    try:
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise Defect(f"{program} is not installed here: install PostgreSQL's client programs.") from error
    if done.returncode:
        # Its own words may hold rows.
        raise Defect(f"{program} failed with status {done.returncode}. Is its version at least the server's?")
