"""Reading studies: the next reading, its clock and signature, the surveys, and the results."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

from fastapi import APIRouter, HTTPException, Response, status
from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.access.accounts import SignedIn
from gateway.api.deps import Operator, Reader, ReaderOrOperator, State
from gateway.api.problems import problems
from gateway.api.schemas import Body
from gateway.audit import trail
from gateway.audit.trail import AuditAction, Subject
from gateway.db.tables import Case, ReadingStudy, StudyReading
from gateway.studies import conduct
from gateway.studies.agreement import Estimate
from gateway.studies.results import ConditionResults, as_csv, results
from processing.domain.decision import Reading

router = APIRouter(prefix="/studies", tags=["studies"])

_ERRORS = problems(401, 403, 404, 409, 422)


class SurveyMoment(StrEnum):
    """When questions are asked."""

    BEFORE = "before"
    AFTER = "after"


class StudyCase(Body):
    """A case of a study, and what is true of it where somebody knows."""

    case_id: str
    reference: Reading | None = None


class NewStudy(Body):
    """What an operator opens."""

    title: str = Field(min_length=3, max_length=128)
    cases: list[StudyCase] = Field(min_length=1, max_length=500)
    seed: int = Field(default=1, ge=0, le=2**31 - 1)
    washout_days: int = Field(default=14, ge=0, le=365)


class StudyLine(Body):
    """A study, with the asking reader's progress."""

    study_id: str
    title: str
    washout_days: int
    done: int
    total: int


class StudyList(Body):
    """All studies."""

    studies: list[StudyLine]


class NextReading(Body):
    """What the reader reads now; nothing but a sentence when there is nothing to read."""

    reading_id: int | None
    case_id: str | None
    overlay: bool
    phase: int
    position: int
    total: int
    sentence: str
    survey: SurveyMoment | None
    """Questions that are to be answered now."""


class ReadingSignature(Body):
    """A reader's opinion of one case."""

    reading: Reading
    new_lesions: int = Field(ge=0, le=500)
    rating: int = Field(ge=1, le=6)


class SurveyAnswers(Body):
    """Answers by the names of the questions."""

    answers: dict[str, str] = Field(max_length=30)


class EstimateLine(Body):
    """A figure with its 95 % interval."""

    value: float | None
    low: float | None
    high: float | None


class PairLine(Body):
    """Two readers' agreement beyond chance (Cohen's kappa)."""

    first: str
    second: str
    kappa: EstimateLine


class ConditionLine(Body):
    """What one way of reading gave."""

    overlay: bool
    readings: int
    sensitivity: EstimateLine
    specificity: EstimateLine
    fleiss: EstimateLine
    pairs: list[PairLine]
    seconds: EstimateLine
    rating: EstimateLine


class StudyResultsView(Body):
    """Both ways of reading beside each other."""

    title: str
    conditions: list[ConditionLine]
    seconds_saved: EstimateLine
    """Mean difference of the same reader at the same case: with the lesions, less without."""


@router.get("", operation_id="listStudies", responses=problems(401, 403))
def list_studies(who: ReaderOrOperator, state: State) -> StudyList:
    """Return every study."""
    with state.read_sessions() as session:
        studies = session.scalars(select(ReadingStudy).order_by(ReadingStudy.created_at.desc()))
        return StudyList(studies=[_line(session, study, who) for study in studies])


@router.post("", operation_id="openStudy", responses=_ERRORS)
def open_study(who: Operator, new: NewStudy, state: State) -> StudyLine:
    """Open a study."""
    with state.sessions.begin() as session:
        cases = {one.case_id: one.reference for one in new.cases}
        found = {case.case_id: case for case in session.scalars(select(Case).where(Case.case_id.in_(cases)))}
        if len(found) < len(cases):
            raise HTTPException(status.HTTP_404_NOT_FOUND, "One of the cases does not exist.")
        study = conduct.open_study(
            session,
            new.title,
            cases,
            seed=new.seed,
            washout_days=new.washout_days,
            actor=who.user_name,
            at=datetime.now(UTC),
        )
        subject = Subject(None, tuple(case.pseudonym for case in found.values()))
        _keep(session, who, AuditAction.STUDY_CHANGED, subject, f"study {study.study_id} opened")
        return _line(session, study, who)


@router.post("/{study_id}/next", operation_id="nextReading", responses=_ERRORS)
def next_reading(who: Reader, study_id: str, state: State) -> NextReading:
    """Return what the reader reads now, or why there is nothing to read now."""
    with state.sessions.begin() as session:
        study = _study(session, study_id)
        try:
            reading = conduct.next_reading(session, study, who.user_name, now=datetime.now(UTC))
        except conduct.StudyRefused as refused:
            before = conduct.lacks_survey(session, study, who.user_name, SurveyMoment.BEFORE)
            return _nothing(refused.reason, SurveyMoment.BEFORE if before else None)
        if reading is None:
            after = conduct.lacks_survey(session, study, who.user_name, SurveyMoment.AFTER)
            return _nothing("You have read every case. Thank you.", SurveyMoment.AFTER if after else None)
        _, total = conduct.progress(session, study, who.user_name)
        return NextReading(
            reading_id=reading.reading_id,
            case_id=reading.case_id,
            overlay=reading.overlay,
            phase=reading.phase,
            position=reading.position,
            total=total // 2,
            sentence="",
            survey=None,
        )


@router.post("/readings/{reading_id}/shown", operation_id="readingShown", status_code=204, responses=_ERRORS)
def reading_shown(who: Reader, reading_id: int, state: State) -> None:
    """Start the clock: the first image is on the screen."""
    with state.sessions.begin() as session:
        conduct.note_shown(session, _reading(session, reading_id, who), at=datetime.now(UTC))


@router.post("/readings/{reading_id}/signature", operation_id="signReading", status_code=204, responses=_ERRORS)
def sign_reading(who: Reader, reading_id: int, opinion: ReadingSignature, state: State) -> None:
    """Close a reading; its time ends here."""
    now = datetime.now(UTC)
    with state.sessions.begin() as session:
        reading = _reading(session, reading_id, who)
        conduct.sign_reading(session, reading, opinion.reading, opinion.new_lesions, opinion.rating, at=now)
        _keep(session, who, AuditAction.READING_SIGNED, Subject(reading.case_id), f"study {reading.study_id}")


@router.put("/{study_id}/survey/{moment}", operation_id="answerSurvey", status_code=204, responses=_ERRORS)
def answer_survey(who: Reader, study_id: str, moment: SurveyMoment, survey: SurveyAnswers, state: State) -> None:
    """Keep the reader's answers before or after the readings."""
    with state.sessions.begin() as session:
        study = _study(session, study_id)
        conduct.keep_survey(session, study, who.user_name, moment.value, survey.answers, at=datetime.now(UTC))


@router.get("/{study_id}/results", operation_id="studyResults", responses=_ERRORS)
def study_results(_: Operator, study_id: str, state: State) -> StudyResultsView:
    """Return what was found so far."""
    with state.read_sessions() as session:
        study = _study(session, study_id)
        found = results(session, study)
        return StudyResultsView(
            title=study.title,
            conditions=[_condition(one) for one in found.conditions],
            seconds_saved=_estimate(found.seconds_saved),
        )


@router.get(
    "/{study_id}/readings.csv",
    operation_id="studyReadings",
    response_class=Response,
    responses=_ERRORS | {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
def study_readings(_: Operator, study_id: str, state: State) -> Response:
    """Return every closed reading as a line of comma-separated values."""
    with state.read_sessions() as session:
        lines = as_csv(session, _study(session, study_id))
    name = 'attachment; filename="readings.csv"'
    return Response(lines, media_type="text/csv", headers={"Content-Disposition": name})


def _line(session: Session, study: ReadingStudy, who: SignedIn) -> StudyLine:
    done, total = conduct.progress(session, study, who.user_name)
    return StudyLine(
        study_id=study.study_id, title=study.title, washout_days=study.washout_days, done=done, total=total
    )


def _nothing(sentence: str, survey: SurveyMoment | None) -> NextReading:
    return NextReading(
        reading_id=None, case_id=None, overlay=False, phase=0, position=0, total=0, sentence=sentence, survey=survey
    )


def _study(session: Session, study_id: str) -> ReadingStudy:
    study = session.get(ReadingStudy, study_id)
    if study is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such study.")
    return study


def _reading(session: Session, reading_id: int, who: SignedIn) -> StudyReading:
    reading = session.get(StudyReading, reading_id)
    if reading is None or reading.reader != who.user_name:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "You have no such reading.")
    return reading


def _keep(session: Session, who: SignedIn, action: AuditAction, subject: Subject, detail: str) -> None:
    trail.append(session, action, actor=who.user_name, role=who.role.value, subject=subject, detail=detail)


def _condition(found: ConditionResults) -> ConditionLine:
    return ConditionLine(
        overlay=found.overlay,
        readings=found.readings,
        sensitivity=_estimate(found.sensitivity),
        specificity=_estimate(found.specificity),
        fleiss=_estimate(found.fleiss),
        pairs=[PairLine(first=one.first, second=one.second, kappa=_estimate(one.kappa)) for one in found.pairs],
        seconds=_estimate(found.seconds),
        rating=_estimate(found.rating),
    )


def _estimate(estimate: Estimate) -> EstimateLine:
    return EstimateLine(value=estimate.value, low=estimate.low, high=estimate.high)
