"""What an announced study needs so that its priors are fetched before its first image."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("scheduled_studies") as batch:
        batch.add_column(sa.Column("sealed_patient", sa.Text(), nullable=False, server_default=""))
        batch.add_column(sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
        batch.add_column(
            sa.Column("not_before", sa.DateTime(timezone=True), nullable=False, server_default="1970-01-01 00:00:00")
        )
        batch.add_column(sa.Column("fetched", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("scheduled_studies") as batch:
        for column in ("fetched", "not_before", "attempts", "sealed_patient"):
            batch.drop_column(column)
