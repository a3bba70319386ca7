"""What comes in: how far the archive's changes were read, what was held back, what is expected."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db.tables.base import Base


class ChangesCursor(Base):
    """How far the clinical archive's list of changes has been read (one row)."""

    __tablename__ = "changes_cursor"

    archive: Mapped[str] = mapped_column(String(32), primary_key=True)
    last_change: Mapped[int]


class QuarantinedUpload(Base):
    """Something that was sent to us and is no usable DICOM object: kept, with the reason, until someone decides."""

    __tablename__ = "quarantined_uploads"

    upload_id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    source: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    size_bytes: Mapped[int]
    reason: Mapped[str] = mapped_column(Text)
    key_id: Mapped[str] = mapped_column(String(64))
    ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    """The bytes themselves, encrypted like the vault: nobody knows yet what is in them."""


class ScheduledStudy(Base):
    """A study that was announced before its images; only the pseudonym of its patient is kept for good."""

    __tablename__ = "scheduled_studies"

    scheduled_id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(64))
    pseudonym: Mapped[str] = mapped_column(String(64), index=True)
    priority: Mapped[str] = mapped_column(String(16))
    expires_at: Mapped[datetime]
    sealed_patient: Mapped[str] = mapped_column(Text)
    """Patient ID and issuer, encrypted, until the PACS was asked for earlier studies; then empty."""
    attempts: Mapped[int]
    not_before: Mapped[datetime]
    """Of the next question to the PACS."""
    fetched: Mapped[list[str]] = mapped_column(JSON)
    """Pseudonymous UIDs of studies that came for this reason."""
