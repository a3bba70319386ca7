"""Research copies go when their time is over, or, the longest unused first, when room is short; each time audited."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.audit import trail
from gateway.audit.trail import AuditAction, Subject
from gateway.db.tables import LegalHold, RemovedCopies
from gateway.flow.services import Services
from gateway.log import get_logger
from gateway.retention.due import Copy, Why, due_copies, held_pseudonyms, signed_series, still_due
from gateway.storage import watched_folders, why_no_room
from processing.domain.errors import InputRejected

log = get_logger(__name__)

ACTOR = "retention"
_JUST_USED = timedelta(hours=1)
"""Even when room is short: somebody may still look at it."""


def remove_old_copies(services: Services) -> int:
    """Remove the research copies whose retention time is over; returns how many studies' copies were removed."""
    days = services.settings.retention_days
    if not days:
        return 0
    with services.sessions() as session:
        due = due_copies(session, unused_since=services.clock() - timedelta(days=days))
    return sum(_remove(services, copy, Why.AGE) for copy in due)


def make_room(services: Services) -> int:
    """Remove the longest unused research copies while room is short; returns how many studies' copies were removed.

    Nothing is ever taken from the clinical archive, and nothing that waits for anybody or is not yet in the PACS.
    """
    if not room_is_short(services):
        return 0
    with services.sessions() as session:
        due = due_copies(session, unused_since=services.clock() - _JUST_USED)
    removed = 0
    for copy in due:
        removed += _remove(services, copy, Why.ROOM)
        if not room_is_short(services):
            break
    log.warning("research copies removed to make room", count=removed)
    return removed


def room_is_short(services: Services) -> bool:
    """Whether a watched disk has little room left, or the research archive takes more than it may."""
    settings = services.settings
    if settings.emergency_free_mb and why_no_room(watched_folders(settings), settings.emergency_free_mb):
        return True
    return bool(settings.research_most_mb) and services.copies.size_mb() > settings.research_most_mb


def _remove(services: Services, copy: Copy, why: Why) -> bool:
    """Remove one study's copies, unless something happened to its cases meanwhile.

    In one transaction, so that nobody reopens a case whose copy is just going. Should it not commit, the next run
    finds nothing to remove and writes that down.
    """
    now = services.clock()
    with services.sessions.begin() as session:
        if not still_due(session, copy) or copy.pseudonym in held_pseudonyms(session):
            return False
        removed = services.copies.withdraw(copy.study_uid, signed_series(session, copy.study_uid))
        session.add(RemovedCopies(study_uid=copy.study_uid, at=now, why=why.value, series=removed))
        if removed:
            detail = f"research copy removed ({why.value}), {removed} series"
            subject = Subject(None, (copy.pseudonym,))
            trail.append(session, AuditAction.OPERATED, actor=ACTOR, subject=subject, detail=detail, at=now)
    return bool(removed)


def hold(services: Services, pseudonym: str, *, actor: str, reason: str) -> None:
    """Let nothing of a patient be removed until the hold is lifted."""
    now = services.clock()
    with services.sessions.begin() as session:
        sealed = services.seal.close(reason, f"hold/{pseudonym}")
        session.add(LegalHold(pseudonym=pseudonym, at=now, actor=actor, reason=sealed))
        _note(session, services, actor, pseudonym, "legal hold set")


def lift_hold(services: Services, pseudonym: str, *, actor: str) -> int:
    """Lift every hold on a patient; returns how many there were.

    Raises
    ------
    InputRejected
        If there is none.
    """
    with services.sessions.begin() as session:
        standing = select(LegalHold).where(LegalHold.pseudonym == pseudonym, LegalHold.lifted_at.is_(None))
        holds = session.scalars(standing).all()
        if not holds:
            raise InputRejected("No legal hold stands on this patient.")
        for one in holds:
            one.lifted_at, one.lifted_by = services.clock(), actor
        _note(session, services, actor, pseudonym, "legal hold lifted")
    return len(holds)


def _note(session: Session, services: Services, actor: str, pseudonym: str, detail: str) -> None:
    subject = Subject(None, (pseudonym,))
    trail.append(session, AuditAction.OPERATED, actor=actor, subject=subject, detail=detail, at=services.clock())
