"""Outlines that readers drew, which nobody changes or deletes afterwards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_SQLITE = """
CREATE TRIGGER lesion_edits_no_{event} BEFORE {event} ON lesion_edits
BEGIN SELECT RAISE(ABORT, 'lesion edits are only added'); END
"""
_POSTGRESQL_FUNCTION = """
CREATE FUNCTION lesion_edits_are_only_added() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'lesion edits are only added'; END $$
"""
_POSTGRESQL = """
CREATE TRIGGER lesion_edits_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON lesion_edits
FOR EACH STATEMENT EXECUTE FUNCTION lesion_edits_are_only_added()
"""


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "lesion_edits",
        sa.Column("edit_id", sa.Integer(), nullable=False),
        sa.Column("review_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("region", sa.String(length=32), nullable=False),
        sa.Column("side", sa.String(length=16), nullable=False),
        sa.Column("box", sa.JSON(), nullable=False),
        sa.Column("mask", sa.LargeBinary(), nullable=False),
        sa.Column("volume_mm3", sa.Float(), nullable=False),
        sa.Column("centroid_index", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["review_id"], ["reviews.review_id"], name=op.f("fk_lesion_edits_review_id_reviews")),
        sa.PrimaryKeyConstraint("edit_id", name=op.f("pk_lesion_edits")),
    )
    with op.batch_alter_table("lesion_edits") as batch:
        batch.create_index(batch.f("ix_lesion_edits_review_id"), ["review_id"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_POSTGRESQL_FUNCTION)
        op.execute(_POSTGRESQL)
    else:
        for event in ("UPDATE", "DELETE"):
            op.execute(_SQLITE.format(event=event))


def downgrade() -> None:
    """Undo."""
    op.drop_table("lesion_edits")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION lesion_edits_are_only_added()")
