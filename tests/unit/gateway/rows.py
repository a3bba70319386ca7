"""Cases that stand where a test wants them, brought there by real events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from gateway.db.tables import Case
from gateway.jobs import store
from gateway.jobs.submit import place_order
from processing.domain.case import CaseEvent, CaseState
from processing.domain.messages import JobOrder, StudyOrder
from processing.domain.study import SeriesRole

NOW = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)

_S, _E = CaseState, CaseEvent
WAYS: dict[CaseState, tuple[CaseEvent, ...]] = {
    _S.RECEIVING: (),
    _S.COMPLETE: (_E.QUIET,),
    _S.WAITING_FOR_PRIOR: (_E.QUIET, _E.PRIOR_INCOMPLETE),
    _S.BASELINE: (_E.QUIET, _E.PRIOR_MISSING),
    _S.PSEUDONYMISED: (_E.QUIET, _E.PSEUDONYMISED),
    _S.QUEUED: (_E.QUIET, _E.PSEUDONYMISED, _E.ORDERED),
    _S.RUNNING: (_E.QUIET, _E.PSEUDONYMISED, _E.ORDERED, _E.STARTED),
    _S.READY_FOR_REVIEW: (_E.QUIET, _E.PSEUDONYMISED, _E.ORDERED, _E.STARTED, _E.SUCCEEDED),
    _S.SECOND_READING: (_E.QUIET, _E.PSEUDONYMISED, _E.ORDERED, _E.SUCCEEDED, _E.SECOND_READING_ASKED),
    _S.SIGNED: (_E.QUIET, _E.PSEUDONYMISED, _E.ORDERED, _E.SUCCEEDED, _E.SIGNED),
    _S.DISPATCHING: (_E.QUIET, _E.PSEUDONYMISED, _E.ORDERED, _E.SUCCEEDED, _E.SIGNED, _E.DISPATCH_STARTED),
    _S.ARCHIVED: (
        *(_E.QUIET, _E.PSEUDONYMISED, _E.ORDERED, _E.SUCCEEDED),
        *(_E.SIGNED, _E.DISPATCH_STARTED, _E.DELIVERED),
    ),
    _S.NOT_ROUTED: (_E.QUIET, _E.NOT_USABLE),
    _S.REGISTRATION_FAILED: (_E.QUIET, _E.PSEUDONYMISED, _E.ORDERED, _E.REGISTRATION_FAILED),
    _S.QUARANTINED: (_E.QUIET, _E.FAILED),
    _S.SUPERSEDED: (_E.QUIET, _E.PSEUDONYMISED, _E.SUPERSEDED),
    _S.DISCARDED: (_E.QUIET, _E.FAILED, _E.DISCARDED),
}
"""Events that lead from the first state to each."""


def add_case(
    session: Session,
    state: CaseState = CaseState.RECEIVING,
    *,
    study_uid: str = "2.25.1",
    pseudonym: str = "IV-A",
    study_date: str = "20230101",
    images: int = 10,
    revision: int = 1,
    at: datetime = NOW,
) -> Case:
    """Add a case and let happen to it what leads to the state; with a job where the state has one."""
    case = store.new_case(
        session,
        study_uid=study_uid,
        revision=revision,
        pseudonym=pseudonym,
        readable_name="calm-heron-42",
        study_date_shifted=study_date,
        instance_count=images,
        at=at,
    )
    for event in WAYS[state]:
        if event is CaseEvent.PSEUDONYMISED:
            order(session, case, at=at)
        store.record(session, case, event, actor="test", detail="because", at=at)
    session.flush()
    return case


def order(session: Session, case: Case, *, at: datetime = NOW) -> JobOrder:
    """Place an order for a case."""
    study = StudyOrder(study_instance_uid=case.study_uid, series={SeriesRole.FLAIR: "2.25.11"})
    return place_order(session, case, pipeline="ms_longitudinal", version="1.0.0", current=study, prior=study, at=at)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)
