"""Every schema that was ever in use is brought to the newest one, with a row in each of its tables."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from gateway.db.engine import alembic_config, make_engine, upgrade

REVISIONS = [one.revision for one in ScriptDirectory.from_config(alembic_config("sqlite://")).walk_revisions()]


def fill(engine: sa.Engine) -> dict[str, int]:
    """Put one row into every table, and return how many rows each has; references lead to that one row."""
    schema = sa.MetaData()
    schema.reflect(engine)
    counts = {}
    with engine.begin() as connection:
        for table in schema.sorted_tables:
            if table.name == "alembic_version":
                continue
            if not connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one():
                row = {column.name: value(column) for column in table.columns if not column.nullable}
                connection.execute(table.insert().values(row))
            counts[table.name] = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
    return counts


def value(column: sa.Column[object]) -> object:
    kind = column.type
    if isinstance(kind, sa.DateTime):
        return datetime(2024, 5, 1, tzinfo=UTC)
    if isinstance(kind, sa.Boolean):
        return False
    if isinstance(kind, sa.Integer | sa.Float | sa.Numeric):
        return 1
    if isinstance(kind, sa.JSON):
        return []
    if isinstance(kind, sa.LargeBinary):
        return b"1"
    return "1"


@pytest.mark.parametrize("revision", REVISIONS)
def test_nothing_is_lost_on_the_way_to_the_newest_schema(revision: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    command.upgrade(alembic_config(url), revision)
    engine = make_engine(url)
    before = fill(engine)
    assert {"cases", "events", "vault_entries"} <= set(before)
    upgrade(url)
    schema = sa.MetaData()
    schema.reflect(engine)
    with engine.connect() as connection:
        after = {
            name: connection.execute(sa.select(sa.func.count()).select_from(schema.tables[name])).scalar_one()
            for name in before
        }
        assert connection.execute(sa.text("PRAGMA foreign_key_check")).all() == []
        assert connection.execute(sa.text("PRAGMA foreign_keys")).scalar_one() == 1
    engine.dispose()
    assert after == before


def test_the_migrations_stand_in_one_line() -> None:
    assert len(ScriptDirectory.from_config(alembic_config("sqlite://")).get_heads()) == 1
