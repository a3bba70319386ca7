"""Which earlier study of the same patient a study is compared with.

The rule: the latest earlier study that is complete and has the required series. When a later one than the one that
was used becomes complete, or the one that was used gets other images, then a comparison that nobody signed is made
anew as a new revision, and can't be signed meanwhile. One that was delivered stays and says so (`why_outdated`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ScalarSelect, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from gateway.cases.select import Selection
from gateway.db.tables import Case, Event
from processing.domain.case import CaseEvent, CaseState
from processing.domain.errors import InputRejected

ACTOR = "prior"
OUTDATED = "A later earlier study arrived, or the one that was compared with got other images."
UNDECIDED = "Another earlier study of this patient is being received; sign when it is known which one to compare with."
_COMPARED = (
    *(CaseState.PSEUDONYMISED, CaseState.QUEUED, CaseState.RUNNING),
    *(CaseState.READY_FOR_REVIEW, CaseState.REGISTRATION_FAILED, CaseState.ARCHIVED),
)
"""States in which a comparison can be outdated; one that is being delivered is looked at when it has arrived."""
_EXAMINED = frozenset(CaseState) - {
    *(CaseState.RECEIVING, CaseState.COMPLETE, CaseState.NOT_ROUTED),
    *(CaseState.QUARANTINED, CaseState.DISCARDED, CaseState.SUPERSEDED),
}
"""States of a study that is known to be complete and to have the required series."""

NO_EARLIER_STUDY = "No earlier study of this patient is in the archive. It becomes the baseline for the next one."


@dataclass(frozen=True)
class PriorFound:
    """The study to compare with, and the series of it that the pipeline gets."""

    case_id: str
    selection: Selection
    passed_over: str = ""
    """Why a later one of the earlier studies is not used; empty when this is the latest."""


@dataclass(frozen=True)
class PriorIncomplete:
    """An earlier study is still being received, and might be the one."""

    reason: str = "An earlier study of this patient is still being received."


@dataclass(frozen=True)
class PriorMissing:
    """There is nothing to compare with."""

    reason: str


PriorDecision = PriorFound | PriorIncomplete | PriorMissing


@dataclass(frozen=True)
class EarlierStudy:
    """What is known of another study of the same patient."""

    case_id: str
    study_date_shifted: str
    state: CaseState
    received_at: datetime


def find_prior(
    study_date_shifted: str, others: Sequence[EarlierStudy], select_of: Callable[[EarlierStudy], Selection]
) -> PriorDecision:
    """Decide on the study to compare with: the latest earlier one that has the required series.

    Parameters
    ----------
    study_date_shifted : str
        YYYYMMDD of the current study, shifted like those of `others`. Studies of the same day are parts of one
        visit, not a comparison.
    others : sequence of EarlierStudy
        All other studies of the same patient ID and issuer, at any time.
    select_of : callable
        Selects the series of an earlier study, or raises `InputRejected` when the study can't be used at all. Asked
        from the latest back, no further than needed.
    """
    earlier = sorted(
        (other for other in others if other.study_date_shifted and other.study_date_shifted < study_date_shifted),
        key=lambda other: (other.study_date_shifted, other.received_at),
        reverse=True,
    )
    why_not = ""
    for study in earlier:
        if study.state is CaseState.RECEIVING:
            return PriorIncomplete()
        try:
            selection = select_of(study)
        except InputRejected as rejected:
            why_not = why_not or f"An earlier study can't be used: {rejected.reason}"
            continue
        if selection.usable:
            return PriorFound(study.case_id, selection, why_not)
        why_not = why_not or f"An earlier study can't be used: {selection.sentence}"
    return PriorMissing(why_not or NO_EARLIER_STUDY)


def cases_to_look_at_again(session: Session) -> list[str]:
    """Return the ids of cases without a prior for which an earlier study has become complete since they were looked at.

    Order of events decides, not clocks: an earlier study's completion stands behind the event by which the case
    itself was last found complete. At worst a case is looked at once more than needed. A case that waits is also
    looked at when no earlier study is being received any more, whatever became of the one that it waited for.
    """
    other = aliased(Case)
    looked_at = _last_event(Case, (CaseEvent.QUIET, CaseEvent.RETRIED, CaseEvent.PRIOR_FOUND))
    became_complete = _last_event(other, (CaseEvent.QUIET, CaseEvent.RETRIED))
    receiving = aliased(Case)
    still_waited_for = exists().where(
        receiving.pseudonym == Case.pseudonym,
        receiving.study_uid != Case.study_uid,
        receiving.state == CaseState.RECEIVING.value,
        receiving.study_date_shifted != "",
        receiving.study_date_shifted < Case.study_date_shifted,
    )
    forgotten = session.scalars(
        select(Case.case_id).where(Case.state == CaseState.WAITING_FOR_PRIOR.value, ~still_waited_for)
    )
    completed = session.scalars(
        select(Case.case_id)
        .join(other, and_(other.pseudonym == Case.pseudonym, other.study_uid != Case.study_uid))
        .where(
            Case.state.in_([CaseState.WAITING_FOR_PRIOR.value, CaseState.BASELINE.value]),
            other.state != CaseState.RECEIVING.value,
            other.study_date_shifted != "",
            other.study_date_shifted < Case.study_date_shifted,
            became_complete > looked_at,
        )
        .distinct()
    )
    return list(dict.fromkeys([*completed, *forgotten]))


def outdated_comparisons(session: Session) -> list[str]:
    """Return the ids of the cases that would be compared with something else by now; see `why_outdated`."""
    return list(session.scalars(_outdated()))


def why_outdated(session: Session, case: Case) -> str:
    """Return why a comparison does not stand any more, without identity; empty when it does.

    Order of events decides: what became complete, or was changed, behind the event by which the case was ordered.
    """
    if case.prior_case_id is None:
        return ""
    of_case = _outdated().where(Case.case_id == case.case_id)
    return OUTDATED if session.scalar(of_case) is not None else ""


def why_not_certain(session: Session, case: Case) -> str:
    """Return why it can't be said yet whether a case's prior is the right one; empty when it is."""
    prior = session.get(Case, case.prior_case_id) if case.prior_case_id is not None else None
    if prior is None:
        return ""
    undecided = session.scalar(
        select(Case.case_id).where(
            Case.pseudonym == case.pseudonym,
            Case.study_uid.not_in([case.study_uid, prior.study_uid]),
            Case.state.in_([CaseState.RECEIVING.value, CaseState.COMPLETE.value]),
            Case.study_date_shifted > prior.study_date_shifted,
            Case.study_date_shifted < case.study_date_shifted,
        )
    )
    return UNDECIDED if undecided is not None else ""


def _outdated() -> Select[str]:
    prior, other, revision, change = aliased(Case), aliased(Case), aliased(Case), aliased(Event)
    compared = _last_event(Case, (CaseEvent.PSEUDONYMISED, CaseEvent.COMPARISON_OUTDATED))
    better = exists().where(
        other.pseudonym == Case.pseudonym,
        other.study_uid.not_in([Case.study_uid, prior.study_uid]),
        other.state.in_([state.value for state in _EXAMINED]),
        other.study_date_shifted > prior.study_date_shifted,
        other.study_date_shifted < Case.study_date_shifted,
        _last_event(other, (CaseEvent.QUIET, CaseEvent.RETRIED)) > compared,
    )
    # A prior that was itself only compared anew has the same images as before.
    changed = exists().where(
        revision.study_uid == prior.study_uid,
        change.case_id == revision.case_id,
        change.event.in_([CaseEvent.SUPERSEDED.value, CaseEvent.IMAGES_RECEIVED.value]),
        change.from_state != CaseState.RECEIVING.value,
        change.actor != ACTOR,
        change.event_id > compared,
    )
    return (
        select(Case.case_id)
        .join(prior, prior.case_id == Case.prior_case_id)
        .where(Case.state.in_([state.value for state in _COMPARED]), or_(better, changed))
    )


def _last_event(of: type[Case], events: Sequence[CaseEvent]) -> ScalarSelect[int]:
    latest = aliased(Event)
    return (
        select(func.max(latest.event_id))
        .where(latest.case_id == of.case_id, latest.event.in_([event.value for event in events]))
        .correlate(of)
        .scalar_subquery()
    )
