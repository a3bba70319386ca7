"""From one version's tables to the next one's, with a backup before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway.admin.backup import Made, make_backup, note_backup
from gateway.admin.database_copy import newest_revision, revision_of
from gateway.db.engine import make_engine, upgrade
from gateway.settings import Settings


@dataclass(frozen=True)
class Upgraded:
    """What was done; without a backup there was nothing to do, or nothing to lose."""

    before: str
    after: str
    backup: Made | None


def upgrade_with_backup(settings: Settings, root: Path) -> Upgraded:
    """Bring the tables to this version's, after copying the database below `root`.

    Raises
    ------
    InputRejected, Defect
        If the backup fails: then nothing was changed.
    """
    engine = make_engine(settings.database)
    before = revision_of(engine)
    engine.dispose()
    after = newest_revision()
    if before == after:
        return Upgraded(before, after, None)
    backup = make_backup(settings, root, images=False) if before else None
    upgrade(settings.database)
    if backup is not None:
        # Only now: an older schema has no place for it.
        note_backup(settings, backup)
    return Upgraded(before, after, backup)
