"""The order of the worklist, in one place: what wants a reader first.

What a reader can do now, by risk: patients that are still on the table first, then by priority; then results with
quality figures outside their range, for these are the ones that may be wrong (quality-estimation: risk-ordered
worklist); then the most change. Then what is being computed; then what waits for images; then failures that
an operator has to look at; then what is on its way back or archived.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from processing.domain.case import CaseState
from processing.domain.priority import Priority

_GROUPS: tuple[frozenset[CaseState], ...] = (
    frozenset({CaseState.READY_FOR_REVIEW, CaseState.SECOND_READING}),
    frozenset({CaseState.RUNNING, CaseState.QUEUED, CaseState.PSEUDONYMISED}),
    frozenset({CaseState.RECEIVING, CaseState.COMPLETE, CaseState.WAITING_FOR_PRIOR, CaseState.BASELINE}),
    frozenset({CaseState.QUARANTINED, CaseState.REGISTRATION_FAILED, CaseState.NOT_ROUTED}),
    frozenset({CaseState.SIGNED, CaseState.DISPATCHING}),
    frozenset({CaseState.ARCHIVED, CaseState.DISCARDED, CaseState.SUPERSEDED}),
)

NEEDS_OPERATOR: frozenset[CaseState] = _GROUPS[3]
"""Failures: states that an operator has to look at, and can retry."""


_FOR_READERS = _GROUPS[0]


@dataclass(frozen=True)
class Urgency:
    """What the order looks at.

    Parameters
    ----------
    case_id : str
    state : CaseState
    new_lesions : int
        New or growing; 0 while unknown.
    changed_at : datetime
        When the state changed last, with time zone.
    disputed_lesions : int
        Found by one of two detectors only; 0 while unknown.
    priority : Priority
    alarms : int
        Quality figures outside their expected range.
    """

    case_id: str
    state: CaseState
    new_lesions: int
    changed_at: datetime
    disputed_lesions: int = 0
    priority: Priority = Priority.ROUTINE
    alarms: int = 0


def worklist_order(cases: Iterable[Urgency]) -> list[str]:
    """Return the case ids, most urgent first.

    A new lesion that is disputed counts twice. Among equals the newest change comes first; the case id settles what
    is left, so that the order is the same each time.
    """
    return [case.case_id for case in sorted(cases, key=_key)]


def _key(case: Urgency) -> tuple[int, int, int, int, float, str]:
    group = next(number for number, states in enumerate(_GROUPS) if case.state in states)
    alarms = lesions = 0
    if case.state in _FOR_READERS:
        alarms, lesions = case.alarms, case.new_lesions + case.disputed_lesions
    return group, case.priority.rank, -alarms, -lesions, -case.changed_at.timestamp(), case.case_id
