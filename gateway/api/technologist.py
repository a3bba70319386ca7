"""The screen at the scanner: what the fast track does, and what it saw; as a list, and as events that are pushed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from io import BytesIO
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Response, status
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from PIL import Image
from pydantic import Field
from pydicom import dcmread
from sqlalchemy import or_, select
from sqlalchemy.orm import Session, selectinload

from gateway import flow
from gateway.access.accounts import SignedIn
from gateway.access.roles import Role
from gateway.api.cases import rows_of
from gateway.api.deps import Allow, ApiState, Staff, State
from gateway.api.problems import problems
from gateway.api.schemas import Body, Patient
from gateway.db.tables import Case, Job
from gateway.flow.operations import Person
from gateway.jobs import store
from gateway.studies.conduct import cases_without_lesions
from processing.dicom.result import ObjectKind
from processing.domain.case import CaseState
from processing.domain.messages import JobOutcome, OutcomeStatus, StoredObject
from processing.domain.priority import Priority
from processing.domain.result import LesionChange
from processing.pipelines.measured import measured

router = APIRouter(tags=["technologist"])

SHOWN_FOR = timedelta(hours=12)
LOOK_EVERY_S = 0.5
SAY_SOMETHING_EVERY_S = 15.0
LONGEST_STREAM_S = 600.0


AtTheScanner = Annotated[SignedIn, Depends(Allow(Role.TECHNOLOGIST, Role.OPERATOR))]


class Answer(StrEnum):
    """What the fast track says, and no more than that."""

    NEW_LESION = "new lesion seen"
    NO_NEW_LESION = "no new lesion seen"
    NONE = "no automatic answer"


class MeasuredLine(Body):
    """How much an answer is worth: what the pipeline found on the reference set with the series that were compared."""

    version: str
    series: list[str]
    reference: str
    patients: int
    lesions_marked: int
    lesions_found: int
    false_positives: int


class FirstLook(Body):
    """One study on the fast track."""

    case_id: str
    readable_name: str
    patient: Patient
    study_date: str
    state: CaseState
    last_image_at: datetime
    stage: str
    fraction: float
    answer: Answer | None
    """None while it is not known yet."""
    answered_at: datetime | None
    reason: str
    """Why there is no automatic answer, or what is waited for."""
    new_lesions: int
    growing_lesions: int
    has_picture: bool
    pipeline: str
    version: str
    measured: MeasuredLine | None


class FirstLooks(Body):
    """The studies on the fast track, the latest first."""

    studies: list[FirstLook]


class ScheduledStudyHint(Body):
    """A study that is about to come. Only the pseudonym of its patient is kept."""

    patient_id: str = Field(min_length=1, max_length=64)
    issuer_of_patient_id: str = Field(default="", max_length=64)
    priority: Priority = Priority.FAST_TRACK
    hours: float = Field(default=12.0, gt=0, le=72)
    """How long it is expected for."""


class Announced(Body):
    """Under which readable pseudonym the study will come."""

    readable_name: str


@router.post("/scheduled", operation_id="announceStudy", responses=problems(401, 403))
def announce_study(who: AtTheScanner, hint: ScheduledStudyHint, state: State) -> Announced:
    """Announce a study, so that it goes first and its earlier studies are fetched with its first image."""
    name = flow.announce(
        state.services,
        Person(who.user_name, who.role.value),
        patient_id=hint.patient_id,
        issuer=hint.issuer_of_patient_id,
        priority=hint.priority,
        hours=hint.hours,
    )
    return Announced(readable_name=name)


@router.get("/technologist", operation_id="listFirstLooks", responses=problems(401, 403))
def list_first_looks(who: Staff, state: State) -> FirstLooks:
    """Tell what the fast track does, and what it saw."""
    return _first_looks(who, state)


@router.get(
    "/technologist/events",
    operation_id="followFirstLooks",
    response_class=StreamingResponse,
    responses=problems(401, 403) | {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
def follow_first_looks(
    who: Staff, state: State, longest_s: Annotated[float, Query(ge=0, le=LONGEST_STREAM_S)] = LONGEST_STREAM_S
) -> StreamingResponse:
    """Push the same as `GET /technologist` each time it changes (server-sent events).

    The stream ends after a while: the browser connects anew, and is asked again who it is.
    """
    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(_events(who, state, longest_s), media_type="text/event-stream", headers=headers)


@router.get(
    "/technologist/{case_id}/picture",
    operation_id="getFirstLookPicture",
    response_class=Response,
    responses=problems(401, 403, 404, 503)
    | {200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}},
)
def get_picture(who: Staff, case_id: str, state: State) -> Response:
    """Return prior, current, and current with the largest candidate, as the pipeline drew them."""
    rows = rows_of(case_id, state, who)
    picture = None if rows.images_alone else _picture_of(rows.result)
    if picture is None or rows.case.priority != Priority.FAST_TRACK.value:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no picture, or not yet.")
    state.disclosures.of_case(who, rows.case, images=True)
    parts = state.services.research.retrieve_series(picture.study_instance_uid, picture.series_instance_uid)
    for part in parts:
        dataset = dcmread(BytesIO(part))
        if dataset.SOPInstanceUID == picture.sop_instance_uid:
            file = BytesIO()
            Image.fromarray(dataset.pixel_array).save(file, "PNG")
            return Response(file.getvalue(), media_type="image/png")
    raise HTTPException(status.HTTP_404_NOT_FOUND, "The research archive no longer holds the picture.")


async def _events(who: SignedIn, state: ApiState, longest_s: float) -> AsyncIterator[str]:
    until = time.monotonic() + longest_s
    said, said_at = "", float("-inf")
    while True:
        now = (await run_in_threadpool(_first_looks, who, state)).model_dump_json()
        if now != said:
            said, said_at = now, time.monotonic()
            yield f"data: {now}\n\n"
        elif time.monotonic() - said_at > SAY_SOMETHING_EVERY_S:
            said_at = time.monotonic()
            yield ": still here\n\n"
        if time.monotonic() >= until:
            return
        await asyncio.sleep(LOOK_EVERY_S)


def _first_looks(who: SignedIn, state: ApiState) -> FirstLooks:
    with state.read_sessions() as session:
        alone = cases_without_lesions(session, who.user_name)
        # What somebody has to read by the images alone, they are told nothing of.
        cases = [case for case in _cases(session) if case.case_id not in alone and not _awaits_second(case, who)]
        if who.role is Role.READER:
            first = flow.to_be_read_by_eye(session, cases)
            cases = [case for case in cases if case.case_id not in first]
    state.disclosures.on_a_list(who, cases)
    identities = state.identities_for(who).of([case.study_uid for case in cases])
    studies = []
    for case in cases:
        identity = identities[case.study_uid]
        studies.append(_line(case, identity.patient, identity.study_date))
    return FirstLooks(studies=studies)


def _awaits_second(case: Case, who: SignedIn) -> bool:
    return who.role is Role.READER and case.state == CaseState.SECOND_READING.value


def _cases(session: Session) -> list[Case]:
    """Return what is on the fast track: first looks, and studies that were complete before one could begin."""
    on_it = Case.priority == Priority.FAST_TRACK.value
    return list(
        session.scalars(
            select(Case)
            .options(selectinload(Case.jobs).selectinload(Job.review))
            .where(or_(Case.early.is_(True), on_it), Case.received_at > datetime.now(UTC) - SHOWN_FOR)
            .order_by(Case.received_at.desc())
            .limit(20)
        )
    )


def _line(case: Case, patient: Patient, study_date: str) -> FirstLook:
    job = store.latest_job(case)
    outcome = JobOutcome.model_validate(job.outcome) if job is not None and job.outcome is not None else None
    answer, reason = answer_of(CaseState(case.state), outcome, case.reason)
    changes = [lesion.change for lesion in outcome.lesions] if outcome is not None and answer is not Answer.NONE else []
    return FirstLook(
        case_id=case.case_id,
        readable_name=case.readable_name,
        patient=patient,
        study_date=study_date,
        state=CaseState(case.state),
        last_image_at=case.last_image_at,
        stage=job.stage if job is not None else "",
        fraction=job.fraction if job is not None else 0.0,
        answer=answer,
        answered_at=job.finished_at if job is not None and answer is not None else None,
        reason=reason,
        new_lesions=changes.count(LesionChange.NEW),
        growing_lesions=changes.count(LesionChange.GROWING),
        has_picture=answer is not Answer.NONE and _picture_of(outcome) is not None,
        pipeline=case.pipeline,
        version=case.version,
        measured=_measured(case.pipeline, outcome),
    )


def _measured(pipeline: str, outcome: JobOutcome | None) -> MeasuredLine | None:
    """Return what was measured with the series that the answer was made from, and with no others."""
    figures = measured(pipeline) if pipeline else None
    found = figures.of(outcome.compared) if figures is not None and outcome is not None else None
    if figures is None or found is None:
        return None
    return MeasuredLine(
        version=figures.version,
        series=sorted(role.value for role in found.series),
        reference=figures.reference,
        patients=figures.patients,
        lesions_marked=figures.lesions_marked,
        lesions_found=found.lesions_found,
        false_positives=found.false_positives,
    )


_NO_WAY_ON = frozenset(
    {
        *(CaseState.QUARANTINED, CaseState.REGISTRATION_FAILED, CaseState.NOT_ROUTED),
        *(CaseState.BASELINE, CaseState.DISCARDED, CaseState.SUPERSEDED),
    }
)


NOT_COMPARED = "A tumour was measured, and nothing compared with an earlier study."

_HARMLESS_FIGURES = ("grey-white contrast to noise",)
"""A FLAIR may have none and still be good: it does no harm to the comparison (docs/ms_longitudinal.md)."""


def answer_of(state: CaseState, outcome: JobOutcome | None, reason: str) -> tuple[Answer | None, str]:
    """Return what may be said at the scanner, and why not more.

    An answer needs a measurement that succeeded on images that were good enough. Whatever else happened, the
    radiologist decides.
    """
    if outcome is not None and outcome.status is OutcomeStatus.SUCCEEDED:
        poor = [
            figure.name
            for figure in outcome.quality
            if not figure.acceptable and not figure.name.endswith(_HARMLESS_FIGURES)
        ]
        if poor:
            return Answer.NONE, f"The images or their registration are not as expected: {'; '.join(poor)}."
        if outcome.tumour is not None:
            return Answer.NONE, NOT_COMPARED
        new = any(lesion.change is LesionChange.NEW for lesion in outcome.lesions)
        return (Answer.NEW_LESION if new else Answer.NO_NEW_LESION), ""
    if state in _NO_WAY_ON or (outcome is not None and state is not CaseState.PSEUDONYMISED):
        return Answer.NONE, reason or (outcome.reason if outcome is not None else "")
    return None, reason


def _picture_of(outcome: JobOutcome | None) -> StoredObject | None:
    """Return the picture of the largest new lesion, side by side; the overview where there is none."""
    if outcome is None or outcome.status is not OutcomeStatus.SUCCEEDED:
        return None
    pictures = [stored for stored in outcome.objects if stored.kind == ObjectKind.PICTURES.value]
    # The worker stores the overview first, then the lesions, the largest first (`processing.dicom.write_sc`).
    by_size = sorted(outcome.lesions, key=lambda lesion: (-lesion.volume_mm3, lesion.number))
    place = next((n for n, lesion in enumerate(by_size, start=1) if lesion.change is LesionChange.NEW), 0)
    return next(iter(pictures[place : place + 1] or pictures[:1]), None)
