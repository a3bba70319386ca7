"""Run by Alembic: connects to the database that `gateway.db.engine.alembic_config` names."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from gateway.db.engine import make_engine
from gateway.db.tables import Base

_ONE_AT_A_TIME = 7_041_776
"""Number of the advisory lock for which a second process waits that starts at the same moment."""

engine = make_engine(context.config.attributes["url"])
with engine.connect() as connection:
    if engine.dialect.name == "sqlite":
        # A table is altered there by building it anew and dropping the old one, which other tables' rows refer to.
        # Only outside a transaction can the check be put off until all is done; SQLAlchemy has begun none yet.
        assert connection.connection.dbapi_connection is not None  # noqa: S101 - it was just opened
        connection.connection.dbapi_connection.cursor().execute("PRAGMA foreign_keys=OFF")
    # SQLite's own writer lock, taken when the transaction begins, does the same as PostgreSQL's advisory one.
    context.configure(
        connection=connection, target_metadata=Base.metadata, render_as_batch=True, transactional_ddl=True
    )
    with context.begin_transaction():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ONE_AT_A_TIME})
        context.run_migrations()
        if engine.dialect.name == "sqlite" and (broken := connection.execute(text("PRAGMA foreign_key_check")).all()):
            raise RuntimeError(f"the migration would leave {len(broken)} rows without what they refer to")
engine.dispose()
