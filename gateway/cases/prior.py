"""Which earlier study of the same patient a study is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ScalarSelect, and_, func, select
from sqlalchemy.orm import Session, aliased

from gateway.cases.select import Selection
from gateway.db.tables import Case, Event
from processing.domain.case import CaseEvent, CaseState

NO_EARLIER_STUDY = "No earlier study of this patient is in the archive. It becomes the baseline for the next one."


@dataclass(frozen=True)
class PriorFound:
    """The study to compare with, and the series of it that the pipeline gets."""

    case_id: str
    selection: Selection


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
    study_date_shifted: str, others: Sequence[EarlierStudy], select_of: Callable[[EarlierStudy], Selection | None]
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
        Selects the series of an earlier study; none when the archive no longer holds it. Asked from the latest
        back, no further than needed.
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
        selection = select_of(study)
        if selection is not None and selection.usable:
            return PriorFound(study.case_id, selection)
        why_not = why_not or (selection.sentence if selection is not None else "")
    if why_not:
        return PriorMissing(f"An earlier study of this patient can't be compared with. {why_not}")
    return PriorMissing(NO_EARLIER_STUDY)


def cases_to_look_at_again(session: Session) -> list[str]:
    """Return the ids of cases without a prior for which an earlier study has become complete since they were looked at.

    Order of events decides, not clocks: an earlier study's completion stands behind the event by which the case
    itself was last found complete. At worst a case is looked at once more than needed.
    """
    other = aliased(Case)
    looked_at = _last_event(Case, (CaseEvent.QUIET, CaseEvent.RETRIED, CaseEvent.PRIOR_FOUND))
    became_complete = _last_event(other, (CaseEvent.QUIET, CaseEvent.RETRIED))
    return list(
        session.scalars(
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
    )


def _last_event(of: type[Case], events: Sequence[CaseEvent]) -> ScalarSelect[int]:
    latest = aliased(Event)
    return (
        select(func.max(latest.event_id))
        .where(latest.case_id == of.case_id, latest.event.in_([event.value for event in events]))
        .correlate(of)
        .scalar_subquery()
    )
