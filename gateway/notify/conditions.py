"""What somebody must be told of. Each condition is a small function that says what is wrong, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import redis
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gateway.certificates import certificates_in, watched_files
from gateway.db.tables import Backup, Case, Consignment, QuarantinedUpload
from gateway.dispatch.consignments import ConsignmentState
from gateway.flow import Services, release
from gateway.storage import watched_folders, why_no_room
from processing.domain.case import CaseState
from processing.domain.errors import IntervalError

LONGEST_WAIT = timedelta(minutes=30)
"""A case that stands so long before its next step waits for something that is away."""
BACKUP_WARNS = timedelta(days=8)
CERTIFICATE_WARNS = timedelta(days=30)
_ATTEMPTS = 3
_TIMEOUT_S = 5.0
_MACHINES = {
    CaseState.COMPLETE: "for their preparation",
    CaseState.PSEUDONYMISED: "for their order to be sent",
    CaseState.QUEUED: "for a worker",
}


@dataclass(frozen=True)
class Wrong:
    """Something that is wrong now.

    Parameters
    ----------
    name : str
        The same as long as it is the same trouble.
    words : str
        One sentence without identity.
    """

    name: str
    words: str


Condition = Callable[[Services, Session], Iterator[Wrong]]


def disk_nearly_full(services: Services, _: Session) -> Iterator[Wrong]:
    """Room is short on a watched disk."""
    settings = services.settings
    said = why_no_room(watched_folders(settings), max(settings.least_free_mb, settings.emergency_free_mb))
    if said:
        yield Wrong("disk", said)


def archive_away(services: Services, _: Session) -> Iterator[Wrong]:
    """One of the two archives does not answer."""
    if not services.clinical.answers():
        yield Wrong("clinical archive", "The clinical archive does not answer: senders are refused.")
    try:
        services.copies.size_mb()
    except IntervalError as error:
        yield Wrong("research archive", f"{error.reason} Studies wait.")


def broker_away(services: Services, _: Session) -> Iterator[Wrong]:
    """Redis does not answer."""
    try:
        with redis.Redis.from_url(services.settings.broker, socket_timeout=_TIMEOUT_S) as broker:
            broker.ping()
    except (redis.RedisError, OSError, ValueError):
        yield Wrong("broker", "The broker does not answer: orders wait in the database.")


def work_stands_still(services: Services, session: Session) -> Iterator[Wrong]:
    """Cases wait for a machine, longer than any work takes."""
    for state, words in _MACHINES.items():
        late = Case.changed_at < services.clock() - LONGEST_WAIT
        count = session.scalar(select(func.count()).where(Case.state == state.value, late)) or 0
        if count:
            minutes = int(LONGEST_WAIT.total_seconds() // 60)
            yield Wrong(f"waiting {state.value}", f"{count} cases have waited {words} for over {minutes} minutes.")


def target_away(_: Services, session: Session) -> Iterator[Wrong]:
    """A target does not take what it is sent, or refuses it."""
    rows = session.execute(
        select(Consignment.target, Consignment.state, func.count())
        .where(
            (Consignment.state == ConsignmentState.REFUSED.value)
            | ((Consignment.state == ConsignmentState.WAITING.value) & (Consignment.attempts >= _ATTEMPTS))
        )
        .group_by(Consignment.target, Consignment.state)
    )
    for target, state, count in rows:
        verb = "refuses" if state == ConsignmentState.REFUSED.value else "does not take"
        yield Wrong(f"target {target} {state}", f"The target {target} {verb} signed results of {count} cases.")


def quarantine_is_not_empty(_: Services, session: Session) -> Iterator[Wrong]:
    """A person must decide about something."""
    cases = session.scalar(select(func.count()).where(Case.state == CaseState.QUARANTINED.value)) or 0
    uploads = session.scalar(select(func.count()).select_from(QuarantinedUpload)) or 0
    if cases:
        yield Wrong("quarantined cases", f"{cases} cases stand in quarantine and wait for an operator.")
    if uploads:
        yield Wrong("quarantined files", f"{uploads} files that could not be used wait for an operator.")


def version_is_not_released(services: Services, session: Session) -> Iterator[Wrong]:
    """Studies came for a pipeline whose installed version the validation gate has not passed: nothing is measured."""
    for one in release.standings(services, session):
        refused = Case.state == CaseState.NOT_ROUTED.value, Case.reason == one.refusal
        count = session.scalar(select(func.count()).where(*refused)) if one.refusal else 0
        if count:
            what = f"{count} cases are measured by nothing"
            yield Wrong(f"version {one.pipeline} {one.version}", f"{what}: {one.refusal}")


def certificate_ends(services: Services, _: Session) -> Iterator[Wrong]:
    """A watched certificate ends soon, or can't be read."""
    for name, certificate in certificates_in(watched_files(services.settings.watched_certificates)):
        if certificate is None:
            yield Wrong(f"certificate {name}", f"The certificate {name} can't be read.")
        elif certificate.not_valid_after_utc - services.clock() < CERTIFICATE_WARNS:
            yield Wrong(
                f"certificate {name}", f"The certificate {name} ends on {certificate.not_valid_after_utc:%Y-%m-%d}."
            )


def backup_is_old(services: Services, session: Session) -> Iterator[Wrong]:
    """There were backups, and now there are none."""
    newest = session.scalar(select(func.max(Backup.made_at)))
    if newest is not None and services.clock() - newest > BACKUP_WARNS:
        yield Wrong("backup", f"The newest backup is of {newest:%Y-%m-%d}.")


CONDITIONS: tuple[Condition, ...] = (
    disk_nearly_full,
    archive_away,
    broker_away,
    work_stands_still,
    target_away,
    quarantine_is_not_empty,
    version_is_not_released,
    certificate_ends,
    backup_is_old,
)


def all_wrong(services: Services, session: Session) -> list[Wrong]:
    """Return everything that is wrong now."""
    return [wrong for condition in CONDITIONS for wrong in condition(services, session)]
