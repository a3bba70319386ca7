"""A backup put back: into an empty system, or its database alone in the place of another one.

Images first: a restore that was interrupted can be begun again, and the database, which says that there is something,
comes last.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from gateway import flow
from gateway.admin import forgotten, sealed_secrets
from gateway.admin.backup import ACTOR, archives
from gateway.admin.database_copy import copy_of, kind_of, newest_revision, require_empty, restore_database
from gateway.admin.manifest import Manifest, verify
from gateway.audit import trail
from gateway.audit.trail import AuditAction
from gateway.db.engine import make_engine, upgrade
from gateway.db.tables import Backup, Case, ChangesCursor, LoginSession
from gateway.settings import Settings
from processing.domain.errors import InputRejected

Say = Callable[[str], object]


def restore(settings: Settings, folder: Path, *, say: Say, replace_database: bool = False) -> Manifest:
    """Put a backup back.

    Parameters
    ----------
    settings : Settings
        Of the system that it is put into; with the key of the one that it was made of.
    folder : Path
    say : callable
        Told what is done.
    replace_database : bool
        Only the database, in the place of what is there: the way back from an upgrade.

    Raises
    ------
    InputRejected, Transient, Defect
        With what is wrong; nothing was lost then.
    """
    manifest = verify(folder)
    say("Every file of the backup is as it was written.")
    _require_fitting(settings, manifest)
    if not replace_database:
        engine = make_engine(settings.database)
        try:
            require_empty(engine)
        finally:
            engine.dispose()
        _restore_images(settings, folder, manifest, say)
    restore_database(settings.database, folder / copy_of(manifest.database))
    upgrade(settings.database)
    services = flow.build_services(settings)
    try:
        flow.require_known_keys(services)
        with services.sessions.begin() as session:
            _begin_anew(session, folder, manifest)
        say("The database is back. Everybody has to sign in again.")
        for pseudonym in sorted(forgotten.since(folder.parent, manifest.made_at)):
            flow.erase_pseudonym(services, pseudonym, actor=ACTOR)
            say("A patient who was erased after this backup was made is erased again.")
    finally:
        services.engine.dispose()
    return manifest


def restore_secrets(folder: Path, passphrase: str, into: Path) -> list[str]:
    """Write a backup's secrets as files that only their owner can read; return their names.

    Raises
    ------
    InputRejected
        If there are none, the passphrase does not open them, or one would overwrite a file.
    """
    try:
        content = (folder / sealed_secrets.SECRETS).read_bytes()
    except OSError as error:
        raise InputRejected("The backup holds no secrets.") from error
    secrets = sealed_secrets.unseal(content, passphrase)
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, secret in secrets.items():
        path = into / name.removesuffix("_file").replace("_", "-")
        if path.exists():
            raise InputRejected(f"{path.name} is there already; it is not overwritten.")
        path.touch(mode=0o600)
        path.write_text(secret, encoding="utf-8")
    return sorted(secrets)


def _require_fitting(settings: Settings, manifest: Manifest) -> None:
    if manifest.database != kind_of(settings.database):
        raise InputRejected(f"The backup is of a {manifest.database} database; the settings name another kind.")
    if manifest.schema_revision > newest_revision():
        raise InputRejected("The backup's tables are newer than this version of Interval: install that one first.")


def _restore_images(settings: Settings, folder: Path, manifest: Manifest, say: Say) -> None:
    there = archives(settings)
    for name in manifest.instances:
        there[name].require_nothing_but(folder / name)
    for name in manifest.instances:
        with there[name] as archive:
            count = archive.put_all(folder / name)
        say(f"{count} files are back in the {archive.name}.")


def _begin_anew(session: Session, folder: Path, manifest: Manifest) -> None:
    """Forget what belonged to the processes of then."""
    session.execute(delete(LoginSession))
    # The archive counts its changes anew; without a place to go on from, everything in it is looked at.
    session.execute(delete(ChangesCursor))
    session.execute(update(Case).values(lease_owner=None, lease_until=None))
    session.add(
        Backup(
            made_at=manifest.made_at,
            folder=str(folder.resolve()),
            sums_sha256=manifest.sums_sha256,
            instances=sum(manifest.instances.values()),
            size_bytes=manifest.size_bytes,
        )
    )
    detail = f"restored from the backup of {manifest.made_at:%Y-%m-%d %H:%M} UTC"
    trail.append(session, AuditAction.OPERATED, actor=ACTOR, detail=detail, at=datetime.now(UTC))
