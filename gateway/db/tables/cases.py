"""Cases, their images, their priors and what happened to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from gateway.db.tables.base import Base
from gateway.db.tables.jobs import Job


class Case(Base):
    """One revision of one study on its way."""

    __tablename__ = "cases"
    __table_args__ = (UniqueConstraint("study_uid", "revision"),)

    case_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    study_uid: Mapped[str] = mapped_column(String(64), index=True)
    """Pseudonymous StudyInstanceUID."""
    revision: Mapped[int] = mapped_column(default=1)
    pseudonym: Mapped[str] = mapped_column(String(64), index=True)
    readable_name: Mapped[str] = mapped_column(String(64))
    study_date_shifted: Mapped[str] = mapped_column(String(8), default="")
    """YYYYMMDD, shifted: enough to order one patient's studies in time."""
    state: Mapped[str] = mapped_column(String(48), index=True)
    reason: Mapped[str] = mapped_column(Text, default="")
    pipeline: Mapped[str] = mapped_column(String(64), default="")
    version: Mapped[str] = mapped_column(String(32), default="")
    route: Mapped[str] = mapped_column(String(64), default="")
    """Name of the route that matched when the study was last examined."""
    explanation: Mapped[dict[str, Any] | None]
    """`gateway.routes.explanation.Explanation` as JSON: why this route, and why each series. Holds no identity."""
    priority: Mapped[str] = mapped_column(String(16), default="routine")
    """`processing.domain.priority.Priority`."""
    early: Mapped[bool] = mapped_column(default=False)
    """Measured on the first FLAIR series alone, before the study was complete: the fast track's own revision."""
    question: Mapped[str] = mapped_column(Text, default="")
    """What a person has to decide about the patient's studies; it stays until the study is examined again."""
    prior_case_id: Mapped[str | None] = mapped_column(ForeignKey("cases.case_id"))
    instance_count: Mapped[int] = mapped_column(default=0)
    received_at: Mapped[datetime]
    last_image_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    lease_owner: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    """How often the gateway's present step failed in a way that is worth another try; jobs count their own."""
    not_before: Mapped[datetime | None]
    """Back-off: no step starts earlier."""

    series: Mapped[list[Series]] = relationship(back_populates="case", cascade="all, delete-orphan")
    events: Mapped[list[Event]] = relationship(back_populates="case", order_by="Event.event_id")
    jobs: Mapped[list[Job]] = relationship(back_populates="case", order_by="Job.number")


class CaseImages(Base):
    """Which images a case was complete with, so that the same ones sent again are told from others."""

    __tablename__ = "case_images"

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    listing: Mapped[bytes] = mapped_column(LargeBinary)
    """Keyed digest of the archive's own list of them: while it is the same nobody has to ask which images they are."""
    digests: Mapped[bytes] = mapped_column(LargeBinary)
    """Keyed digests of the SOP Instance UIDs, 16 bytes each, sorted."""
    ignored: Mapped[int] = mapped_column(default=0)
    """Images of modalities that no route takes."""


class PriorSearch(Base):
    """Asking the PACS for a case's earlier studies: open until everything that it takes is fetched or given up."""

    __tablename__ = "prior_searches"

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime]
    """Back-off, and while somebody searches until when nobody else does."""
    fetched: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Pseudonymous StudyInstanceUIDs of what was fetched, in that order."""
    more: Mapped[bool] = mapped_column(default=False)
    """Whether the PACS holds further earlier studies that were not fetched."""
    reason: Mapped[str] = mapped_column(Text, default="")
    """How it stands, or how it ended, in one sentence without identity."""


class Series(Base):
    """One series of a case: what it was taken for, or why it was left."""

    __tablename__ = "series"
    __table_args__ = (UniqueConstraint("case_id", "series_uid"),)

    series_id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), index=True)
    series_uid: Mapped[str] = mapped_column(String(64))
    """Pseudonymous SeriesInstanceUID."""
    series_number: Mapped[int | None]
    modality: Mapped[str] = mapped_column(String(16), default="")
    instance_count: Mapped[int] = mapped_column(default=0)
    role: Mapped[str | None] = mapped_column(String(16))
    """Role that it was chosen for; none when it was left."""
    reason: Mapped[str] = mapped_column(Text, default="")

    case: Mapped[Case] = relationship(back_populates="series")


class Event(Base):
    """Append-only: what happened to a case. Replaying a case's events gives its state."""

    __tablename__ = "events"

    event_id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), index=True)
    at: Mapped[datetime]
    event: Mapped[str] = mapped_column(String(48))
    from_state: Mapped[str] = mapped_column(String(48))
    to_state: Mapped[str] = mapped_column(String(48))
    actor: Mapped[str] = mapped_column(String(64))
    """A user name, or the step that acted."""
    detail: Mapped[str] = mapped_column(Text, default="")

    case: Mapped[Case] = relationship(back_populates="events")
