"""Everything that an installation holds, in one folder that can be looked at, carried away and restored.

The database is copied first and the images afterwards: whatever the database knows, its images are in the backup; what
came later is found again by the gateway when it compares archive and cases.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import make_url, select

from gateway.admin import sealed_secrets
from gateway.admin.archive_files import ArchiveFiles
from gateway.admin.database_copy import copy_database, kind_of, revision_of
from gateway.admin.manifest import MANIFEST, Manifest, Sums, listed
from gateway.audit import trail
from gateway.audit.trail import AuditAction
from gateway.db.engine import make_engine, session_factory
from gateway.db.tables import Backup
from gateway.routes.load import DEFAULT as DEFAULT_ROUTES
from gateway.settings import Settings
from processing.dicom.provenance import SOFTWARE_VERSION
from processing.domain.errors import InputRejected

ACTOR = "administrator"
SETTINGS = "settings.json"
ROUTES = "routes.yaml"
ARCHIVES = ("clinical", "research")


@dataclass(frozen=True)
class Made:
    """A finished backup."""

    folder: Path
    manifest: Manifest


def archives(settings: Settings) -> dict[str, ArchiveFiles]:
    """Return both archives by the name of their folder in a backup."""
    return {
        "clinical": ArchiveFiles(
            "clinical archive", settings.clinical_url, settings.clinical_user, settings.clinical_password
        ),
        "research": ArchiveFiles(
            "research archive", settings.research_url, settings.research_user, settings.research_password
        ),
    }


def make_backup(
    settings: Settings, root: Path, *, images: bool = True, passphrase: str = "", now: datetime | None = None
) -> Made:
    """Write a backup into a new folder below `root`, which no other account can enter.

    Parameters
    ----------
    settings : Settings
    root : Path
        Where backups lie; files that the latest one holds already are shared with it.
    images : bool
        Without, the database, routes and settings alone.
    passphrase : str
        Given, the secrets are in it too, encrypted with it.
    now : datetime, optional

    Raises
    ------
    InputRejected, Transient, Defect
        Nothing is left then but what earlier backups hold.
    """
    now = now or datetime.now(UTC)
    folder = root / f"interval-{now:%Y%m%dT%H%M%SZ}"
    if folder.exists():
        raise InputRejected("There is a backup of this very second already.")
    earlier = latest(root)
    with _under_construction(folder) as place:
        manifest = _write(settings, place, earlier, images=images, passphrase=passphrase, now=now)
    return Made(folder, manifest)


def latest(root: Path) -> Path | None:
    """Return the newest finished backup below a folder."""
    finished = sorted(path.parent for path in root.glob(f"interval-*/{MANIFEST}") if not path.parent.suffix)
    return finished[-1] if finished else None


@contextmanager
def _under_construction(folder: Path) -> Iterator[Path]:
    """Give a folder that gets its name when everything is in it, and is removed when that fails."""
    place = folder.with_suffix(".partial")
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.mkdir(mode=0o700)
    before = os.umask(0o077)
    try:
        yield place
        os.sync()
        place.rename(folder)
    except BaseException:
        shutil.rmtree(place)
        raise
    finally:
        os.umask(before)


def _write(
    settings: Settings, folder: Path, earlier: Path | None, *, images: bool, passphrase: str, now: datetime
) -> Manifest:
    engine = make_engine(settings.database)
    try:
        revision = revision_of(engine)
    finally:
        engine.dispose()
    if not revision:
        raise InputRejected("There is no database to back up yet.")
    sums = Sums(folder)
    sums.add(copy_database(settings.database, folder))
    for path in _configuration(settings, folder, passphrase):
        sums.add(path)
    instances = dict(_images(settings, folder, earlier, sums)) if images else {}
    manifest = Manifest(
        made_at=now,
        version=SOFTWARE_VERSION,
        database=kind_of(settings.database),
        schema_revision=revision,
        instances=instances,
        size_bytes=sums.size_bytes,
        secrets=bool(passphrase),
        sums_sha256=sums.close(),
    )
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
    return manifest


def _images(settings: Settings, folder: Path, earlier: Path | None, sums: Sums) -> Iterator[tuple[str, int]]:
    known = {earlier / path: digest for digest, path in listed(earlier)} if earlier is not None else {}
    for name, archive in archives(settings).items():
        count = 0
        with archive:
            for copied in archive.copy_all(folder / name, earlier / name if earlier is not None else None, known):
                sums.add(copied.path, copied.sha256)
                count += 1
        yield name, count


def _configuration(settings: Settings, folder: Path, passphrase: str) -> Iterator[Path]:
    told = settings.model_dump(mode="json") | {
        "database_url": make_url(settings.database_url).render_as_string(hide_password=True),
        "broker_url": make_url(settings.broker_url).render_as_string(hide_password=True),
    }
    (folder / SETTINGS).write_text(json.dumps(told, indent=1, sort_keys=True), encoding="utf-8")
    yield folder / SETTINGS
    shutil.copyfile(settings.routes or DEFAULT_ROUTES, folder / ROUTES)
    yield folder / ROUTES
    if passphrase:
        secrets = sealed_secrets.seal(sealed_secrets.secrets_of(settings), passphrase)
        (folder / sealed_secrets.SECRETS).write_bytes(secrets)
        yield folder / sealed_secrets.SECRETS


def note_backup(settings: Settings, made: Made) -> None:
    """Keep in the database that there is a backup: whoever is to be forgotten may be in it."""
    manifest = made.manifest
    engine = make_engine(settings.database)
    with session_factory(engine).begin() as session:
        session.add(
            Backup(
                made_at=manifest.made_at,
                folder=str(made.folder.resolve()),
                sums_sha256=manifest.sums_sha256,
                instances=sum(manifest.instances.values()),
                size_bytes=manifest.size_bytes,
            )
        )
        detail = f"backup made, {sum(manifest.instances.values())} images"
        trail.append(session, AuditAction.OPERATED, actor=ACTOR, detail=detail, at=manifest.made_at)
    engine.dispose()


def known_backups(settings: Settings) -> list[Backup]:
    """Return every backup that was made and not said to be destroyed, the oldest first."""
    engine = make_engine(settings.database)
    try:
        with session_factory(engine, read_only=True)() as session:
            rows = select(Backup).where(Backup.removed_at.is_(None)).order_by(Backup.made_at)
            return list(session.scalars(rows))
    finally:
        engine.dispose()
