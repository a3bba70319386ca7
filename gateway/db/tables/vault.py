"""Who a pseudonym is, encrypted, and what was corrected."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db.tables.base import Base


class VaultEntry(Base):
    """An encrypted row of the vault; see `gateway.pseudonymise.vault`."""

    __tablename__ = "vault_entries"

    row_key: Mapped[str] = mapped_column(String(128), primary_key=True)
    key_id: Mapped[str] = mapped_column(String(64))
    ciphertext: Mapped[bytes] = mapped_column(LargeBinary)


class Correction(Base):
    """What an operator changed in the vault. Only ever added to: the database itself refuses anything else."""

    __tablename__ = "corrections"

    correction_id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    operation: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)
    """In the operator's words."""
    study_uid: Mapped[str] = mapped_column(String(64), index=True)
    """Pseudonymous StudyInstanceUID before; another afterwards only when the patients lived under different keys."""
    new_study_uid: Mapped[str] = mapped_column(String(64))
    pseudonym: Mapped[str] = mapped_column(String(64), index=True)
    new_pseudonym: Mapped[str] = mapped_column(String(64))
    changed: Mapped[str] = mapped_column(Text)
    """Keywords of the attributes that changed, with spaces between them, without values."""
