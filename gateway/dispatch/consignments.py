"""What is on its way to which target: one row per case and target, each with its own state and back-off."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from gateway.commitment import CommitmentReport
from gateway.db.tables import Case, Consignment, Delivery

COMMITMENT = "storage commitment"
MOST_ASKED = 2
"""How often storage commitment is asked for before a target that knows it but stays silent is read back instead."""


class ConsignmentState(StrEnum):
    """Where the objects of one case stand on their way to one target."""

    WAITING = "waiting"
    """Something is to be sent, or to be asked for."""
    PROMISED = "promised"
    """The target was asked to commit itself to keeping them; its report is awaited."""
    ARCHIVED = "archived"
    """The target keeps all that it takes."""
    REFUSED = "refused"
    """The target takes them not; a person has to act."""


UNDER_WAY = (ConsignmentState.WAITING, ConsignmentState.PROMISED)


def of_case(session: Session, case_id: str) -> dict[str, Consignment]:
    """Return a case's consignments by their target's name."""
    rows = session.scalars(
        select(Consignment).where(Consignment.case_id == case_id).order_by(Consignment.consignment_id)
    )
    return {row.target: row for row in rows}


def open_all(session: Session, case: Case, targets: Collection[str], *, anew: bool) -> dict[str, Consignment]:
    """Return a case's consignments to these targets, which are made where they are missing.

    Parameters
    ----------
    session : Session
    case : Case
        Locked in this transaction.
    targets : collection of str
        Names.
    anew : bool
        Whether to begin from the signature again: refused ones are tried again, and archived ones are looked at, for
        there may be something new that was signed. What a target keeps already is not sent again.
    """
    known = of_case(session, case.case_id)
    for name in targets:
        if name not in known:
            row = Consignment(case_id=case.case_id, target=name, state=ConsignmentState.WAITING, attempts=0, asked=0)
            session.add(row)
            known[name] = row
        elif anew:
            _begin(known[name])
    return {name: known[name] for name in targets}


def is_due(row: Consignment, now: datetime) -> bool:
    """Whether there is something to do for a consignment now."""
    return row.state in UNDER_WAY and (row.not_before is None or row.not_before <= now)


def put_off(row: Consignment, reason: str, until: datetime) -> None:
    """Let a consignment wait."""
    row.reason = reason
    row.not_before = until


def put_off_all(session: Session, target: str, reason: str, until: datetime) -> None:
    """Let everything wait that a target would get now, because it is away: nobody else has to find that out."""
    session.execute(
        update(Consignment)
        .where(
            Consignment.target == target,
            Consignment.state == ConsignmentState.WAITING,
            or_(Consignment.not_before.is_(None), Consignment.not_before < until),
        )
        .values(not_before=until, reason=reason)
        .execution_options(synchronize_session=False)
    )


def refuse(row: Consignment, reason: str) -> None:
    """Note that a target does not take a consignment."""
    row.state = ConsignmentState.REFUSED
    row.reason = reason
    row.not_before = None


def conclude(row: Consignment, left_out: str) -> None:
    """Note that the target keeps everything, but for what it does not take."""
    row.state = ConsignmentState.ARCHIVED
    row.reason = left_out
    row.not_before = None
    row.transaction_uid = None


def await_report(row: Consignment, now: datetime, wait_s: float) -> str:
    """Note that commitment is asked for, before it is; return the new transaction's UID.

    It is random and not derived, as other UIDs of Interval are: whoever knows it can report.
    """
    row.transaction_uid = f"2.25.{uuid.uuid4().int}"
    row.asked += 1
    row.asked_at = now
    row.state = ConsignmentState.PROMISED
    put_off(row, "The target has not yet promised to keep the objects.", now + timedelta(seconds=wait_s))
    return row.transaction_uid


def expect_no_report(row: Consignment) -> None:
    """Note that the target knows no storage commitment, or stays silent about it: it is read back instead."""
    row.state = ConsignmentState.WAITING
    row.asked = MOST_ASKED
    row.transaction_uid = None
    row.not_before = None
    row.reason = ""


def case_of_transaction(session: Session, transaction_uid: str) -> str | None:
    """Return the case that a report is about; None for a transaction that nobody waits for."""
    return session.scalar(select(Consignment.case_id).where(Consignment.transaction_uid == transaction_uid))


def take_report(session: Session, report: CommitmentReport, *, at: datetime, wait_s: float) -> bool:
    """Note what a target says about a commitment that was asked for. The case is locked in this transaction.

    Returns
    -------
    bool
        False when nobody waits for the report: it comes twice, late, or from somebody who was not asked.
    """
    row = session.scalar(select(Consignment).where(Consignment.transaction_uid == report.transaction_uid))
    if row is None or row.state != ConsignmentState.PROMISED:
        return False
    for delivery in deliveries_to(session, row.case_id, row.target):
        if delivery.confirmed_at is None and delivery.sop_instance_uid in report.committed - report.failed:
            confirm(delivery, COMMITMENT, at)
        elif delivery.sop_instance_uid in report.failed:
            delivery.acknowledged_at = None
    row.state = ConsignmentState.WAITING
    row.transaction_uid = None
    row.not_before = None
    row.reason = ""
    if report.failed:
        row.attempts += 1
        reason = f"The target does not promise to keep {len(report.failed)} objects; they are sent again."
        put_off(row, reason, at + timedelta(seconds=wait_s))
    return True


def confirm(delivery: Delivery, how: str, at: datetime) -> None:
    """Note that it is certain that the target keeps an object."""
    delivery.acknowledged_at = delivery.acknowledged_at or at
    delivery.confirmed_at = at
    delivery.confirmed_by = how


def deliveries_to(session: Session, case_id: str, target: str) -> Sequence[Delivery]:
    """Return the rows of a case's objects on their way to one target."""
    return session.scalars(
        select(Delivery).where(Delivery.case_id == case_id, Delivery.target == target).order_by(Delivery.delivery_id)
    ).all()


def _begin(row: Consignment) -> None:
    row.state = ConsignmentState.WAITING
    row.attempts = 0
    row.asked = 0
    row.transaction_uid = None
    row.not_before = None
    row.reason = ""
