"""The worklist, the case page and an operator's retry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, HTTPException, status

from gateway import flow
from gateway.access.accounts import SignedIn
from gateway.access.roles import Role
from gateway.api.case_rows import CaseRows, read_case
from gateway.api.case_view import case_detail, case_summaries, case_summary, in_worklist_order
from gateway.api.deps import ApiState, Operator, Staff, State
from gateway.api.disclosure import keep
from gateway.api.problems import problems
from gateway.api.schemas import CaseDetail, CaseSummary, Patient, Worklist
from gateway.audit.trail import AuditAction
from gateway.cases.notes import notes_on
from gateway.jobs import store
from gateway.release.ratings import reference_studies
from gateway.studies.conduct import cases_without_lesions
from processing.domain.errors import InputRejected

router = APIRouter(prefix="/cases", tags=["cases"])

RECENT = timedelta(days=30)
"""How long an archived case stays on the worklist without being asked for: it is fetched every few seconds."""

NO_SUCH_CASE = "There is no such case."


@router.get("", operation_id="listCases", responses=problems(401, 403))
def list_cases(who: Staff, state: State, superseded: bool = False, older: bool = False) -> Worklist:
    """Every study's newest revision, those that want a reader first; older revisions too when asked for.

    Cases that were archived more than 30 days ago come only when asked for with `older`.
    """
    now = datetime.now(UTC)
    with state.read_sessions() as session:
        shown = store.worklist(session, superseded, archived_since=None if older else now - RECENT)
        if who.role is Role.READER:
            # Readers rate reference cases blind, on a page of its own.
            kept = reference_studies(session)
            shown = [case for case in shown if case.study_uid not in kept]
        alone = cases_without_lesions(session, who.user_name) | flow.to_be_read_by_eye(session, shown)
        notes = notes_on(session, shown, alone)
    state.disclosures.on_a_list(who, shown)
    return Worklist(
        cases=in_worklist_order(case_summaries(shown, state.identities_for(who), notes, alone)), generated_at=now
    )


@router.get("/{case_id}", operation_id="getCase", responses=problems(401, 403, 404, 503))
def get_case(who: Staff, case_id: str, state: State) -> CaseDetail:
    """Everything that the case page shows, without pixels."""
    rows = rows_of(case_id, state, who)
    state.disclosures.of_case(who, rows.case)
    detail = case_detail(rows, state.identities_for(who), state.images, state.services.seal)
    with state.read_sessions() as session:
        blind = who.role is Role.READER and rows.case.study_uid in reference_studies(session)
    return detail.model_copy(update={"summary": detail.summary.model_copy(update={"version": ""})}) if blind else detail


@router.post("/{case_id}/retry", operation_id="retryCase", responses=problems(401, 403, 404, 409))
def retry_case(who: Operator, case_id: str, state: State) -> CaseSummary:
    """Try a case again that is quarantined, not routed or could not be registered."""
    rows_of(case_id, state)
    try:
        flow.retry(state.services, case_id, who.user_name)
    except InputRejected as refused:
        raise HTTPException(status.HTTP_409_CONFLICT, refused.reason) from refused
    rows = rows_of(case_id, state)
    keep(state, who, AuditAction.RETRIED, rows.case)
    state.disclosures.of_case(who, rows.case)
    return case_summary(rows.case, state.identities_for(who))


@router.post("/{case_id}/identity", operation_id="showIdentity", responses=problems(401, 403, 404))
def show_identity(who: Operator, case_id: str, state: State) -> Patient:
    """Tell an operator who the patient is, where the site does not show that on its lists; each time is kept."""
    rows = rows_of(case_id, state)
    keep(state, who, AuditAction.IDENTITY_SHOWN, rows.case, "asked for")
    return state.identities.of([rows.case.study_uid])[rows.case.study_uid].patient


def rows_of(case_id: str, state: ApiState, who: SignedIn | None = None) -> CaseRows:
    """Read a case for a person, or refuse with 404."""
    with state.read_sessions() as session:
        rows = read_case(session, case_id, who.user_name if who is not None else "")
    if rows is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, NO_SUCH_CASE)
    return rows
