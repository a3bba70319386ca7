"""Which versions may be used, and the cases that guard them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db.tables.base import Base


class VersionPermit(Base):
    """An operator's permission to route cases to a version that the validation gate has not passed."""

    __tablename__ = "version_permits"

    permit_id: Mapped[int] = mapped_column(primary_key=True)
    pipeline: Mapped[str] = mapped_column(String(64), index=True)
    version: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)
    """In the operator's words."""
    at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str] = mapped_column(String(64), default="")


class ReferenceStudy(Base):
    """A study that is a reference case of validation: readers rate it without being told the version.

    A case that is sent again, to be measured by another version, is another study of the same name.
    """

    __tablename__ = "reference_studies"

    study_uid: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Pseudonymous StudyInstanceUID."""
    dataset: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(64))
    actor: Mapped[str] = mapped_column(String(64))


class ReferenceRating(Base):
    """What one reader said of one result of a reference case. Rows are only added."""

    __tablename__ = "reference_ratings"
    __table_args__ = (UniqueConstraint("job_id", "reader"),)

    rating_id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.job_id"), index=True)
    reader: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    acceptable: Mapped[bool]
    rating: Mapped[int]
    comment: Mapped[str] = mapped_column(Text, default="")
    """Sealed, like every free text."""
