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
    # SQLite's own writer lock, taken when the transaction begins, does the same as PostgreSQL's advisory one.
    context.configure(
        connection=connection, target_metadata=Base.metadata, render_as_batch=True, transactional_ddl=True
    )
    with context.begin_transaction():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ONE_AT_A_TIME})
        context.run_migrations()
engine.dispose()
