"""How a tumour over three time points was read: by eye, with two diameters, and with the volumes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    for table in ("reviews", "earlier_reviews"):
        op.add_column(table, sa.Column("visual_diameters", sa.JSON(), nullable=True))
        op.add_column(table, sa.Column("volume_reading", sa.String(length=32), nullable=True))


def downgrade() -> None:
    """Undo."""
    for table in ("reviews", "earlier_reviews"):
        op.drop_column(table, "volume_reading")
        op.drop_column(table, "visual_diameters")
