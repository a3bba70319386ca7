"""Why a case was routed as it was."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, status

from gateway.api.cases import rows_of
from gateway.api.deps import Staff, State
from gateway.api.problems import problems
from gateway.routes.explanation import Explanation

router = APIRouter(prefix="/cases", tags=["cases"])

NOT_EXAMINED = "The study was not examined yet: images are still coming, or something is waited for."


@router.get("/{case_id}/explanation", operation_id="getExplanation", responses=problems(401, 403, 404))
def get_explanation(_: Staff, case_id: str, state: State) -> Explanation:
    """Which routes were looked at and which lines of them fit, and what each series was taken for; no identity."""
    case = rows_of(case_id, state).case
    if case.explanation is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, NOT_EXAMINED)
    return Explanation.model_validate(case.explanation)
