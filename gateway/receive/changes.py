"""What arrived since the last look: the clinical archive's list of changes, followed by a cursor in the database.

The cursor is committed together with what was learnt, so a change is never lost between two runs. The list alone is
not trusted: an archive whose index was made anew counts from the beginning, and its own "stable" events may never
come. So all studies are compared with the rows at the start, after a reset and now and then (`whole_archive`).
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from gateway.clinical import ClinicalArchive
from gateway.db.tables import ChangesCursor

ARCHIVE = "clinical"


@dataclass(frozen=True)
class Arrivals:
    """Studies to look at, and where to go on reading once they are dealt with.

    Parameters
    ----------
    study_uids : frozenset of str
        StudyInstanceUIDs in which something was, or may have been, added.
    cursor : int
    more : bool
        Whether further changes wait already.
    """

    study_uids: frozenset[str]
    cursor: int
    more: bool


def read_cursor(session: Session) -> int | None:
    """Return how far the list of changes has been dealt with; none before the first time."""
    row = session.get(ChangesCursor, ARCHIVE)
    return row.last_change if row is not None else None


def write_cursor(session: Session, cursor: int) -> None:
    """Note how far the list of changes has been dealt with, in the caller's transaction."""
    row = session.get(ChangesCursor, ARCHIVE)
    if row is None:
        session.add(ChangesCursor(archive=ARCHIVE, last_change=cursor))
    else:
        row.last_change = cursor


def next_arrivals(archive: ClinicalArchive, cursor: int | None, *, limit: int = 1000) -> Arrivals:
    """Return what to look at next: the next page of changes, or everything when there is no place to go on from.

    Raises
    ------
    Transient
        If the archive can't be reached.
    """
    if cursor is None:
        return whole_archive(archive)
    page = archive.changes(cursor, limit)
    if page.last < cursor:
        return whole_archive(archive)
    return Arrivals(archive.study_uids_of(page.resources), page.last, not page.done)


def whole_archive(archive: ClinicalArchive) -> Arrivals:
    """Return every study of the archive, and the place in the list of changes before they were listed."""
    last = archive.last_change()  # first: what arrives while the studies are listed is in a later change
    return Arrivals(archive.all_study_uids(), last, True)
