"""The route of a case and why, which images it was complete with, and the search for earlier studies in the PACS."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("cases") as batch:
        batch.add_column(sa.Column("route", sa.String(length=64), nullable=False, server_default=""))
        batch.add_column(sa.Column("explanation", sa.JSON(), nullable=True))
        batch.add_column(sa.Column("question", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "case_images",
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("listing", sa.LargeBinary(), nullable=False),
        sa.Column("digests", sa.LargeBinary(), nullable=False),
        sa.Column("ignored", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_case_images_case_id_cases")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_case_images")),
    )
    op.create_table(
        "prior_searches",
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fetched", sa.JSON(), nullable=False),
        sa.Column("more", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_prior_searches_case_id_cases")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_prior_searches")),
    )
    with op.batch_alter_table("prior_searches") as batch:
        batch.create_index(batch.f("ix_prior_searches_ended_at"), ["ended_at"])


def downgrade() -> None:
    """Undo."""
    op.drop_table("prior_searches")
    op.drop_table("case_images")
    with op.batch_alter_table("cases") as batch:
        batch.drop_column("question")
        batch.drop_column("explanation")
        batch.drop_column("route")
