"""Reports, second readings, earlier signatures, the audit trail, and accounts of an identity provider."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ONLY_ADDED = ("audit_trail", "earlier_reviews")
_SQLITE = """
CREATE TRIGGER {table}_no_{event} BEFORE {event} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is only added to'); END
"""
_POSTGRESQL_FUNCTION = """
CREATE FUNCTION {table}_is_only_added_to() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '{table} is only added to'; END $$
"""
_POSTGRESQL = """
CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION {table}_is_only_added_to()
"""


def upgrade() -> None:
    """Apply."""
    _add_columns()
    op.create_table(
        "earlier_reviews",
        sa.Column("earlier_review_id", sa.Integer(), nullable=False),
        sa.Column("review_id", sa.Integer(), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("reopened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reopened_by", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("acceptance", sa.String(length=16), nullable=False),
        sa.Column("rating", sa.Integer(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("verdicts", sa.JSON(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("visual_reading", sa.String(length=32), nullable=True),
        sa.Column("reader", sa.String(length=64), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("second_reader", sa.String(length=64), nullable=True),
        sa.Column("blind_reading", sa.String(length=32), nullable=True),
        sa.Column("consensus", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["review_id"], ["reviews.review_id"], name=op.f("fk_earlier_reviews_review_id_reviews")
        ),
        sa.PrimaryKeyConstraint("earlier_review_id", name=op.f("pk_earlier_reviews")),
        sa.UniqueConstraint("review_id", "edition", name=op.f("uq_earlier_reviews_review_id")),
    )
    op.create_table(
        "audit_trail",
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=True),
        sa.Column("pseudonyms", sa.JSON(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("entry_hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_audit_trail")),
    )
    with op.batch_alter_table("audit_trail") as batch:
        batch.create_index(batch.f("ix_audit_trail_at"), ["at"])
        batch.create_index(batch.f("ix_audit_trail_case_id"), ["case_id"])
    for table in _ONLY_ADDED:
        if op.get_bind().dialect.name == "postgresql":
            op.execute(_POSTGRESQL_FUNCTION.format(table=table))
            op.execute(_POSTGRESQL.format(table=table))
        else:
            for event in ("UPDATE", "DELETE"):
                op.execute(_SQLITE.format(table=table, event=event))


def _add_columns() -> None:
    # Without a batch: SQLite adds a column in place, and rebuilding a table that others refer to would break them.
    for name, kind, default in (
        ("edition", sa.Integer(), "1"),
        ("report", sa.Text(), ""),
        ("report_basis", sa.String(length=64), ""),
        ("consensus", sa.Text(), ""),
    ):
        op.add_column("reviews", sa.Column(name, kind, nullable=False, server_default=default))
    for name, length in (("visual_reading", 32), ("second_reader", 64), ("blind_reading", 32)):
        op.add_column("reviews", sa.Column(name, sa.String(length=length), nullable=True))
    for name in ("first_signed_at", "blind_at"):
        op.add_column("reviews", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("users", sa.Column("subject", sa.String(length=255), nullable=True))
    op.create_index(op.f("ix_users_subject"), "users", ["subject"], unique=True)
    op.add_column("login_sessions", sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Undo."""
    for table in _ONLY_ADDED:
        op.drop_table(table)
        if op.get_bind().dialect.name == "postgresql":
            op.execute(f"DROP FUNCTION {table}_is_only_added_to()")
    op.drop_column("login_sessions", "seen_at")
    op.drop_index(op.f("ix_users_subject"), "users")
    op.drop_column("users", "subject")
    for name in ("edition", "report", "report_basis", "consensus", "visual_reading", "second_reader", "blind_reading"):
        op.drop_column("reviews", name)
    for name in ("first_signed_at", "blind_at"):
        op.drop_column("reviews", name)
