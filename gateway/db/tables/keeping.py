"""What is kept, for how long, and where copies of it lie: backups, legal holds, removed copies, and open alerts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db.tables.base import Base


class Backup(Base):
    """A backup that was made; whoever is to be forgotten may still be in it."""

    __tablename__ = "backups"

    backup_id: Mapped[int] = mapped_column(primary_key=True)
    made_at: Mapped[datetime]
    folder: Mapped[str] = mapped_column(Text)
    """Where it was written to; it may have been carried elsewhere since."""
    sums_sha256: Mapped[str] = mapped_column(String(64))
    """SHA-256 of its list of checksums: tells one backup from another wherever it lies."""
    instances: Mapped[int]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    removed_at: Mapped[datetime | None]
    """When an administrator said that it is destroyed."""


class LegalHold(Base):
    """Nothing of a patient is removed while a hold stands."""

    __tablename__ = "legal_holds"

    hold_id: Mapped[int] = mapped_column(primary_key=True)
    pseudonym: Mapped[str] = mapped_column(String(64), index=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)
    """Sealed: it may name somebody."""
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str] = mapped_column(String(64), default="")


class RemovedCopies(Base):
    """That a study's copies were removed from the research archive, and why."""

    __tablename__ = "removed_copies"

    removal_id: Mapped[int] = mapped_column(primary_key=True)
    study_uid: Mapped[str] = mapped_column(String(64), index=True)
    """Pseudonymous StudyInstanceUID."""
    at: Mapped[datetime]
    why: Mapped[str] = mapped_column(String(16))
    """`gateway.retention.due.Why`."""
    series: Mapped[int]
    """How many of its series were removed."""


class OpenAlert(Base):
    """Something that is wrong now, and whether somebody was told; the row goes when it is over."""

    __tablename__ = "open_alerts"

    name: Mapped[str] = mapped_column(String(96), primary_key=True)
    since: Mapped[datetime]
    words: Mapped[str] = mapped_column(Text)
    told_at: Mapped[datetime | None]
