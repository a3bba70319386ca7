"""The order of the worklist: what wants a reader first.

Ready for review, most urgent first; then what is being computed; then what waits for images; then failures that
an operator has to look at; then what is on its way back or archived.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from processing.domain.case import CaseState

_GROUPS: tuple[frozenset[CaseState], ...] = (
    frozenset({CaseState.READY_FOR_REVIEW}),
    frozenset({CaseState.RUNNING, CaseState.QUEUED, CaseState.PSEUDONYMISED}),
    frozenset({CaseState.RECEIVING, CaseState.COMPLETE, CaseState.WAITING_FOR_PRIOR, CaseState.BASELINE}),
    frozenset({CaseState.QUARANTINED, CaseState.REGISTRATION_FAILED, CaseState.NOT_ROUTED}),
    frozenset({CaseState.SIGNED, CaseState.DISPATCHING}),
    frozenset({CaseState.ARCHIVED, CaseState.DISCARDED, CaseState.SUPERSEDED}),
)

NEEDS_OPERATOR: frozenset[CaseState] = _GROUPS[3]
"""Failures: states that an operator has to look at, and can retry."""


@dataclass(frozen=True)
class Urgency:
    """What the order looks at.

    Parameters
    ----------
    case_id : str
    state : CaseState
    new_lesions : int
        0 while unknown.
    disputed_lesions : int
        Found by one of two detectors only; 0 while unknown.
    changed_at : datetime
        When the state changed last, with time zone.
    """

    case_id: str
    state: CaseState
    new_lesions: int
    changed_at: datetime
    disputed_lesions: int = 0


def worklist_order(cases: Iterable[Urgency]) -> list[str]:
    """Return the case ids, most urgent first.

    Within ready for review the most lesions come first that are new or that the detectors disagree about: a new one
    that is disputed counts twice. Otherwise, and among equals, the newest change comes first. The case id settles what
    is left, so that the order is the same each time.
    """
    return [case.case_id for case in sorted(cases, key=_key)]


def _key(case: Urgency) -> tuple[int, int, float, str]:
    group = next(number for number, states in enumerate(_GROUPS) if case.state in states)
    lesions = case.new_lesions + case.disputed_lesions if case.state is CaseState.READY_FOR_REVIEW else 0
    return group, -lesions, -case.changed_at.timestamp(), case.case_id
