"""An operator confirms a corrected or merged patient, and sees what was confirmed before."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, status

from gateway import flow
from gateway.api.cases import rows_of
from gateway.api.deps import Operator, State
from gateway.api.disclosure import keep
from gateway.api.problems import problems
from gateway.api.schemas import CorrectionDone, CorrectionLine, Corrections, PatientCorrection
from gateway.audit.trail import AuditAction
from processing.domain.errors import InputRejected

router = APIRouter(tags=["corrections"])


@router.post("/cases/{case_id}/patient", operation_id="takeOverPatient", responses=problems(401, 403, 404, 409, 503))
def take_over_patient(who: Operator, case_id: str, correction: PatientCorrection, state: State) -> CorrectionDone:
    """Take the patient's data over from the clinical archive, for all of the patient's studies that changed there.

    Until then no result of them is released. A quarantined delivery can be tried again afterwards.
    """
    rows_of(case_id, state)
    try:
        done = flow.take_over_patient(state.services, case_id, who.user_name, correction.reason, merge=correction.merge)
    except InputRejected as refused:
        raise HTTPException(status.HTTP_409_CONFLICT, refused.reason) from refused
    keep(state, who, AuditAction.PATIENT_CORRECTED, rows_of(case_id, state).case, "merged" if correction.merge else "")
    return CorrectionDone(studies=done.studies, prepared_again=done.prepared_again)


@router.get("/corrections", operation_id="listCorrections", responses=problems(401, 403))
def list_corrections(_: Operator, state: State) -> Corrections:
    """Every change in the vault, the newest first."""
    with state.read_sessions() as session:
        rows = flow.corrections(session)
    return Corrections(
        corrections=[
            CorrectionLine(
                at=row.at,
                operation=row.operation,
                actor=row.actor,
                reason=row.reason,
                pseudonym=row.pseudonym,
                new_pseudonym=row.new_pseudonym,
                changed=row.changed.split(),
            )
            for row in rows
        ]
    )
