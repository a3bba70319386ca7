"""Which earlier study of the same patient a study is compared with.

The rule of the route decides; without one it is the latest earlier study that is complete and has the required
series. When one that the rule prefers to the one that was used becomes complete, or the one that was used gets other
images, then a comparison that nobody signed is made anew as a new revision, and can't be signed meanwhile. One that
was delivered stays and says so (`why_outdated`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ScalarSelect, and_, exists, func, select
from sqlalchemy.orm import Session, aliased

from gateway.cases.select import Selection
from gateway.db.tables import Case, Event, PriorSearch
from gateway.routes.model import PriorRule
from processing.domain.case import CaseEvent, CaseState
from processing.domain.errors import InputRejected
from processing.domain.study import SeriesRole

RuleOf = Callable[[Case], PriorRule]
"""Returns the rule of a case's route, with its dates shifted like the patient's."""

ACTOR = "prior"
OUTDATED = "A later earlier study arrived, or the one that was compared with got other images."
UNDECIDED = "Another earlier study of this patient is being received; sign when it is known which one to compare with."
_COMPARED = (
    *(CaseState.PSEUDONYMISED, CaseState.QUEUED, CaseState.RUNNING),
    *(CaseState.READY_FOR_REVIEW, CaseState.SECOND_READING, CaseState.REGISTRATION_FAILED, CaseState.ARCHIVED),
)
"""States in which a comparison can be outdated; one that is being delivered is looked at when it has arrived."""
_EXAMINED = frozenset(CaseState) - {
    *(CaseState.RECEIVING, CaseState.COMPLETE, CaseState.NOT_ROUTED),
    *(CaseState.QUARANTINED, CaseState.DISCARDED, CaseState.SUPERSEDED),
}
"""States of a study that is known to be complete and to have the required series."""


def usual_rule(_: Case) -> PriorRule:
    """Return the rule of a route that says nothing about priors."""
    return PriorRule()


NO_EARLIER_STUDY = "No earlier study of this patient is in the archive. It becomes the baseline for the next one."
NONE_ALLOWED = "The patient's earlier studies are not among those that the route compares with, by their dates."


@dataclass(frozen=True)
class PriorFound:
    """The study to compare with, and the series of it that the pipeline gets."""

    case_id: str
    selection: Selection
    passed_over: str = ""
    """Why an earlier study that the rule prefers is not used; empty when this is the preferred one."""
    unusable: tuple[str, ...] = ()
    """The case ids of all studies that were passed over."""


@dataclass(frozen=True)
class PriorIncomplete:
    """An earlier study is still being received, and might be the one."""

    reason: str = "An earlier study of this patient is still being received."


@dataclass(frozen=True)
class PriorMissing:
    """There is nothing to compare with."""

    reason: str
    unusable: tuple[str, ...] = ()
    """The case ids of the studies that were passed over."""


PriorDecision = PriorFound | PriorIncomplete | PriorMissing


@dataclass(frozen=True)
class EarlierStudy:
    """What is known of another study of the same patient."""

    case_id: str
    study_date_shifted: str
    state: CaseState
    received_at: datetime


def find_prior(
    study_date_shifted: str,
    others: Sequence[EarlierStudy],
    select_of: Callable[[EarlierStudy], Selection],
    rule: PriorRule,
    required: Sequence[SeriesRole],
) -> PriorDecision:
    """Decide on the study to compare with: the first in the order of the rule that has the required series.

    Parameters
    ----------
    study_date_shifted : str
        YYYYMMDD of the current study, shifted like those of `others` and of the rule.
    others : sequence of EarlierStudy
        All other studies of the same patient ID and issuer, at any time.
    select_of : callable
        Selects the series of an earlier study, or raises `InputRejected` when the study can't be used at all. Asked
        in the order of the rule, no further than needed.
    rule : PriorRule
    required : sequence of SeriesRole
        Whose voxels must not be coarser than the rule accepts.
    """
    by_id = {other.case_id: other for other in others}
    order = rule.in_order(_dated(others), _day(study_date_shifted))
    why_not = ""
    unusable: list[str] = []
    for study in (by_id[case_id] for case_id in order):
        if study.state is CaseState.RECEIVING:
            return PriorIncomplete()
        try:
            selection = select_of(study)
            sentence = selection.sentence or _too_coarse(selection, rule, required)
        except InputRejected as rejected:
            sentence = rejected.reason
        if not sentence:
            return PriorFound(study.case_id, selection, why_not, tuple(unusable))
        unusable.append(study.case_id)
        why_not = why_not or f"An earlier study can't be used: {sentence}"
    earlier = any(other.study_date_shifted and other.study_date_shifted < study_date_shifted for other in others)
    return PriorMissing(why_not or (NONE_ALLOWED if earlier else NO_EARLIER_STUDY), tuple(unusable))


def _dated(others: Sequence[EarlierStudy]) -> list[tuple[date, str]]:
    """Return the studies that have a date, the later received ones last."""
    dated = [other for other in others if other.study_date_shifted]
    return [(_day(other.study_date_shifted), other.case_id) for other in sorted(dated, key=lambda one: one.received_at)]


def _day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def _too_coarse(selection: Selection, rule: PriorRule, required: Sequence[SeriesRole]) -> str:
    if rule.coarsest_voxel_mm is None:
        return ""
    coarse = selection.coarser_than(rule.coarsest_voxel_mm, required)
    return f"{coarse[0].upper()}{coarse[1:]}." if coarse else ""


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
    searched_for = exists().where(PriorSearch.case_id == Case.case_id, PriorSearch.ended_at.is_(None))
    forgotten = session.scalars(
        select(Case.case_id).where(Case.state == CaseState.WAITING_FOR_PRIOR.value, ~still_waited_for, ~searched_for)
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


def outdated_comparisons(session: Session, rule_of: RuleOf = usual_rule) -> list[str]:
    """Return the ids of the cases that would be compared with something else by now; see `why_outdated`."""
    return list(dict.fromkeys([*_with_changed_prior(session), *_with_better_prior(session, rule_of)]))


def why_outdated(session: Session, case: Case, rule_of: RuleOf = usual_rule) -> str:
    """Return why a comparison does not stand any more, without identity; empty when it does.

    Order of events decides: what became complete, or was changed, behind the event by which the case was ordered.
    """
    if case.prior_case_id is None:
        return ""
    only = case.case_id
    return OUTDATED if _with_changed_prior(session, only) or _with_better_prior(session, rule_of, only) else ""


def why_not_certain(session: Session, case: Case, rule_of: RuleOf = usual_rule) -> str:
    """Return why it can't be said yet whether a case's prior is the right one; empty when it is."""
    prior = session.get(Case, case.prior_case_id) if case.prior_case_id is not None else None
    if prior is None:
        return ""
    arriving = session.scalars(
        select(Case).where(
            Case.pseudonym == case.pseudonym,
            Case.study_uid.not_in([case.study_uid, prior.study_uid]),
            Case.state.in_([CaseState.RECEIVING.value, CaseState.COMPLETE.value]),
            Case.study_date_shifted != "",
            Case.study_date_shifted < case.study_date_shifted,
        )
    )
    return UNDECIDED if any(_prefers(rule_of(case), case, prior, other) for other in arriving) else ""


def quarantined_between(session: Session, cases: Sequence[Case]) -> dict[str, str]:
    """Name the quarantined studies that the comparison of a case passed over: {case id: sentence}.

    A study that lies between prior and current would usually be compared with; that it can't be must not go unseen.
    """
    prior, other = aliased(Case), aliased(Case)
    rows = session.execute(
        select(Case.case_id, other.reason)
        .join(prior, prior.case_id == Case.prior_case_id)
        .join(other, and_(other.pseudonym == Case.pseudonym, other.study_uid.not_in([Case.study_uid, prior.study_uid])))
        .where(
            Case.case_id.in_([case.case_id for case in cases if case.prior_case_id is not None]),
            other.state == CaseState.QUARANTINED.value,
            other.study_date_shifted > prior.study_date_shifted,
            other.study_date_shifted < Case.study_date_shifted,
        )
        .order_by(other.study_date_shifted)
    )
    return {
        case_id: f"A study between the two that are compared is in quarantine and was not used: {reason}"
        for case_id, reason in rows
    }


def _prefers(rule: PriorRule, case: Case, prior: Case, other: Case) -> bool:
    """Whether the rule takes another study rather than the prior."""
    both = [(_day(one.study_date_shifted), one.case_id) for one in (other, prior)]
    order = rule.in_order(both, _day(case.study_date_shifted))
    return bool(order) and order[0] == other.case_id and other.study_date_shifted != prior.study_date_shifted


def _with_better_prior(session: Session, rule_of: RuleOf, case_id: str | None = None) -> list[str]:
    prior, other = aliased(Case), aliased(Case)
    query = (
        select(Case, prior, other)
        .join(prior, prior.case_id == Case.prior_case_id)
        .join(other, and_(other.pseudonym == Case.pseudonym, other.study_uid.not_in([Case.study_uid, prior.study_uid])))
        .where(
            Case.state.in_([state.value for state in _COMPARED]),
            other.state.in_([state.value for state in _EXAMINED]),
            other.study_date_shifted != "",
            other.study_date_shifted < Case.study_date_shifted,
            _last_event(other, (CaseEvent.QUIET, CaseEvent.RETRIED)) > _compared(),
        )
    )
    if case_id is not None:
        query = query.where(Case.case_id == case_id)
    return [
        case.case_id for case, of_case, one in session.execute(query) if _prefers(rule_of(case), case, of_case, one)
    ]


def _with_changed_prior(session: Session, case_id: str | None = None) -> list[str]:
    prior, revision, change = aliased(Case), aliased(Case), aliased(Event)
    # A prior that was itself only compared anew has the same images as before.
    changed = exists().where(
        revision.study_uid == prior.study_uid,
        change.case_id == revision.case_id,
        change.event.in_([CaseEvent.SUPERSEDED.value, CaseEvent.IMAGES_RECEIVED.value]),
        change.from_state != CaseState.RECEIVING.value,
        change.actor != ACTOR,
        change.event_id > _compared(),
    )
    query = (
        select(Case.case_id)
        .join(prior, prior.case_id == Case.prior_case_id)
        .where(Case.state.in_([state.value for state in _COMPARED]), changed)
    )
    if case_id is not None:
        query = query.where(Case.case_id == case_id)
    return list(session.scalars(query))


def _compared() -> ScalarSelect[int]:
    """The event by which a case was ordered, or was said to be outdated."""
    return _last_event(Case, (CaseEvent.PSEUDONYMISED, CaseEvent.COMPARISON_OUTDATED))


def _last_event(of: type[Case], events: Sequence[CaseEvent]) -> ScalarSelect[int]:
    latest = aliased(Event)
    return (
        select(func.max(latest.event_id))
        .where(latest.case_id == of.case_id, latest.event.in_([event.value for event in events]))
        .correlate(of)
        .scalar_subquery()
    )
