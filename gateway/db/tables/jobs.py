"""Steps on their way: jobs with their leases, messages not yet sent, and the gates of the queues."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Float, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from gateway.db.tables.base import Base
from gateway.db.tables.review import Review

if TYPE_CHECKING:  # the two tables name each other
    from gateway.db.tables.cases import Case


class Job(Base):
    """One order to a worker and what came of it."""

    __tablename__ = "jobs"
    __table_args__ = (UniqueConstraint("case_id", "number"),)

    job_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), index=True)
    number: Mapped[int] = mapped_column(default=1)
    """Counts the case's jobs."""
    attempt: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    heard_at: Mapped[datetime | None]
    """When the worker last said something about it."""
    finished_at: Mapped[datetime | None]
    order: Mapped[dict[str, Any]]
    """`JobOrder` as JSON."""
    outcome: Mapped[dict[str, Any] | None]
    """`JobOutcome` as JSON."""
    stage: Mapped[str] = mapped_column(String(64), default="")
    fraction: Mapped[float] = mapped_column(Float, default=0.0)
    withdrawn_at: Mapped[datetime | None]
    """When what a job without a result may have stored was removed from the research archive."""

    case: Mapped[Case] = relationship(back_populates="jobs")
    review: Mapped[Review | None] = relationship(uselist=False, viewonly=True)


class OutboxMessage(Base):
    """A message that follows from a committed write; the relay sends it and then marks it."""

    __tablename__ = "outbox"

    message_id: Mapped[int] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None] = mapped_column(index=True)
    queue: Mapped[str] = mapped_column(String(32))
    task: Mapped[str] = mapped_column(String(64))
    body: Mapped[dict[str, Any]]


class Gate(Base):
    """Whether a queue or a target lets work pass; one without a row does."""

    __tablename__ = "gates"

    name: Mapped[str] = mapped_column(String(96), primary_key=True)
    mode: Mapped[str] = mapped_column(String(16))
    """`gateway.jobs.gates.Mode`."""
    changed_at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text, default="")
