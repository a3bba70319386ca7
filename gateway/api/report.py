"""The report's words before they are signed."""

from __future__ import annotations

from fastapi import APIRouter

from gateway import flow
from gateway.api.cases import rows_of
from gateway.api.deps import Reader, State
from gateway.api.disclosure import keep_in
from gateway.api.problems import problems
from gateway.api.review import judging
from gateway.api.review_view import review_state
from gateway.api.schemas import ReportChange, ReportState, ReviewState
from gateway.audit.trail import AuditAction
from gateway.review import decisions
from gateway.review.second_reader import ReviewRefused

router = APIRouter(prefix="/cases/{case_id}/report", tags=["review"])

_ERRORS = problems(401, 403, 404, 409, 422)


@router.get("", operation_id="getReport", responses=_ERRORS)
def get_report(who: Reader, case_id: str, state: State) -> ReportState:
    """Return the draft from the findings as they are, and the reader's own words where there are any."""
    rows = rows_of(case_id, state, who)
    if rows.job is None or rows.result is None:
        raise ReviewRefused("There is no result to report yet.")
    if rows.withheld:
        return ReportState(draft="", words="", edited=False, outdated=False)
    with state.read_sessions() as session:
        words = flow.report_words(state.services, session, rows.case, rows.job)
    return ReportState(draft=words.draft, words=words.words, edited=words.edited, outdated=words.outdated)


@router.put("", operation_id="setReport", responses=_ERRORS)
def set_report(who: Reader, case_id: str, change: ReportChange, state: State) -> ReviewState:
    """Keep the reader's own words, or take the draft again."""
    seal = state.services.seal
    with judging(state, who, case_id) as (session, case, job):
        basis = flow.report_words(state.services, session, case, job).basis
        review = decisions.write_report(
            session,
            case,
            job,
            report=seal.close(change.words, f"{job.job_id}/report"),
            basis=basis,
            reader=who.user_name,
            edit=change.edit,
        )
        keep_in(session, who, AuditAction.REPORT_EDITED, case, "" if change.words.strip() else "the draft again")
        return review_state(review, job, seal, who.user_name)
