"""A signed case's objects on their way to every target: each has its own state, retries and proof of arrival.

An object counts as archived when the target promised to keep it (storage commitment), or, where a target knows no
such promise, when it was asked what it holds and named the object. A target that is away, paused or refuses stops
no other; the case says what is missing where, and is archived when nothing is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from pydicom.dataset import Dataset
from pydicom.uid import UID
from sqlalchemy.orm import Session

from gateway.commitment import CommitmentReport
from gateway.db.tables import Case, Consignment, Delivery
from gateway.dispatch import consignments
from gateway.dispatch.consignments import ConsignmentState
from gateway.dispatch.target import Target
from gateway.flow.services import Services
from gateway.flow.step import Lease
from gateway.jobs import gates, store
from gateway.log import get_logger
from processing.dicom.result import ObjectKind
from processing.domain.case import CaseEvent, CaseState
from processing.domain.errors import InputRejected, Transient

log = get_logger(__name__)
ACTOR = "dispatch"
SIGNED = (CaseState.SIGNED, CaseState.DISPATCHING)
_CLINICAL = (ObjectKind.REPORT, ObjectKind.PICTURES, ObjectKind.REJECTION, ObjectKind.DOCUMENT)
"""Without one of these at a target, the signed result would be nowhere that a clinician looks."""
ROUTE_GONE = "The route that this case came by is no longer configured, so that it is not known where its result goes."
_ARCHIVED = ConsignmentState.ARCHIVED
_REST = timedelta(seconds=30)
"""Longest that the other cases leave a target alone that is away."""
_LOOK_AGAIN_S = 60.0
"""How often a case looks whether the target that it waits for was opened again; opening it wakes the case too."""


@dataclass(frozen=True)
class Released:
    """An object with its identity back, and what it is."""

    kind: str
    dataset: Dataset = field(repr=False)

    @property
    def uid(self) -> str:
        """SOP Instance UID."""
        return str(self.dataset.SOPInstanceUID)

    @property
    def sop_class(self) -> str:
        """SOP Class UID."""
        return str(self.dataset.SOPClassUID)


def due_targets(services: Services, session: Session, case: Case) -> list[Target]:
    """Open the case's consignments and return the targets for which there is something to do now.

    The case is locked in this transaction.

    Raises
    ------
    InputRejected
        If nobody knows where the result goes.
    """
    now = services.clock()
    anew = case.state == CaseState.SIGNED.value
    targets = _targets_of(services, session, case)
    rows = consignments.open_all(session, case, [target.name for target in targets], anew=anew)
    due = []
    for target in targets:
        row = rows[target.name]
        if not consignments.is_due(row, now):
            continue
        if gates.gate(session, gates.target_gate(target.name)).lets_pass(case.changed_at):
            due.append(target)
        else:
            consignments.put_off(row, "An operator paused this target.", now + timedelta(seconds=_LOOK_AGAIN_S))
    return due


def _targets_of(services: Services, session: Session, case: Case) -> list[Target]:
    """Return the targets that the case's route names; all where it names none.

    A route that is gone may have kept a result from some targets: then those are taken that it went to before.
    """
    route = services.routes.find(case.route)
    named: Collection[str] = route.targets if route is not None else ()
    if route is None and case.route:
        named = consignments.of_case(session, case.case_id)
        if not named:
            raise InputRejected(ROUTE_GONE)
    return [target for target in services.targets if not named or target.name in named]


def ship(services: Services, lease: Lease, target: Target, objects: Sequence[Released]) -> None:
    """Send objects to one target and make sure that it keeps them; what goes wrong is noted for this target alone."""
    try:
        with lease.kept():
            _ship(services, lease, target, objects)
    except Transient as error:
        with services.sessions.begin() as session:
            row = _row(session, lease, target)
            row.attempts += 1
            wait = timedelta(seconds=services.step_policy.wait_s(row.attempts))
            consignments.put_off(row, error.reason, services.clock() + wait)
        if not _answers(target):
            with services.sessions.begin() as session:
                rest = services.clock() + min(wait, _REST)
                consignments.put_off_all(session, target.name, error.reason, rest)
        log.info("target will be tried again", case_id=lease.case_id, step=target.name)
    except InputRejected as error:
        with services.sessions.begin() as session:
            consignments.refuse(_row(session, lease, target), error.reason)
        log.warning("target refuses", case_id=lease.case_id, step=target.name)


def conclude(services: Services, lease: Lease) -> None:
    """Let the case be archived when every target keeps it, and otherwise say what is missing where.

    Raises
    ------
    InputRejected
        If nothing is under way any more and a target refused.
    """
    now = services.clock()
    with services.sessions.begin() as session:
        case = lease.case(session, SIGNED)
        known = consignments.of_case(session, case.case_id)
        rows = [known[target.name] for target in _targets_of(services, session, case) if target.name in known]
        open_rows = [row for row in rows if row.state in consignments.UNDER_WAY]
        said = " ".join(f"{row.target}: {row.reason}" for row in rows if row.reason and row.state != _ARCHIVED)
        if open_rows:
            case.reason = said
            case.not_before = min(row.not_before or now for row in open_rows)
            case.attempts = max(row.attempts for row in open_rows)
            return
        if any(row.state == ConsignmentState.REFUSED for row in rows):
            raise InputRejected(said)
        detail = "; ".join(_what_arrived(session, row) for row in rows)
        store.record(session, case, CaseEvent.DELIVERED, actor=ACTOR, detail=detail, at=now)
    log.info("case delivered", case_id=lease.case_id)


def take_report(services: Services, report: CommitmentReport) -> bool:
    """Note what a target says about keeping objects; False when nobody waits for that."""
    with services.sessions.begin() as session:
        case_id = consignments.case_of_transaction(session, report.transaction_uid)
        case = store.locked_case(session, case_id) if case_id is not None else None
        wait_s = services.step_policy.wait_s(1)
        if case is None or not consignments.take_report(session, report, at=services.clock(), wait_s=wait_s):
            log.warning("a report of storage commitment that nobody waits for")
            return False
        case.not_before = None
    log.info("storage commitment reported", case_id=case_id, count=len(report.committed))
    return True


def _ship(services: Services, lease: Lease, target: Target, objects: Sequence[Released]) -> None:
    refused = _send(services, lease, target, objects)
    takes = [one for one in objects if one.sop_class not in refused]
    if _await_promise(services, lease, target, takes):
        return
    _read_back(services, lease, target, takes)
    with services.sessions.begin() as session:
        row = _row(session, lease, target)
        rows = _rows(session, lease, target, objects)
        absent = [one for one in rows if one.confirmed_at is None]
        missing = sum(one.sop_class_uid not in refused for one in absent)
        if missing:
            raise Transient(f"The PACS does not hold {missing} of {len(objects)} objects yet.")
        left_out = sorted({UID(one.sop_class_uid).name.removesuffix(" Storage") for one in absent})
        if not any(one.kind in _CLINICAL for one in rows if one.confirmed_at is not None):
            raise InputRejected(f"The PACS takes nothing that a reader could see: no {', no '.join(left_out)}.")
        for one in absent:
            session.delete(one)
        consignments.conclude(row, f"the PACS does not take {', '.join(left_out)}" if left_out else "")


def _send(services: Services, lease: Lease, target: Target, objects: Sequence[Released]) -> frozenset[str]:
    """Send what the target does not hold, note what it takes, and return the SOP classes that it does not take."""
    waiting, not_promised = _noted(services, lease, target, objects)
    if not waiting:
        return frozenset()
    try:
        # It may still name what it said it can't promise to keep: that is sent again whatever it holds.
        held = target.confirm(_datasets([one for one in waiting if one.uid not in not_promised]))
    except InputRejected:
        # It can't be asked, so that everything is sent: an object that it holds already changes nothing there.
        held = frozenset()
    taken = set(held)
    try:
        refused = target.send(_datasets([one for one in waiting if one.uid not in held]), taken.add)
    finally:
        _note_acknowledged(services, lease, target, taken)
    lease.renew()
    return refused


def _noted(
    services: Services, lease: Lease, target: Target, objects: Sequence[Released]
) -> tuple[list[Released], frozenset[str]]:
    """Write a row for each object.

    Returns
    -------
    list of Released
        Those that the target is not yet known to keep.
    frozenset of str
        UIDs of those of them that it was asked to promise to keep, and did not.
    """
    with services.sessions.begin() as session:
        case = lease.case(session, SIGNED)
        known = {row.sop_instance_uid: row for row in consignments.deliveries_to(session, case.case_id, target.name)}
        for one in objects:
            if one.uid not in known:
                session.add(
                    Delivery(
                        case_id=case.case_id,
                        target=target.name,
                        kind=one.kind,
                        sop_class_uid=one.sop_class,
                        sop_instance_uid=one.uid,
                    )
                )
        asked = consignments.of_case(session, case.case_id)[target.name].asked > 0
        # What was not acknowledged is never asked about: a report took the acknowledgement back.
        not_promised = {uid for uid, row in known.items() if asked and row.acknowledged_at is None}
        waiting = [one for one in objects if one.uid not in known or known[one.uid].confirmed_at is None]
        return waiting, frozenset(not_promised)


def _note_acknowledged(services: Services, lease: Lease, target: Target, taken: set[str]) -> None:
    now = services.clock()
    with services.sessions.begin() as session:
        case = lease.case(session, SIGNED)
        for row in consignments.deliveries_to(session, case.case_id, target.name):
            if row.acknowledged_at is None and row.sop_instance_uid in taken:
                row.acknowledged_at = now


def _await_promise(services: Services, lease: Lease, target: Target, takes: Sequence[Released]) -> bool:
    """Ask the target to promise that it keeps what it took; False when it knows no promises, or there is no need."""
    with services.sessions.begin() as session:
        row = _row(session, lease, target)
        kept = {one.sop_instance_uid for one in _rows(session, lease, target, takes) if one.confirmed_at is not None}
        unproven = [one for one in takes if one.uid not in kept]
        if not unproven or row.asked >= consignments.MOST_ASKED:
            consignments.expect_no_report(row)
            return False
        wait_s = services.settings.commitment_wait_s
        transaction_uid = consignments.await_report(row, services.clock(), wait_s)
    try:
        asked = target.request_commitment(transaction_uid, _datasets(unproven))
    except Transient:
        with services.sessions.begin() as session:
            _row(session, lease, target).asked -= 1
        raise
    if not asked:
        with services.sessions.begin() as session:
            consignments.expect_no_report(_row(session, lease, target))
    return asked


def _read_back(services: Services, lease: Lease, target: Target, takes: Sequence[Released]) -> None:
    with services.sessions() as session:
        kept = {one.sop_instance_uid for one in _rows(session, lease, target, takes) if one.confirmed_at is not None}
    unproven = [one for one in takes if one.uid not in kept]
    held = target.confirm(_datasets(unproven)) if unproven else frozenset()
    now = services.clock()
    with services.sessions.begin() as session:
        lease.case(session, SIGNED)
        for row in _rows(session, lease, target, unproven):
            if row.sop_instance_uid in held:
                consignments.confirm(row, target.proof, now)


def _answers(target: Target) -> bool:
    try:
        target.echo()
    except (Transient, InputRejected):
        return False
    return True


def _row(session: Session, lease: Lease, target: Target) -> Consignment:
    case = lease.case(session, SIGNED)
    return consignments.of_case(session, case.case_id)[target.name]


def _rows(session: Session, lease: Lease, target: Target, objects: Sequence[Released]) -> list[Delivery]:
    """Return the rows of what is released now: an earlier job may have left some of its own."""
    uids = {one.uid for one in objects}
    rows = consignments.deliveries_to(session, lease.case_id, target.name)
    return [row for row in rows if row.sop_instance_uid in uids]


def _what_arrived(session: Session, row: Consignment) -> str:
    kept = [one for one in consignments.deliveries_to(session, row.case_id, row.target) if one.confirmed_at is not None]
    how = " and ".join(sorted({one.confirmed_by for one in kept}))
    left_out = f", {row.reason}" if row.reason else ""
    return f"{row.target}: {len(kept)} objects ({how}){left_out}"


def _datasets(objects: Sequence[Released]) -> list[Dataset]:
    return [one.dataset for one in objects]
