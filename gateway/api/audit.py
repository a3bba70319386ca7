"""The audit trail, for auditors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from gateway.access.accounts import SignedIn
from gateway.api.deps import ApiState, Auditor, State
from gateway.api.problems import problems
from gateway.api.schemas import AuditLine, AuditPage, AuditVerification
from gateway.audit import trail
from gateway.audit.messages import audit_messages
from gateway.audit.trail import AuditAction, AuditOutcome, TrailQuery

router = APIRouter(prefix="/audit", tags=["audit"])

PAGE = 200
_Text = Annotated[str, Query(max_length=64)]


@router.get("", operation_id="listAudit", responses=problems(401, 403, 422))
def list_audit(
    _: Auditor,
    state: State,
    since: datetime | None = None,
    until: datetime | None = None,
    actor: _Text = "",
    action: AuditAction | None = None,
    case_id: _Text = "",
    pseudonym: _Text = "",
    before: int | None = None,
) -> AuditPage:
    """Return entries, the newest first; `before` is the number of the last one of the page before."""
    query = TrailQuery(since, until, actor, action.value if action is not None else "", case_id, pseudonym)
    with state.read_sessions() as session:
        found = trail.entries(session, query, limit=PAGE + 1, before=before)
    return AuditPage(
        entries=[
            AuditLine(
                sequence=entry.sequence,
                at=entry.at,
                action=AuditAction(entry.action),
                outcome=AuditOutcome(entry.outcome),
                actor=entry.actor,
                role=entry.role,
                case_id=entry.case_id,
                pseudonyms=entry.pseudonyms,
                detail=entry.detail,
            )
            for entry in found[:PAGE]
        ],
        more=len(found) > PAGE,
    )


@router.get("/verification", operation_id="verifyAudit", responses=problems(401, 403))
def verify_audit(who: Auditor, state: State) -> AuditVerification:
    """Look at every entry's hash."""
    with state.read_sessions() as session:
        found = trail.verify(session)
    _note(state, who, "checked")
    return AuditVerification(entries=found.entries, head=found.head, problem=found.problem)


@router.get(
    "/messages",
    operation_id="exportAudit",
    response_class=StreamingResponse,
    responses=problems(401, 403) | {200: {"content": {"application/xml": {"schema": {"type": "string"}}}}},
)
def export_audit(who: Auditor, state: State) -> StreamingResponse:
    """Return the whole trail as DICOM audit messages (PS3.15 A.5)."""
    _note(state, who, "exported")

    def pieces() -> Iterator[bytes]:
        with state.read_sessions() as session:
            yield from audit_messages(trail.all_entries(session))

    name = 'attachment; filename="interval-audit.xml"'
    return StreamingResponse(pieces(), media_type="application/xml", headers={"Content-Disposition": name})


def _note(state: ApiState, who: SignedIn, detail: str) -> None:
    with state.sessions.begin() as session:
        trail.append(session, AuditAction.TRAIL_READ, actor=who.user_name, role=who.role.value, detail=detail)
