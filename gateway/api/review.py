"""A reader's verdicts, assessment and signature."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, status
from sqlalchemy.orm import Session

from gateway import flow
from gateway.access.accounts import confirm_password
from gateway.api.case_view import case_detail, review_state
from gateway.api.cases import NO_SUCH_CASE, rows_of
from gateway.api.deps import Reader, State
from gateway.api.problems import problems
from gateway.api.schemas import AssessmentChange, CaseDetail, ReviewState, Signature, VerdictChange
from gateway.db.tables import Case, Job
from gateway.jobs import store
from gateway.review import decisions

router = APIRouter(prefix="/cases/{case_id}", tags=["review"])

_ERRORS = problems(401, 403, 404, 409, 422)


@router.put("/lesions/{number}/verdict", operation_id="setVerdict", responses=_ERRORS)
def set_verdict(who: Reader, case_id: str, number: int, change: VerdictChange, state: State) -> ReviewState:
    """Accept or reject one lesion, or take the verdict back."""
    with state.sessions.begin() as session:
        case, job = reviewed(session, case_id)
        review = decisions.change_verdict(
            session, case, job, number, change.verdict, reader=who.user_name, edit=change.edit
        )
        return review_state(review)


@router.put("/assessment", operation_id="setAssessment", responses=_ERRORS)
def set_assessment(who: Reader, case_id: str, change: AssessmentChange, state: State) -> ReviewState:
    """Say whether the whole is acceptable, rate it, comment on it."""
    with state.sessions.begin() as session:
        case, job = reviewed(session, case_id)
        review = decisions.change_assessment(
            session,
            case,
            job,
            acceptance=change.acceptance,
            rating=change.rating,
            comment=change.comment,
            reader=who.user_name,
            edit=change.edit,
        )
        return review_state(review)


@router.post("/signature", operation_id="signCase", responses=_ERRORS)
def sign_case(who: Reader, case_id: str, signature: Signature, state: State) -> CaseDetail:
    """Sign the review with the password again; afterwards it is never changed."""
    rows_of(case_id, state)
    if not confirm_password(state.sessions, who.user_name, signature.password, passwords=state.passwords):
        # Not 401: the session is fine, and the viewer would show the log-in page.
        raise HTTPException(status.HTTP_403_FORBIDDEN, "The password is wrong; the case is not signed.")
    flow.sign(state.services, case_id, who.user_name, who.display_name, signature.edit)
    return case_detail(rows_of(case_id, state), state.identities, state.images)


def reviewed(session: Session, case_id: str) -> tuple[Case, Job]:
    """Return a case, locked, with the job whose result is reviewed; or refuse with 404 or 409."""
    case = store.locked_case(session, case_id)
    if case is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, NO_SUCH_CASE)
    job = store.latest_job(case)
    if job is None:
        raise HTTPException(status.HTTP_409_CONFLICT, "There is no result to review yet.")
    return case, job
