"""Reading studies: sets of cases read with and without the result."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db.tables.base import Base


class ReadingStudy(Base):
    """A set of cases that several readers read twice, with and without the lesions shown."""

    __tablename__ = "reading_studies"

    study_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    title: Mapped[str] = mapped_column(String(128))
    seed: Mapped[int]
    """Of the random orders."""
    washout_days: Mapped[int]
    """Between a reader's last reading of the first phase and the first of the second."""
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(64))
    closed_at: Mapped[datetime | None]


class ReadingStudyCase(Base):
    """A case of a reading study, with what is true of it where somebody knows."""

    __tablename__ = "reading_study_cases"

    study_id: Mapped[str] = mapped_column(ForeignKey("reading_studies.study_id"), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    reference: Mapped[str | None] = mapped_column(String(32))


class StudyReading(Base):
    """One reading: planned with its place in the order, then shown, then signed and never changed."""

    __tablename__ = "study_readings"
    __table_args__ = (UniqueConstraint("study_id", "reader", "phase", "position"),)

    reading_id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[str] = mapped_column(ForeignKey("reading_studies.study_id"))
    reader: Mapped[str] = mapped_column(String(64))
    phase: Mapped[int]
    position: Mapped[int]
    case_id: Mapped[str] = mapped_column(String(36))
    overlay: Mapped[bool]
    shown_at: Mapped[datetime | None]
    signed_at: Mapped[datetime | None]
    reading: Mapped[str | None] = mapped_column(String(32))
    new_lesions: Mapped[int | None]
    rating: Mapped[int | None]


class StudySurvey(Base):
    """A reader's answers before or after a reading study."""

    __tablename__ = "study_surveys"

    study_id: Mapped[str] = mapped_column(ForeignKey("reading_studies.study_id"), primary_key=True)
    reader: Mapped[str] = mapped_column(String(64), primary_key=True)
    moment: Mapped[str] = mapped_column(String(16), primary_key=True)
    at: Mapped[datetime]
    answers: Mapped[dict[str, Any]]
