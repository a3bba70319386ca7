"""The doctor's checks of this installation itself: settings, database, keys, clocks, disks, certificates, backups."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import redis
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from gateway.admin.database_copy import newest_revision, revision_of
from gateway.admin.findings import Finding, bad, good, warning
from gateway.audit.trail import verify
from gateway.certificates import Named, certificates_at, certificates_in, watched_files
from gateway.db.engine import make_engine
from gateway.db.tables import Backup, VaultEntry
from gateway.flow import Services
from gateway.pseudonymise.vault import Vault, VaultRowUnreadable
from gateway.settings import Settings
from gateway.storage import watched_folders, why_no_room
from processing.authorities import believed

LONGEST_SKEW = timedelta(seconds=30)
"""Sessions, leases and the order of events bear no more."""
CERTIFICATE_WARNS = timedelta(days=30)
BACKUP_WARNS = timedelta(days=8)
_TIMEOUT_S = 5.0
_SECRETS_OF_A_CONTAINER = Path("/run/secrets")


def check_secret_files(settings: Settings) -> Finding:
    """Only their owner reads the secrets."""
    files = [value for name, value in settings if name.endswith("_file") and isinstance(value, Path)]
    # A container's secret files can be read by all within it, and nobody else is there.
    own = [path for path in files if not path.is_relative_to(_SECRETS_OF_A_CONTAINER)]
    open_to_others = sorted(
        path.name for path in own if path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    )
    if open_to_others:
        return bad(
            "secret files",
            f"Other accounts of this machine can read {', '.join(open_to_others)}.",
            "Take the right away: chmod 600 on each of them. If somebody else may have read one, make a new one.",
        )
    if not own:
        return good("secret files", f"All {len(files)} are this container's alone. Keep the host's folder closed.")
    return good("secret files", f"Only their owner reads the {len(files)} secret files.")


def check_database(settings: Settings) -> Finding:
    """The database answers and its tables are this version's."""
    engine = make_engine(settings.database)
    try:
        revision = revision_of(engine)
    except SQLAlchemyError:
        return bad(
            "database",
            "The database does not answer.",
            "Start it; look at DATABASE_URL and INTERVAL_DATABASE_PASSWORD_FILE.",
        )
    finally:
        engine.dispose()
    newest = newest_revision()
    if revision == newest:
        return good("database", f"It answers, and its tables are of revision {revision}.")
    if revision > newest:
        return bad(
            "database",
            f"Its tables are of revision {revision}, newer than this version's {newest}.",
            "Start the newer version of Interval again, or restore the backup from before the upgrade.",
        )
    return bad(
        "database",
        f"Its tables are of revision {revision or 'none'}; this version needs {newest}.",
        "Run: python -m gateway.admin upgrade --backup-to FOLDER",
    )


def check_keys(services: Services) -> Finding:
    """The key opens the vault's rows: one of each key id."""
    with services.sessions() as session:
        key_ids = session.scalars(select(VaultEntry.key_id).distinct()).all()
        rows = [
            session.scalars(select(VaultEntry.row_key).where(VaultEntry.key_id == key_id).limit(1)).one()
            for key_id in key_ids
        ]
    vault: Vault = services.vault
    for row_key in rows:
        try:
            vault.check(row_key)
        except VaultRowUnreadable:
            return bad(
                "keys",
                "The vault holds rows that the keys given do not open: no result can be given back to its patient.",
                "Give the key that these rows were written with: INTERVAL_PSEUDONYM_KEY_FILE, or, after a rotation, "
                "INTERVAL_PSEUDONYM_RETIRED_KEYS. It is in the backup of your secrets.",
            )
    return good("keys", f"Rows of each of {len(rows)} keys in the vault open." if rows else "The vault is empty yet.")


def check_clocks(settings: Settings, now: datetime | None = None) -> Finding:
    """The archives, the broker and this machine agree on the time."""
    now = now or datetime.now(UTC)
    apart = {name: abs(there - now) for name, there in _times(settings)}
    if not apart:
        return warning("clocks", "No other machine told its time.", "Start the archives and the broker.")
    wrong = {name: difference for name, difference in apart.items() if difference > LONGEST_SKEW}
    if wrong:
        said = ", ".join(f"{name} by {difference.total_seconds():.0f} s" for name, difference in wrong.items())
        return bad(
            "clocks", f"Clocks differ: {said}.", "Let every machine take its time from the hospital's NTP server."
        )
    return good("clocks", f"{', '.join(apart)} and this machine agree within {LONGEST_SKEW.seconds} s.")


def _times(settings: Settings) -> Iterator[tuple[str, datetime]]:
    accounts = (
        ("clinical archive", settings.clinical_url, settings.clinical_user, settings.clinical_password),
        ("research archive", settings.research_url, settings.research_user, settings.research_password),
    )
    for name, url, user, password in accounts:
        try:
            answer = httpx.get(
                f"{url}/tools/now", auth=(user, password), timeout=_TIMEOUT_S, verify=believed(), trust_env=False
            )
            yield name, datetime.strptime(answer.raise_for_status().text, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        except (httpx.HTTPError, ValueError):
            continue
    try:
        with redis.Redis.from_url(settings.broker, socket_timeout=_TIMEOUT_S) as broker:
            seconds, _ = broker.time()
        yield "broker", datetime.fromtimestamp(seconds, UTC)
    except (redis.RedisError, OSError, ValueError):
        return


def check_disks(settings: Settings) -> Finding:
    """There is room, and more than the least."""
    folders = watched_folders(settings)
    full = why_no_room(folders, settings.least_free_mb)
    if full:
        return bad("disks", full, "Make room, or set INTERVAL_RETENTION_DAYS lower; signed results go out meanwhile.")
    soon = why_no_room(folders, settings.emergency_free_mb)
    if soon:
        return warning("disks", "A disk is nearly full: the oldest research copies are being removed.", "Make room.")
    return good("disks", f"There is room on {len(folders)} watched disks.")


def check_certificates(settings: Settings, now: datetime | None = None) -> Finding:
    """No certificate ends soon: of the files that are watched, and of the https addresses in the settings."""
    now = now or datetime.now(UTC)
    ends: dict[str, datetime] = {}
    for name, pem in _certificates(settings):
        if pem is None:
            return bad("certificates", f"The certificate of {name} can't be read.", "Look whether it is there and PEM.")
        ends[name] = pem.not_valid_after_utc
    over = [name for name, end in ends.items() if end <= now]
    if over:
        return bad("certificates", f"Ended: {', '.join(over)}.", "Install new certificates now: connections fail.")
    soon = [f"{name} on {end:%Y-%m-%d}" for name, end in ends.items() if end - now < CERTIFICATE_WARNS]
    if soon:
        return warning("certificates", f"They end soon: {', '.join(soon)}.", "Order new ones.")
    if not ends:
        return good("certificates", "None is watched: INTERVAL_WATCHED_CERTIFICATES names none, no address is https.")
    return good("certificates", f"None ends within 30 days of {', '.join(ends)}.")


def _certificates(settings: Settings) -> Iterator[Named]:
    yield from certificates_in(watched_files(settings.watched_certificates))
    archives = [settings.clinical_url, settings.research_url, settings.pacs_url]
    addresses = [*archives, settings.oidc_issuer, settings.broker_url]
    yield from certificates_at([*addresses, *(target.url for target in settings.targets)])


def check_audit_trail(services: Services) -> Finding:
    """The chain of hashes is whole."""
    with services.sessions() as session:
        found = verify(session)
    if found.problem:
        return bad(
            "audit trail",
            f"It is broken. {found.problem}",
            "Stop, keep the database as it is, and tell your security officer: somebody changed it past Interval.",
        )
    return good("audit trail", f"Whole, {found.entries} entries.")


def check_backups(services: Services, now: datetime | None = None) -> Finding:
    """There is a backup, and not an old one."""
    now = now or datetime.now(UTC)
    with services.sessions() as session:
        newest = session.scalars(select(Backup).order_by(Backup.made_at.desc()).limit(1)).one_or_none()
    do = "Run: python -m gateway.admin backup FOLDER (every night, by the machine's timer)"
    if newest is None:
        return warning("backups", "There is none.", do)
    age = now - newest.made_at
    if age > BACKUP_WARNS:
        return warning("backups", f"The newest is {age.days} days old.", do)
    return good("backups", f"The newest is of {newest.made_at:%Y-%m-%d %H:%M} UTC.")
