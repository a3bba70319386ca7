"""The audit trail: every entry holds the hash of the one before, so that nothing can be taken out or changed unseen.

The database refuses changes to the table. Whoever can get around that, the file's owner for example, would have to
compute every later hash anew; the number and hash of the newest entry, kept elsewhere from time to time, show that.
Entries name accounts, cases and pseudonyms, never a patient.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from gateway.db.tables import AuditEntry

BEGINNING = "0" * 64
"""Previous hash of the first entry."""

_TRAIL_LOCK = 7_041_777
"""Number of PostgreSQL's advisory lock under which one entry after the other gets its place."""

_AT_ONCE = 1000


class AuditAction(StrEnum):
    """What is kept."""

    SIGNED_IN = "signed in"
    SIGN_IN_REFUSED = "sign-in refused"
    SIGNED_OUT = "signed out"
    IDENTITY_SHOWN = "identity shown"
    IMAGES_SHOWN = "images shown"
    DECIDED = "decided"
    ASSESSED = "assessed"
    OUTLINE_CHANGED = "outline changed"
    REPORT_EDITED = "report edited"
    READ_BLIND = "read blind"
    SIGNED = "signed"
    SENT_TO_SECOND_READER = "sent to a second reader"
    REOPENED = "reopened"
    RETRIED = "retried"
    PATIENT_CORRECTED = "patient corrected"
    FILES_UPLOADED = "files uploaded"
    OPERATED = "operated"
    STUDY_CHANGED = "reading study changed"
    READING_SIGNED = "reading signed"
    EXPORTED = "exported"
    TRAIL_READ = "audit trail read"


class AuditOutcome(StrEnum):
    """Whether it came to pass."""

    SUCCESS = "success"
    REFUSED = "refused"


@dataclass(frozen=True)
class Subject:
    """What an entry is about.

    Parameters
    ----------
    case_id : str or None
    pseudonyms : tuple of str
        Of the patients concerned.
    """

    case_id: str | None = None
    pseudonyms: tuple[str, ...] = ()


NOTHING = Subject()


def append(
    session: Session,
    action: AuditAction,
    *,
    actor: str,
    role: str = "",
    subject: Subject = NOTHING,
    outcome: AuditOutcome = AuditOutcome.SUCCESS,
    detail: str = "",
    at: datetime | None = None,
) -> AuditEntry:
    """Add an entry in the caller's transaction: what it tells of and the entry are kept together, or neither is.

    Parameters
    ----------
    session : Session
        One that writes.
    action : AuditAction
    actor : str
        User name.
    role : str
    subject : Subject
    outcome : AuditOutcome
    detail : str
        Words without identity.
    at : datetime, optional
        With time zone; now unless given.
    """
    if session.get_bind().dialect.name == "postgresql":
        # SQLite's only writer is alone in any case.
        session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _TRAIL_LOCK})
    last = session.scalars(select(AuditEntry).order_by(AuditEntry.sequence.desc()).limit(1)).one_or_none()
    entry = AuditEntry(
        sequence=1 if last is None else last.sequence + 1,
        at=at or datetime.now(UTC),
        action=action.value,
        outcome=outcome.value,
        actor=actor,
        role=role,
        case_id=subject.case_id,
        pseudonyms=sorted(set(subject.pseudonyms)),
        detail=detail,
        previous_hash=BEGINNING if last is None else last.entry_hash,
    )
    entry.entry_hash = hash_of(entry)
    session.add(entry)
    session.flush()
    return entry


def hash_of(entry: AuditEntry) -> str:
    """Return the SHA-256 of everything that an entry says, and of the hash before it."""
    said = [
        entry.sequence,
        entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        entry.action,
        entry.outcome,
        entry.actor,
        entry.role,
        entry.case_id,
        entry.pseudonyms,
        entry.detail,
        entry.previous_hash,
    ]
    return hashlib.sha256(json.dumps(said, ensure_ascii=True).encode()).hexdigest()


@dataclass(frozen=True)
class Verification:
    """What came of looking at the whole trail.

    Parameters
    ----------
    entries : int
        How many there are.
    head : str
        Hash of the newest; keep it elsewhere together with the number.
    problem : str
        Where the chain is broken, in words; empty when it is whole.
    """

    entries: int
    head: str
    problem: str = ""


def verify(session: Session, *, known: tuple[int, str] | None = None) -> Verification:
    """Look at every entry.

    Parameters
    ----------
    session : Session
    known : tuple of (int, str), optional
        Number and hash of an entry that were kept elsewhere: a trail that was rewritten or cut no longer holds it.
    """
    previous, count, seen = BEGINNING, 0, known is None
    for entry in all_entries(session):
        count += 1
        if entry.sequence != count:
            return Verification(count - 1, previous, f"Entry {count} is missing.")
        if entry.previous_hash != previous or entry.entry_hash != hash_of(entry):
            return Verification(count - 1, previous, f"Entry {count} is not what was written.")
        previous = entry.entry_hash
        seen = seen or known == (entry.sequence, entry.entry_hash)
    if not seen and known is not None:
        return Verification(count, previous, f"The trail does not hold entry {known[0]} as it was kept elsewhere.")
    return Verification(count, previous)


def all_entries(session: Session) -> Iterator[AuditEntry]:
    """Yield every entry, the oldest first, without holding all of them in memory."""
    rows = select(AuditEntry).order_by(AuditEntry.sequence).execution_options(yield_per=_AT_ONCE)
    yield from session.scalars(rows)


@dataclass(frozen=True)
class TrailQuery:
    """Which entries are wanted; none of a field means any.

    Parameters
    ----------
    since, until : datetime or None
        With time zone; `until` is not included.
    actor, action, case_id, pseudonym : str
    """

    since: datetime | None = None
    until: datetime | None = None
    actor: str = ""
    action: str = ""
    case_id: str = ""
    pseudonym: str = ""


def entries(session: Session, query: TrailQuery, *, limit: int, before: int | None = None) -> Sequence[AuditEntry]:
    """Return entries, the newest first.

    Parameters
    ----------
    session : Session
    query : TrailQuery
    limit : int
    before : int, optional
        Only those with a smaller number: the next page.
    """
    rows = select(AuditEntry).order_by(AuditEntry.sequence.desc()).limit(limit)
    if query.since is not None:
        rows = rows.where(AuditEntry.at >= query.since)
    if query.until is not None:
        rows = rows.where(AuditEntry.at < query.until)
    if before is not None:
        rows = rows.where(AuditEntry.sequence < before)
    for column, wanted in (
        (AuditEntry.actor, query.actor),
        (AuditEntry.action, query.action),
        (AuditEntry.case_id, query.case_id),
    ):
        if wanted:
            rows = rows.where(column == wanted)
    if query.pseudonym:
        named = func.json_each(AuditEntry.pseudonyms).table_valued("value")
        if session.get_bind().dialect.name == "postgresql":
            named = func.json_array_elements_text(AuditEntry.pseudonyms).table_valued("value")
        rows = rows.where(select(1).select_from(named).where(named.c.value == query.pseudonym).exists())
    return list(session.scalars(rows))
