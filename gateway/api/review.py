"""A reader's verdicts, assessment and signature; a second reader's opinion; and opening a signed case again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from fastapi import APIRouter, HTTPException, status
from sqlalchemy.orm import Session

from gateway import flow
from gateway.access.accounts import SignedIn, confirm_password
from gateway.api.case_view import case_detail
from gateway.api.cases import NO_SUCH_CASE, rows_of
from gateway.api.deps import ApiState, Reader, State
from gateway.api.disclosure import keep_in
from gateway.api.problems import problems
from gateway.api.review_view import review_state
from gateway.api.schemas import (
    AssessmentChange,
    BlindReading,
    CaseDetail,
    Consensus,
    EyeReading,
    Reopening,
    ReviewState,
    Signature,
    VerdictChange,
    VolumeReading,
)
from gateway.audit.trail import AuditAction
from gateway.db.tables import Case, Job
from gateway.jobs import store
from gateway.review import decisions, tumour_reading
from gateway.review.second_reader import ReviewRefused
from processing.domain.decision import EyeDiameters

router = APIRouter(prefix="/cases/{case_id}", tags=["review"])

_ERRORS = problems(401, 403, 404, 409, 422)


@router.put("/lesions/{number}/verdict", operation_id="setVerdict", responses=_ERRORS)
def set_verdict(who: Reader, case_id: str, number: int, change: VerdictChange, state: State) -> ReviewState:
    """Accept or reject one lesion, or take the verdict back."""
    with judging(state, who, case_id) as (session, case, job):
        review = decisions.change_verdict(
            session, case, job, number, change.verdict, reader=who.user_name, edit=change.edit
        )
        verdict = change.verdict.value if change.verdict is not None else "undecided"
        keep_in(session, who, AuditAction.DECIDED, case, f"lesion {number} {verdict}")
        return review_state(review, job, state.services.seal, who.user_name)


@router.put("/assessment", operation_id="setAssessment", responses=_ERRORS)
def set_assessment(who: Reader, case_id: str, change: AssessmentChange, state: State) -> ReviewState:
    """Say whether the whole is acceptable, rate it, comment on it, and note what was seen without the result."""
    seal = state.services.seal
    with judging(state, who, case_id) as (session, case, job):
        review = decisions.change_assessment(
            session,
            case,
            job,
            acceptance=change.acceptance,
            rating=change.rating,
            comment=seal.close(change.comment, f"{job.job_id}/comment"),
            visual=change.visual_reading,
            reader=who.user_name,
            edit=change.edit,
        )
        parts = (review.acceptance, f"rated {review.rating}" if review.rating else None, review.visual_reading)
        keep_in(session, who, AuditAction.ASSESSED, case, "; ".join(part for part in parts if part))
        return review_state(review, job, seal, who.user_name)


@router.put("/eye-reading", operation_id="readByEye", responses=_ERRORS)
def read_by_eye(who: Reader, case_id: str, seen: EyeReading, state: State) -> CaseDetail:
    """Say once what the images of a tumour's three time points show; then outlines and volumes are shown."""
    try:
        diameters = EyeDiameters(*seen.diameters_mm) if seen.diameters_mm is not None else None
    except ValueError as wrong:
        raise ReviewRefused("The longest diameter comes first, and no head holds one of 300 mm.") from wrong
    with reviewing(state, case_id) as (session, case, job):
        tumour_reading.read_by_eye(
            session,
            case,
            job,
            seen.reading,
            diameters,
            followed=flow.is_followed(session, case, job),
            reader=who.user_name,
            edit=seen.edit,
        )
        keep_in(session, who, AuditAction.ASSESSED, case, f"by eye: {seen.reading.value}")
    return _detail(who, case_id, state)


@router.put("/volume-reading", operation_id="readWithVolumes", responses=_ERRORS)
def read_with_volumes(who: Reader, case_id: str, concluded: VolumeReading, state: State) -> ReviewState:
    """Say what the volumes of three time points mean; whoever saw something else hands the case to a second reader."""
    with reviewing(state, case_id) as (session, case, job):
        review = tumour_reading.read_with_volumes(
            session,
            case,
            job,
            concluded.reading,
            followed=flow.is_followed(session, case, job),
            reader=who.user_name,
            edit=concluded.edit,
        )
        keep_in(session, who, AuditAction.ASSESSED, case, f"with volumes: {concluded.reading.value}")
        return review_state(review, job, state.services.seal, who.user_name)


@router.put("/blind-reading", operation_id="readBlind", responses=_ERRORS)
def read_blind(who: Reader, case_id: str, opinion: BlindReading, state: State) -> CaseDetail:
    """Say as a second reader what the images alone show; then the lesions and the first opinion are shown."""
    with reviewing(state, case_id) as (session, case, job):
        decisions.read_blind(session, case, job, opinion.reading, reader=who.user_name, edit=opinion.edit)
        keep_in(session, who, AuditAction.READ_BLIND, case, opinion.reading.value)
    return _detail(who, case_id, state)


@router.put("/consensus", operation_id="writeConsensus", responses=_ERRORS)
def write_consensus(who: Reader, case_id: str, consensus: Consensus, state: State) -> ReviewState:
    """Write down what two readers of different opinions agreed to report."""
    seal = state.services.seal
    with reviewing(state, case_id) as (session, case, job):
        review = decisions.write_consensus(
            session,
            case,
            job,
            consensus=seal.close(consensus.words, f"{job.job_id}/consensus"),
            reader=who.user_name,
            edit=consensus.edit,
        )
        keep_in(session, who, AuditAction.ASSESSED, case, "consensus written")
        return review_state(review, job, seal, who.user_name)


@router.post("/signature", operation_id="signCase", responses=_ERRORS)
def sign_case(who: Reader, case_id: str, signature: Signature, state: State) -> CaseDetail:
    """Sign the review with the password again; afterwards only reopening the case opens it."""
    rows_of(case_id, state)
    must_be_confirmed(who, signature.password, state)
    flow.sign(state.services, case_id, who.user_name, signature.edit)
    return _detail(who, case_id, state)


@router.post("/reopening", operation_id="reopenCase", responses=_ERRORS)
def reopen_case(who: Reader, case_id: str, reopening: Reopening, state: State) -> CaseDetail:
    """Open a signed case again, with the password; what is signed next replaces what the PACS holds."""
    rows_of(case_id, state)
    must_be_confirmed(who, reopening.password, state)
    flow.reopen(state.services, case_id, who.user_name, reopening.reason)
    return _detail(who, case_id, state)


def must_be_confirmed(who: SignedIn, password: str, state: ApiState) -> None:
    """Refuse with 403 unless the person proved just now who they are."""
    if who.external:
        if who.confirmed_until is None or who.confirmed_until <= datetime.now(UTC):
            raise HTTPException(status.HTTP_403_FORBIDDEN, "Confirm at the identity provider first who you are.")
    elif not confirm_password(state.sessions, who.user_name, password, passwords=state.passwords):
        # Not 401: the session is fine, and the viewer would show the log-in page.
        raise HTTPException(status.HTTP_403_FORBIDDEN, "The password is wrong; nothing is signed.")


@contextmanager
def reviewing(state: ApiState, case_id: str) -> Iterator[tuple[Session, Case, Job]]:
    """Open the transaction of one change to a review: with the case, locked, and the job whose result is reviewed.

    Raises
    ------
    HTTPException
        404 where there is no such case, 409 where it has no result yet.
    """
    with state.sessions.begin() as session:
        case = store.locked_case(session, case_id)
        if case is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, NO_SUCH_CASE)
        job = store.latest_job(case)
        if job is None:
            raise HTTPException(status.HTTP_409_CONFLICT, "There is no result to review yet.")
        yield session, case, job


@contextmanager
def judging(state: ApiState, who: SignedIn, case_id: str) -> Iterator[tuple[Session, Case, Job]]:
    """Open the same for a change that judges the result: 409 while this person has to read the images without it."""
    with reviewing(state, case_id) as (session, case, job):
        flow.must_be_seen(session, case, job, who.user_name)
        yield session, case, job


def _detail(who: SignedIn, case_id: str, state: ApiState) -> CaseDetail:
    return case_detail(rows_of(case_id, state, who), state.identities_for(who), state.images, state.services.seal)
