"""The audit trail."""

from __future__ import annotations

from datetime import datetime

from gateway.api.schemas.body import Body
from gateway.audit.trail import AuditAction, AuditOutcome


class AuditLine(Body):
    """One entry of the audit trail; it names no patient."""

    sequence: int
    at: datetime
    action: AuditAction
    outcome: AuditOutcome
    actor: str
    role: str
    case_id: str | None
    pseudonyms: list[str]
    detail: str


class AuditPage(Body):
    """Entries of the audit trail, the newest first."""

    entries: list[AuditLine]
    more: bool


class AuditVerification(Body):
    """What came of looking at every entry's hash."""

    entries: int
    head: str
    """Of the newest entry; kept elsewhere, it shows later that nothing before it was changed."""
    problem: str
    """Empty when the trail is whole."""
