"""What is delivered to whom, and whether it arrived."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db.tables.base import Base


class Consignment(Base):
    """A case's objects on their way to one target, with its own retries: no target waits for another."""

    __tablename__ = "consignments"
    __table_args__ = (UniqueConstraint("case_id", "target"),)

    consignment_id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), index=True)
    target: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    """`gateway.dispatch.consignments.ConsignmentState`."""
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None]
    """Back-off: nothing is sent earlier."""
    reason: Mapped[str] = mapped_column(Text, default="")
    """What it waits for, or why the target refuses it, without identity."""
    transaction_uid: Mapped[str | None] = mapped_column(String(64), unique=True)
    """Of the storage commitment that is asked for; only who was asked knows it."""
    asked_at: Mapped[datetime | None]
    asked: Mapped[int] = mapped_column(default=0)
    """How often commitment was asked for."""


class Delivery(Base):
    """One object on its way to one target; archived only when every delivery is confirmed."""

    __tablename__ = "deliveries"
    __table_args__ = (UniqueConstraint("target", "sop_instance_uid"),)

    delivery_id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), index=True)
    target: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(32))
    sop_class_uid: Mapped[str] = mapped_column(String(64))
    sop_instance_uid: Mapped[str] = mapped_column(String(64))
    """Of the object as sent. It is Interval's own derived UID, never one of the patient's images."""
    acknowledged_at: Mapped[datetime | None]
    """When the target said that it took the object."""
    confirmed_at: Mapped[datetime | None]
    """When it was certain that the target keeps it."""
    confirmed_by: Mapped[str] = mapped_column(String(32), default="")
    """How: storage commitment, or reading back; empty before, and for what was sent by older versions."""
