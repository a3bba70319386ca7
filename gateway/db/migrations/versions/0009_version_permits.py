"""Permits of versions that the validation gate has not passed, and studies that are reference cases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "version_permits",
        sa.Column("permit_id", sa.Integer(), nullable=False),
        sa.Column("pipeline", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("permit_id", name=op.f("pk_version_permits")),
    )
    with op.batch_alter_table("version_permits") as batch:
        batch.create_index(batch.f("ix_version_permits_pipeline"), ["pipeline"])
    op.create_table(
        "reference_studies",
        sa.Column("study_uid", sa.String(length=64), nullable=False),
        sa.Column("dataset", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("study_uid", name=op.f("pk_reference_studies")),
        sa.UniqueConstraint("dataset", "name", name=op.f("uq_reference_studies_dataset")),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("reference_studies")
    op.drop_table("version_permits")
