"""Reading studies, and when a person last proved who they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("login_sessions", sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "reading_studies",
        sa.Column("study_id", sa.String(length=36), nullable=False),
        sa.Column("title", sa.String(length=128), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("washout_days", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("study_id", name=op.f("pk_reading_studies")),
    )
    op.create_table(
        "reading_study_cases",
        sa.Column("study_id", sa.String(length=36), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("reference", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["study_id"], ["reading_studies.study_id"], name=op.f("fk_reading_study_cases_study_id_reading_studies")
        ),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_reading_study_cases_case_id_cases")),
        sa.PrimaryKeyConstraint("study_id", "case_id", name=op.f("pk_reading_study_cases")),
    )
    op.create_table(
        "study_readings",
        sa.Column("reading_id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.String(length=36), nullable=False),
        sa.Column("reader", sa.String(length=64), nullable=False),
        sa.Column("phase", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("overlay", sa.Boolean(), nullable=False),
        sa.Column("shown_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reading", sa.String(length=32), nullable=True),
        sa.Column("new_lesions", sa.Integer(), nullable=True),
        sa.Column("rating", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["study_id"], ["reading_studies.study_id"], name=op.f("fk_study_readings_study_id_reading_studies")
        ),
        sa.PrimaryKeyConstraint("reading_id", name=op.f("pk_study_readings")),
        sa.UniqueConstraint("study_id", "reader", "phase", "position", name=op.f("uq_study_readings_study_id")),
    )
    op.create_table(
        "study_surveys",
        sa.Column("study_id", sa.String(length=36), nullable=False),
        sa.Column("reader", sa.String(length=64), nullable=False),
        sa.Column("moment", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id"], ["reading_studies.study_id"], name=op.f("fk_study_surveys_study_id_reading_studies")
        ),
        sa.PrimaryKeyConstraint("study_id", "reader", "moment", name=op.f("pk_study_surveys")),
    )


def downgrade() -> None:
    """Undo."""
    for table in ("study_surveys", "study_readings", "reading_study_cases", "reading_studies"):
        op.drop_table(table)
    op.drop_column("login_sessions", "confirmed_at")
