"""The states of a case and the only ways between them.

A case is one study of one patient on its way from the first received image to the archived result. Its state is
what the worklist shows. The table is data: what is not in it can't happen.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from processing.domain.errors import Defect


class CaseState(StrEnum):
    """Where a case stands, in words that a reader understands on the worklist."""

    RECEIVING = "receiving"
    COMPLETE = "complete"
    WAITING_FOR_PRIOR = "waiting for prior"
    BASELINE = "baseline"
    PSEUDONYMISED = "pseudonymised"
    QUEUED = "queued"
    RUNNING = "running"
    READY_FOR_REVIEW = "ready for review"
    SECOND_READING = "waiting for a second reader"
    SIGNED = "signed"
    DISPATCHING = "dispatching"
    ARCHIVED = "archived"
    NOT_ROUTED = "not routed"
    REGISTRATION_FAILED = "registration failed, review by hand"
    QUARANTINED = "quarantined"
    DISCARDED = "discarded"
    SUPERSEDED = "superseded"


class CaseEvent(StrEnum):
    """What can happen to a case."""

    IMAGES_RECEIVED = "images received"
    QUIET = "no further images"
    IMAGES_IGNORED = "images that nothing is measured on"
    NOT_USABLE = "no usable series"
    PRIOR_INCOMPLETE = "prior still receiving"
    PRIOR_MISSING = "no prior found"
    PRIOR_FOUND = "prior found"
    PRIOR_SEARCHED = "search for a prior ended"
    PSEUDONYMISED = "pseudonymised"
    ORDERED = "order sent"
    STARTED = "worker started"
    SUCCEEDED = "result stored"
    REGISTRATION_FAILED = "registration failed"
    LEASE_EXPIRED = "worker lost"
    SECOND_READING_ASKED = "second reader asked"
    SIGNED = "signed"
    REOPENED = "reopened"
    DISPATCH_STARTED = "dispatch started"
    DELIVERED = "delivered"
    FAILED = "failed"
    RETRIED = "retried"
    DISCARDED = "discarded"
    PRIORITY_CHANGED = "priority changed"
    SUPERSEDED = "superseded by a newer revision"
    COMPARISON_OUTDATED = "a later earlier study arrived"


_S = CaseState
_E = CaseEvent

TRANSITIONS: Mapping[tuple[CaseState, CaseEvent], CaseState] = {
    (_S.RECEIVING, _E.IMAGES_RECEIVED): _S.RECEIVING,
    (_S.RECEIVING, _E.QUIET): _S.COMPLETE,
    (_S.RECEIVING, _E.FAILED): _S.QUARANTINED,
    # Images that arrive before anything was computed reopen the case itself.
    (_S.COMPLETE, _E.IMAGES_RECEIVED): _S.RECEIVING,
    (_S.WAITING_FOR_PRIOR, _E.IMAGES_RECEIVED): _S.RECEIVING,
    (_S.BASELINE, _E.IMAGES_RECEIVED): _S.RECEIVING,
    (_S.NOT_ROUTED, _E.IMAGES_RECEIVED): _S.RECEIVING,
    (_S.QUARANTINED, _E.IMAGES_RECEIVED): _S.RECEIVING,
    (_S.COMPLETE, _E.NOT_USABLE): _S.NOT_ROUTED,
    (_S.COMPLETE, _E.PRIOR_INCOMPLETE): _S.WAITING_FOR_PRIOR,
    (_S.COMPLETE, _E.PRIOR_MISSING): _S.BASELINE,
    (_S.COMPLETE, _E.PSEUDONYMISED): _S.PSEUDONYMISED,
    (_S.COMPLETE, _E.FAILED): _S.QUARANTINED,
    # An earlier study that arrives later makes the comparison possible after all.
    (_S.WAITING_FOR_PRIOR, _E.PRIOR_FOUND): _S.COMPLETE,
    (_S.BASELINE, _E.PRIOR_FOUND): _S.COMPLETE,
    (_S.WAITING_FOR_PRIOR, _E.PRIOR_SEARCHED): _S.COMPLETE,
    (_S.PSEUDONYMISED, _E.ORDERED): _S.QUEUED,
    (_S.PSEUDONYMISED, _E.FAILED): _S.QUARANTINED,
    (_S.QUEUED, _E.STARTED): _S.RUNNING,
    (_S.QUEUED, _E.LEASE_EXPIRED): _S.PSEUDONYMISED,
    (_S.QUEUED, _E.SUCCEEDED): _S.READY_FOR_REVIEW,
    (_S.QUEUED, _E.REGISTRATION_FAILED): _S.REGISTRATION_FAILED,
    (_S.QUEUED, _E.FAILED): _S.QUARANTINED,
    (_S.RUNNING, _E.STARTED): _S.RUNNING,
    (_S.RUNNING, _E.LEASE_EXPIRED): _S.PSEUDONYMISED,
    (_S.RUNNING, _E.SUCCEEDED): _S.READY_FOR_REVIEW,
    (_S.RUNNING, _E.REGISTRATION_FAILED): _S.REGISTRATION_FAILED,
    (_S.RUNNING, _E.FAILED): _S.QUARANTINED,
    (_S.READY_FOR_REVIEW, _E.SIGNED): _S.SIGNED,
    # The reader's eye and the result disagree: somebody else looks, blind at first.
    (_S.READY_FOR_REVIEW, _E.SECOND_READING_ASKED): _S.SECOND_READING,
    (_S.SECOND_READING, _E.SIGNED): _S.SIGNED,
    (_S.ARCHIVED, _E.REOPENED): _S.READY_FOR_REVIEW,
    (_S.SIGNED, _E.DISPATCH_STARTED): _S.DISPATCHING,
    (_S.SIGNED, _E.FAILED): _S.QUARANTINED,
    (_S.DISPATCHING, _E.DISPATCH_STARTED): _S.DISPATCHING,
    (_S.DISPATCHING, _E.DELIVERED): _S.ARCHIVED,
    (_S.DISPATCHING, _E.FAILED): _S.QUARANTINED,
    # What was computed or signed is never changed by late images: a new revision replaces it visibly.
    (_S.PSEUDONYMISED, _E.SUPERSEDED): _S.SUPERSEDED,
    (_S.QUEUED, _E.SUPERSEDED): _S.SUPERSEDED,
    (_S.RUNNING, _E.SUPERSEDED): _S.SUPERSEDED,
    (_S.READY_FOR_REVIEW, _E.SUPERSEDED): _S.SUPERSEDED,
    (_S.SECOND_READING, _E.SUPERSEDED): _S.SUPERSEDED,
    (_S.SIGNED, _E.SUPERSEDED): _S.SUPERSEDED,
    (_S.DISPATCHING, _E.SUPERSEDED): _S.SUPERSEDED,
    (_S.ARCHIVED, _E.SUPERSEDED): _S.SUPERSEDED,
    (_S.REGISTRATION_FAILED, _E.SUPERSEDED): _S.SUPERSEDED,
    # Quarantine keeps results and signatures too; without any, late images reopen the case. The gateway picks.
    (_S.QUARANTINED, _E.SUPERSEDED): _S.SUPERSEDED,
    (_S.REGISTRATION_FAILED, _E.RETRIED): _S.COMPLETE,
    # What was signed and delivered stays, but says that there is something better to compare with by now.
    (_S.ARCHIVED, _E.COMPARISON_OUTDATED): _S.ARCHIVED,
    # Where a retry leads depends on whether the reader had signed; the gateway picks the event.
    (_S.QUARANTINED, _E.RETRIED): _S.COMPLETE,
    (_S.QUARANTINED, _E.SIGNED): _S.SIGNED,
    (_S.NOT_ROUTED, _E.RETRIED): _S.COMPLETE,
    # An operator decides that a case goes no further, and may think again.
    (_S.QUARANTINED, _E.DISCARDED): _S.DISCARDED,
    (_S.NOT_ROUTED, _E.DISCARDED): _S.DISCARDED,
    (_S.REGISTRATION_FAILED, _E.DISCARDED): _S.DISCARDED,
    (_S.DISCARDED, _E.RETRIED): _S.COMPLETE,
    (_S.DISCARDED, _E.SIGNED): _S.SIGNED,
    (_S.DISCARDED, _E.IMAGES_RECEIVED): _S.RECEIVING,
    (_S.DISCARDED, _E.SUPERSEDED): _S.SUPERSEDED,
    (_S.WAITING_FOR_PRIOR, _E.RETRIED): _S.COMPLETE,
    (_S.BASELINE, _E.RETRIED): _S.COMPLETE,
    # Until its order is at the workers a case can still overtake.
    **{
        (state, _E.PRIORITY_CHANGED): state
        for state in (_S.RECEIVING, _S.COMPLETE, _S.WAITING_FOR_PRIOR, _S.BASELINE, _S.PSEUDONYMISED)
    },
    # Images of another modality change nothing, but nothing that arrives is passed over in silence.
    **{(state, _E.IMAGES_IGNORED): state for state in CaseState if state is not _S.SUPERSEDED},
}
"""(state, event) -> next state."""


class IllegalTransition(Defect):
    """An event that can't happen in this state; the caller's picture of the case is wrong."""


def next_state(state: CaseState, event: CaseEvent) -> CaseState:
    """Return the state that follows.

    Raises
    ------
    IllegalTransition
        If the table has no entry for this state and event.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"'{event}' can't happen to a case that is '{state}'") from None
