"""The way of a study, composed from the steps.

1. `follow_changes`: what arrived in the clinical archive becomes a case, its identity goes to the vault.
2. `settle`: a study for which no more images come is complete.
3. `prepare`: its series get their roles, the prior is found, both are pseudonymised into the research archive, and
   the order to a worker is written with the change of state (or the state says why there is none).
4. `relay_outbox`: the order goes to the broker; `record_progress` and `record_outcome` take what comes back.
5. `sign`: a reader's signature, or the way to a second reader; `dispatch`: accepted results get their identity back
   and go to the PACS; `reopen`: what is signed next replaces it there.
6. `sweep_up`: what got lost is found; `retry`: what stands still is tried again; `reconcile`: nothing was missed.
7. `take_over_patient`: an operator confirms that a patient's data was corrected, or a patient ID merged.
8. `remove_old_copies`, `make_room`: research copies go when their time is over; `erase_patient`: one is forgotten.

Every step may be run at any time, by any process, any number of times: it works on what it finds in the database.
"""

from gateway.flow.arrival import follow_changes, reconcile, settle
from gateway.flow.corrections import CorrectionResult, corrections, take_over_patient
from gateway.flow.delivery import dispatch, reopen, sign
from gateway.flow.erasure import erase_patient, erase_pseudonym, pseudonyms_of, what_is_known
from gateway.flow.fast_track import announce, begin_early, replace_first_looks
from gateway.flow.follow_up import (
    measures_a_tumour,
    original_study_uid,
    reported_growth,
    study_day,
    timeline_of,
    tumour_growth,
)
from gateway.flow.operations import discard, passages, set_priority, turn_gate
from gateway.flow.orders import record_outcome, record_progress, relay_outbox, retry, sweep_up
from gateway.flow.prefetch import prefetch_priors
from gateway.flow.preparation import prepare
from gateway.flow.priors import search_priors
from gateway.flow.reports import ReportWords, notes_of, report_words
from gateway.flow.retention import hold, lift_hold, make_room, remove_old_copies
from gateway.flow.services import Services, build_services, require_known_keys
from gateway.flow.shipping import take_report
from gateway.flow.step import fail
from gateway.flow.time_points import (
    earlier_tumours,
    is_accepted,
    is_followed,
    must_be_seen,
    to_be_read_by_eye,
    wants_eye_first,
)

__all__ = [
    "CorrectionResult",
    "ReportWords",
    "Services",
    "announce",
    "begin_early",
    "build_services",
    "corrections",
    "discard",
    "dispatch",
    "earlier_tumours",
    "erase_patient",
    "erase_pseudonym",
    "fail",
    "follow_changes",
    "hold",
    "is_accepted",
    "is_followed",
    "lift_hold",
    "make_room",
    "measures_a_tumour",
    "must_be_seen",
    "notes_of",
    "original_study_uid",
    "passages",
    "prefetch_priors",
    "prepare",
    "pseudonyms_of",
    "reconcile",
    "record_outcome",
    "record_progress",
    "relay_outbox",
    "remove_old_copies",
    "reopen",
    "replace_first_looks",
    "report_words",
    "reported_growth",
    "require_known_keys",
    "retry",
    "search_priors",
    "set_priority",
    "settle",
    "sign",
    "study_day",
    "sweep_up",
    "take_over_patient",
    "take_report",
    "timeline_of",
    "to_be_read_by_eye",
    "tumour_growth",
    "turn_gate",
    "wants_eye_first",
    "what_is_known",
]
