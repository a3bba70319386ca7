"""What stands beside a reader's decisions in the objects that leave, kept at the signature."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("reviews", sa.Column("at_signature", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Undo."""
    op.drop_column("reviews", "at_signature")
