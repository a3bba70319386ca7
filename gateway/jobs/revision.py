"""When a case begins with its images again: in place, or beside what was computed or signed, as a new revision."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from gateway.db.tables import Case
from gateway.jobs.store import new_case, record
from processing.domain.case import TRANSITIONS, CaseEvent, CaseState
from processing.domain.messages import OutcomeStatus


def must_be_replaced(case: Case) -> bool:
    """Whether other images or another prior need a new revision, because this one has, or may get, a result.

    A quarantined or discarded case has one when a worker had finished, whether or not a reader signed: a review stands
    for good beside the images that it was made with.
    """
    state = CaseState(case.state)
    if (state, CaseEvent.SUPERSEDED) not in TRANSITIONS:
        return False
    return state not in (CaseState.QUARANTINED, CaseState.DISCARDED) or has_result(case)


def has_result(case: Case) -> bool:
    """Whether a worker computed something for the case that a reader can, or could, review."""
    outcomes = (job.outcome for job in case.jobs if job.outcome is not None)
    return any(outcome.get("status") == OutcomeStatus.SUCCEEDED.value for outcome in outcomes)


def replace_revision(session: Session, case: Case, *, actor: str, detail: str, at: datetime) -> Case:
    """Let a newer revision take a case's place, in the caller's transaction.

    Parameters
    ----------
    session : Session
    case : Case
        Locked in this transaction, and one that `must_be_replaced`.
    actor, detail : str
        For the event of the old revision; `detail` is its reason on the worklist.
    at : datetime

    Returns
    -------
    Case
        The new revision, which waits for the quiet time like every other.
    """
    record(session, case, CaseEvent.SUPERSEDED, actor=actor, detail=detail, at=at)
    return new_case(
        session,
        study_uid=case.study_uid,
        revision=case.revision + 1,
        pseudonym=case.pseudonym,
        readable_name=case.readable_name,
        study_date_shifted=case.study_date_shifted,
        instance_count=case.instance_count,
        at=at,
    )
