"""Alembic's migrations: the only way in which the tables of a running site change."""
