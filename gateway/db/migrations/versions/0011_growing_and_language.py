"""What became of a lesion that a reader added, and the language of a signed report."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("lesion_edits", sa.Column("change", sa.String(length=16), nullable=False, server_default=""))
    op.add_column("lesion_edits", sa.Column("prior_volume_mm3", sa.Float(), nullable=False, server_default="0"))
    for table in ("reviews", "earlier_reviews"):
        op.add_column(table, sa.Column("language", sa.String(length=2), nullable=False, server_default="en"))


def downgrade() -> None:
    """Undo."""
    for table in ("reviews", "earlier_reviews"):
        op.drop_column(table, "language")
    op.drop_column("lesion_edits", "prior_volume_mm3")
    op.drop_column("lesion_edits", "change")
