"""When what a job without a result had stored was removed from the research archive."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    # Without a batch: SQLite adds a column in place, and rebuilding a table that others refer to would break them.
    op.add_column("jobs", sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Undo."""
    op.drop_column("jobs", "withdrawn_at")
