"""Priorities, consignments with storage commitment, gates of queues and targets, and announced studies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("cases") as batch:
        batch.add_column(sa.Column("priority", sa.String(length=16), nullable=False, server_default="routine"))
        batch.add_column(sa.Column("early", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("deliveries") as batch:
        batch.add_column(sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("confirmed_by", sa.String(length=32), nullable=False, server_default=""))
    op.create_table(
        "consignments",
        sa.Column("consignment_id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("transaction_uid", sa.String(length=64), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_consignments_case_id_cases")),
        sa.PrimaryKeyConstraint("consignment_id", name=op.f("pk_consignments")),
        sa.UniqueConstraint("case_id", "target", name=op.f("uq_consignments_case_id")),
        sa.UniqueConstraint("transaction_uid", name=op.f("uq_consignments_transaction_uid")),
    )
    with op.batch_alter_table("consignments") as batch:
        batch.create_index(batch.f("ix_consignments_case_id"), ["case_id"])
    op.create_table(
        "gates",
        sa.Column("name", sa.String(length=96), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_gates")),
    )
    op.create_table(
        "scheduled_studies",
        sa.Column("scheduled_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("pseudonym", sa.String(length=64), nullable=False),
        sa.Column("priority", sa.String(length=16), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scheduled_id", name=op.f("pk_scheduled_studies")),
    )
    with op.batch_alter_table("scheduled_studies") as batch:
        batch.create_index(batch.f("ix_scheduled_studies_pseudonym"), ["pseudonym"])


def downgrade() -> None:
    """Undo."""
    op.drop_table("scheduled_studies")
    op.drop_table("gates")
    op.drop_table("consignments")
    with op.batch_alter_table("deliveries") as batch:
        batch.drop_column("confirmed_by")
        batch.drop_column("acknowledged_at")
    with op.batch_alter_table("cases") as batch:
        batch.drop_column("early")
        batch.drop_column("priority")
