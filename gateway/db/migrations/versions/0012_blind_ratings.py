"""Blind ratings of reference cases by several readers; one reference case may be several studies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "reference_ratings",
        sa.Column("rating_id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("reader", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acceptable", sa.Boolean(), nullable=False),
        sa.Column("rating", sa.Integer(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"], name=op.f("fk_reference_ratings_job_id_jobs")),
        sa.PrimaryKeyConstraint("rating_id", name=op.f("pk_reference_ratings")),
        sa.UniqueConstraint("job_id", "reader", name=op.f("uq_reference_ratings_job_id")),
    )
    with op.batch_alter_table("reference_ratings") as batch:
        batch.create_index(batch.f("ix_reference_ratings_job_id"), ["job_id"])
    with op.batch_alter_table("reference_studies") as batch:
        batch.drop_constraint(batch.f("uq_reference_studies_dataset"), type_="unique")


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("reference_studies") as batch:
        batch.create_unique_constraint(batch.f("uq_reference_studies_dataset"), ["dataset", "name"])
    op.drop_table("reference_ratings")
