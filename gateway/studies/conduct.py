"""Conducting a study: opening it, handing out the next reading, timing and closing it, and the surveys."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.db.tables import ReadingStudy, ReadingStudyCase, StudyReading, StudySurvey
from gateway.studies.plan import PHASES, plan
from processing.domain.decision import Reading
from processing.domain.errors import InputRejected


class StudyRefused(InputRejected):
    """Something that the study's present state does not allow."""


def open_study(
    session: Session,
    title: str,
    cases: Mapping[str, Reading | None],
    *,
    seed: int,
    washout_days: int,
    actor: str,
    at: datetime,
) -> ReadingStudy:
    """Open a study of cases, each with what is true of it where somebody knows.

    Raises
    ------
    StudyRefused
        Without a case.
    """
    if not cases:
        raise StudyRefused("A reading study needs at least one case.")
    study = ReadingStudy(
        study_id=str(uuid.uuid4()),
        title=title,
        seed=seed,
        washout_days=washout_days,
        created_at=at,
        created_by=actor,
    )
    session.add(study)
    session.flush()
    for case_id, truth in cases.items():
        reference = truth.value if truth is not None else None
        session.add(ReadingStudyCase(study_id=study.study_id, case_id=case_id, reference=reference))
    session.flush()
    return study


def readings_of(session: Session, study: ReadingStudy, reader: str) -> list[StudyReading]:
    """Return a reader's readings in their order, planned now when this is the first time."""
    rows = (
        select(StudyReading)
        .where(StudyReading.study_id == study.study_id, StudyReading.reader == reader)
        .order_by(StudyReading.phase, StudyReading.position)
    )
    found = list(session.scalars(rows))
    if found:
        return found
    of_study = select(ReadingStudyCase.case_id).where(ReadingStudyCase.study_id == study.study_id)
    for one in plan(list(session.scalars(of_study)), reader, study.seed):
        session.add(
            StudyReading(
                study_id=study.study_id,
                reader=reader,
                phase=one.phase,
                position=one.position,
                case_id=one.case_id,
                overlay=one.overlay,
            )
        )
    session.flush()
    return list(session.scalars(rows))


def next_reading(session: Session, study: ReadingStudy, reader: str, *, now: datetime) -> StudyReading | None:
    """Return what a reader reads next; None when all is read.

    Raises
    ------
    StudyRefused
        While the survey before is missing, or the washout lasts.
    """
    readings = readings_of(session, study, reader)
    if not _answered(session, study, reader, "before"):
        raise StudyRefused("Please answer the questions before the first reading.")
    following = next((one for one in readings if one.signed_at is None), None)
    if following is None or following.phase == PHASES[0] or following.shown_at is not None:
        return following
    last = max(one.signed_at for one in readings if one.phase == PHASES[0] and one.signed_at is not None)
    begins = last + timedelta(days=study.washout_days)
    if following.position == 1 and now < begins:
        raise StudyRefused(f"The second phase begins on {begins:%d %b %Y, %H:%M} UTC.")
    return following


def note_shown(session: Session, reading: StudyReading, *, at: datetime) -> None:
    """Start the clock when the first image is shown; showing it again changes nothing."""
    if reading.shown_at is None:
        reading.shown_at = at
    session.flush()


def sign_reading(
    session: Session, reading: StudyReading, opinion: Reading, new_lesions: int, rating: int, *, at: datetime
) -> None:
    """Close a reading for ever.

    Raises
    ------
    StudyRefused
        If it was never shown, is closed, or says both nothing and some new lesions.
    """
    if reading.shown_at is None or reading.signed_at is not None:
        raise StudyRefused("This reading is not open.")
    if (opinion is Reading.ACTIVE) != (new_lesions > 0):
        raise StudyRefused("Active means at least one new or growing lesion, stable means none.")
    reading.reading, reading.new_lesions, reading.rating = opinion.value, new_lesions, rating
    reading.signed_at = at
    session.flush()


def keep_survey(
    session: Session, study: ReadingStudy, reader: str, moment: str, answers: Mapping[str, str], *, at: datetime
) -> None:
    """Keep a reader's answers, once for each moment.

    Raises
    ------
    StudyRefused
        If they were given already.
    """
    if _answered(session, study, reader, moment):
        raise StudyRefused("These questions are answered already.")
    session.add(StudySurvey(study_id=study.study_id, reader=reader, moment=moment, at=at, answers=dict(answers)))
    session.flush()


def progress(session: Session, study: ReadingStudy, reader: str) -> tuple[int, int]:
    """Return how many readings a reader has closed, and how many there are for each reader."""
    own = select(StudyReading).where(StudyReading.study_id == study.study_id, StudyReading.reader == reader)
    done = sum(one.signed_at is not None for one in session.scalars(own))
    cases = session.scalars(select(ReadingStudyCase).where(ReadingStudyCase.study_id == study.study_id)).all()
    return done, len(PHASES) * len(cases)


def lacks_survey(session: Session, study: ReadingStudy, reader: str, moment: str) -> bool:
    """Whether a reader has not answered the questions of a moment yet."""
    return not _answered(session, study, reader, moment)


def hides_lesions(session: Session, case_id: str, reader: str) -> bool:
    """Whether the reader still has to read this case without its lesions: then they are not shown them at all.

    Not while the same reader's reading of the case with its lesions is open.
    """
    return case_id in cases_without_lesions(session, reader)


def cases_without_lesions(session: Session, reader: str) -> frozenset[str]:
    """Return the cases whose next reading by this reader is one without the lesions; no list may give them away."""
    own = (
        select(StudyReading)
        .where(StudyReading.reader == reader, StudyReading.signed_at.is_(None))
        .order_by(StudyReading.study_id, StudyReading.phase, StudyReading.position)
    )
    first: dict[str, StudyReading] = {}
    for one in session.scalars(own):
        first.setdefault(one.case_id, one)
    return frozenset(case_id for case_id, one in first.items() if not one.overlay)


def _answered(session: Session, study: ReadingStudy, reader: str, moment: str) -> bool:
    return session.get(StudySurvey, (study.study_id, reader, moment)) is not None
