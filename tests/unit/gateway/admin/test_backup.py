"""Backups of the database, manifests, sealed secrets and upgrades, on SQLite."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from gateway.admin import forgotten, sealed_secrets
from gateway.admin.__main__ import main
from gateway.admin.backup import Made, known_backups, latest, make_backup, note_backup
from gateway.admin.database_copy import newest_revision, revision_of
from gateway.admin.manifest import MANIFEST, SUMS, verify
from gateway.admin.restore import restore, restore_secrets
from gateway.admin.upgrade import upgrade_with_backup
from gateway.db.engine import alembic_config, make_engine, upgrade
from gateway.flow import Services
from gateway.settings import Settings
from processing.domain.case import CaseState
from processing.domain.errors import InputRejected
from tests.unit.gateway.front_result import SECRET, Compared, compared
from tests.unit.gateway.rows import add_case

__all__ = ["compared"]

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PASSPHRASE = "a long walk along the lake"


@pytest.fixture
def made(settings: Settings, services: Services, compared: Compared, tmp_path: Path) -> Made:
    with services.sessions.begin() as session:
        add_case(session, CaseState.ARCHIVED)
        services.vault_in(session).put(compared.current)
    return make_backup(settings, tmp_path / "backups", images=False, passphrase=PASSPHRASE, now=NOW)


def told(settings: Settings, **changes: object) -> Settings:
    return Settings.model_validate(settings.model_dump() | changes)


def elsewhere(settings: Settings, tmp_path: Path) -> Settings:
    """The same installation with an empty database."""
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    upgrade(url)
    return told(settings, database_url=url)


def test_a_restored_database_is_the_same(settings: Settings, made: Made, tmp_path: Path) -> None:
    target = elsewhere(settings, tmp_path)
    restore(target, made.folder, say=print)
    rows = "SELECT case_id, state, pseudonym FROM cases", "SELECT row_key, ciphertext FROM vault_entries"
    before, after = make_engine(settings.database_url), make_engine(target.database_url)
    with before.connect() as one, after.connect() as other:
        for query in rows:
            assert one.execute(text(query)).all() == other.execute(text(query)).all()
    before.dispose()
    after.dispose()
    assert [Path(backup.folder) for backup in known_backups(target)] == [made.folder.resolve()]


def test_nothing_is_restored_over_cases(settings: Settings, made: Made) -> None:
    with pytest.raises(InputRejected, match="not empty"):
        restore(settings, made.folder, say=print)
    restore(settings, made.folder, say=print, replace_database=True)


def test_a_backup_holds_no_secret_in_the_clear_and_nobody_else_can_enter(settings: Settings, made: Made) -> None:
    secrets = [SECRET.encode(), settings.clinical_password.encode(), settings.research_password.encode()]
    for path in made.folder.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
        if path.is_file():
            assert not [secret for secret in secrets if secret in path.read_bytes()]


def test_an_address_with_a_password_loses_it(settings: Settings, tmp_path: Path) -> None:
    with_password = told(settings, broker_url="redis://:a-broker-password@127.0.0.1:9/0")
    folder = make_backup(with_password, tmp_path / "backups", images=False).folder
    assert "a-broker-password" not in (folder / "settings.json").read_text(encoding="utf-8")


def test_secrets_come_back_with_the_passphrase_alone(made: Made, tmp_path: Path) -> None:
    with pytest.raises(InputRejected, match="passphrase does not open"):
        restore_secrets(made.folder, "another long passphrase", tmp_path / "back")
    names = restore_secrets(made.folder, PASSPHRASE, tmp_path / "back")
    assert "pseudonym_key_file" in names
    key = tmp_path / "back" / "pseudonym-key"
    assert key.read_text(encoding="utf-8") == SECRET
    assert key.stat().st_mode & 0o077 == 0
    with pytest.raises(InputRejected, match="not overwritten"):
        restore_secrets(made.folder, PASSPHRASE, tmp_path / "back")
    with pytest.raises(InputRejected, match="fewer than"):
        sealed_secrets.seal({}, "short")


def _cut(folder: Path) -> None:
    file = folder / "database" / "interval.sqlite"
    file.write_bytes(file.read_bytes()[:-1])


def _take_away(folder: Path) -> None:
    (folder / "routes.yaml").unlink()


def _drop_a_line(folder: Path) -> None:
    lines = (folder / SUMS).read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / SUMS).write_text("".join(lines[1:]), encoding="utf-8")


def _lead_out(folder: Path) -> None:
    sums = folder / SUMS
    sums.write_text(sums.read_text(encoding="utf-8").replace("routes.yaml", "../routes.yaml"), encoding="utf-8")
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    from gateway.admin.manifest import digest_of

    manifest["sums_sha256"] = digest_of(sums)
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


def _unfinished(folder: Path) -> None:
    (folder / MANIFEST).unlink()


@pytest.mark.parametrize("harm", [_cut, _take_away, _drop_a_line, _lead_out, _unfinished])
def test_a_harmed_backup_is_refused(made: Made, harm: Callable[[Path], None]) -> None:
    verify(made.folder)
    harm(made.folder)
    with pytest.raises(InputRejected):
        verify(made.folder)


def test_a_backup_that_fails_leaves_nothing(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(InputRejected, match="no database"):
        make_backup(told(settings, database_url=f"sqlite:///{tmp_path / 'none.db'}"), tmp_path / "b")
    assert list((tmp_path / "b").iterdir()) == []
    assert latest(tmp_path / "b") is None


def test_an_upgrade_copies_the_database_first(settings: Settings, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    command.upgrade(alembic_config(url), "0005")
    old = told(settings, database_url=url)
    done = upgrade_with_backup(old, tmp_path / "backups")
    assert (done.before, done.after) == ("0005", newest_revision())
    assert done.backup is not None
    assert verify(done.backup.folder).schema_revision == "0005"
    copy = make_engine(f"sqlite:///{done.backup.folder / 'database' / 'interval.sqlite'}")
    assert revision_of(copy) == "0005"
    copy.dispose()
    assert len(known_backups(old)) == 1
    assert upgrade_with_backup(old, tmp_path / "backups").backup is None


def test_an_upgrade_is_not_begun_when_the_backup_fails(settings: Settings, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    command.upgrade(alembic_config(url), "0005")
    (tmp_path / "backups").write_text("a file where a folder should be", encoding="utf-8")
    with pytest.raises(OSError, match="exists"):
        upgrade_with_backup(told(settings, database_url=url), tmp_path / "backups")
    engine = make_engine(url)
    assert revision_of(engine) == "0005"
    engine.dispose()


def test_a_backup_that_is_destroyed_is_no_longer_listed(
    settings: Settings, made: Made, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    note_backup(settings, made)
    for name in ("clinical_password_file", "research_password_file", "pseudonym_key_file"):
        monkeypatch.setenv(f"INTERVAL_{name.upper()}", str(getattr(settings, name)))
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    assert main(["forget-backup", "1"]) == 1
    assert "destroy it first" in capsys.readouterr().err
    shutil.rmtree(made.folder)
    assert main(["backups"]) == 0
    assert "not there any more" in capsys.readouterr().out
    assert main(["forget-backup", "1"]) == 0
    assert known_backups(settings) == []


def test_who_was_erased_since_is_known_beside_the_backups(tmp_path: Path) -> None:
    away = forgotten.note([tmp_path, tmp_path / "away"], {"IV-A"}, NOW)
    assert away == [tmp_path / "away"]
    assert forgotten.since(tmp_path, NOW - timedelta(days=1)) == {"IV-A"}
    assert forgotten.since(tmp_path, NOW + timedelta(days=1)) == set()
    (tmp_path / forgotten.FORGOTTEN).write_text("half a li", encoding="utf-8")
    with pytest.raises(InputRejected, match="can't be read"):
        forgotten.since(tmp_path, NOW)
