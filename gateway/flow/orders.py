"""Between gateway and workers: orders out, progress and outcomes in, and what got lost in between."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Session

from gateway.cases import prior
from gateway.db.tables import Case, Job
from gateway.flow.priors import rule_of
from gateway.flow.services import Services
from gateway.jobs import leftovers, store, submit, sweep
from gateway.jobs import outcome as outcomes
from gateway.jobs.revision import replace_revision
from gateway.log import get_logger
from gateway.review.decisions import review_of
from processing.dicom.provenance import Provenance
from processing.dicom.result import draft_series_uids
from processing.domain.case import TRANSITIONS, CaseEvent, CaseState
from processing.domain.errors import InputRejected
from processing.domain.messages import JobOrder, JobOutcome, JobProgress

log = get_logger(__name__)
_CAN_BE_TRIED_AGAIN = frozenset(state for state, event in TRANSITIONS if event is CaseEvent.RETRIED)


def relay_outbox(services: Services, send: submit.Send, in_broker: Callable[[str], int] = lambda _queue: 0) -> int:
    """Send the orders whose turn it is. Raises Transient when the broker is away; nothing is lost then.

    Parameters
    ----------
    services : Services
    send : callable
    in_broker : callable
        Says how many messages wait in a queue of the broker: it gets only few ahead, for what is there can neither be
        stopped nor overtaken any more.
    """
    ahead = services.settings.orders_ahead
    return submit.relay_outbox(
        services.sessions, send, now=services.clock(), room=lambda queue: ahead - in_broker(queue)
    )


def record_progress(services: Services, progress: JobProgress) -> bool:
    """Note what a worker does; late, repeated and unknown messages are ignored and False is returned."""
    with services.sessions.begin() as session:
        taken = outcomes.record_progress(session, progress, at=services.clock())
    if not taken:
        log.info("progress ignored", job_id=progress.job_id, attempt=progress.attempt)
    return taken


def record_outcome(services: Services, outcome: JobOutcome) -> bool:
    """Note how an order ended; late, repeated and unknown messages are ignored and False is returned."""
    with services.sessions.begin() as session:
        taken = outcomes.record_outcome(session, outcome, at=services.clock(), policy=services.job_policy)
    said = "outcome recorded" if taken else "outcome ignored"
    log.info(said, job_id=outcome.job_id, attempt=outcome.attempt, duration_s=outcome.duration_s)
    return taken


def sweep_up(services: Services) -> None:
    """Give up silent workers, order again what is due, and look again at cases that wait for an earlier study."""
    now = services.clock()
    job_lease_s = services.settings.job_lease_s
    with services.sessions() as session:
        lost = sweep.lost_jobs(session, now=now, job_lease_s=job_lease_s)
        due = sweep.jobs_to_order_again(session, now=now)
        again = prior.cases_to_look_at_again(session)
        outdated = prior.outdated_comparisons(session, rule_of(services))
    for job_id in lost:
        with services.sessions.begin() as session:
            sweep.give_up_attempt(session, job_id, now=now, job_lease_s=job_lease_s, policy=services.job_policy)
        log.warning("worker fell silent", job_id=job_id)
    for job_id in due:
        with services.sessions.begin() as session:
            sweep.order_due_again(session, job_id, now=now)
    for case_id in again:
        _look_again(services, case_id)
    for case_id in outdated:
        _compare_again(services, case_id)
    _withdraw_leftovers(services)


def _withdraw_leftovers(services: Services) -> None:
    """Remove from the research archive what jobs without a result stored."""
    with services.sessions() as session:
        job_ids = leftovers.jobs_with_leftovers(
            session, now=services.clock(), job_lease_s=services.settings.job_lease_s
        )
        jobs = [session.get_one(Job, job_id) for job_id in job_ids]
    for job in jobs:
        order = JobOrder.model_validate(job.order)
        provenance = Provenance(order.pipeline, order.version, title="", seed=order.job_id)
        removed = services.copies.withdraw_series(sorted(draft_series_uids(provenance)))
        with services.sessions.begin() as session:
            leftovers.note_withdrawn(session, job.job_id, now=services.clock())
        if removed:
            log.info("leftovers removed", job_id=job.job_id, count=removed)


def _look_again(services: Services, case_id: str) -> None:
    with services.sessions.begin() as session:
        case = store.locked_case(session, case_id)
        if case is None or case_id not in prior.cases_to_look_at_again(session):
            return
        detail = "An earlier study of this patient became complete."
        store.record(session, case, CaseEvent.PRIOR_FOUND, actor=prior.ACTOR, detail=detail, at=services.clock())


def _compare_again(services: Services, case_id: str) -> None:
    """Replace a comparison that does not stand any more, or let it say so where it was delivered."""
    with services.sessions.begin() as session:
        case = store.locked_case(session, case_id)
        if case is None or case.early or not prior.why_outdated(session, case, rule_of(services)):
            return
        if case.state == CaseState.ARCHIVED.value:
            detail = f"{prior.OUTDATED} This result stands as it was signed."
            event = CaseEvent.COMPARISON_OUTDATED
            store.record(session, case, event, actor=prior.ACTOR, detail=detail, at=services.clock())
            return
        detail = f"{prior.OUTDATED} Revision {case.revision + 1} compares anew."
        replace_revision(session, case, actor=prior.ACTOR, detail=detail, at=services.clock())
    log.info("comparison made anew", case_id=case_id)


def retry(services: Services, case_id: str, user_name: str) -> None:
    """Try a case again that is quarantined, not routed, without a prior, or could not be registered.

    A case that a reader had signed goes on with its delivery; every other one begins with its images.

    Raises
    ------
    InputRejected
        If there is no such case, or it is in a state from which there is nothing to try again.
    """
    with services.sessions.begin() as session:
        case = store.locked_case(session, case_id)
        if case is None:
            raise InputRejected("There is no such case.")
        state = CaseState(case.state)
        if state not in _CAN_BE_TRIED_AGAIN:
            raise InputRejected(f"There is nothing to try again in a case that is '{state}'.")
        event = (
            CaseEvent.SIGNED if state is CaseState.QUARANTINED and _stands_signed(session, case) else CaseEvent.RETRIED
        )
        store.record(session, case, event, actor=user_name, detail="Tried again.", at=services.clock())


def _stands_signed(session: Session, case: Case) -> bool:
    """Whether a reader signed the case's result, and the case did not begin with its images again since then."""
    job = store.latest_job(case)
    review = review_of(session, job) if job is not None else None
    if review is None or review.signed_at is None:
        return False
    last = [event.event for event in case.events if event.event in (CaseEvent.IMAGES_RECEIVED, CaseEvent.SIGNED)][-1]
    return last == CaseEvent.SIGNED
