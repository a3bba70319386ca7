"""Each of the doctor's checks fails when what it looks at is wrong, and says what to do."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import text

from gateway.admin import checks, doctor, neighbours
from gateway.admin.database_copy import newest_revision
from gateway.admin.findings import Finding, Verdict, good
from gateway.audit import trail
from gateway.audit.trail import AuditAction
from gateway.db.engine import alembic_config
from gateway.db.tables import Backup, VaultEntry
from gateway.flow import Services
from gateway.settings import PacsKind, Settings
from tests.unit.gateway.front_result import Compared, compared

__all__ = ["compared"]

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def _but(settings: Settings, **changes: object) -> Settings:
    return Settings.model_validate(settings.model_dump() | changes)


def _is_bad(finding: Finding, words: str) -> None:
    assert finding.verdict is Verdict.BAD, finding
    assert words in finding.says
    assert finding.do


def _warns(finding: Finding, words: str) -> None:
    assert finding.verdict is Verdict.WARNING, finding
    assert words in finding.says
    assert finding.do


def _is_good(finding: Finding) -> None:
    assert finding.verdict is Verdict.GOOD, finding
    assert not finding.do


def test_secret_files_that_others_can_read(settings: Settings) -> None:
    _is_good(checks.check_secret_files(settings))
    settings.pseudonym_key_file.chmod(0o640)
    _is_bad(checks.check_secret_files(settings), "can read key")


def test_the_secrets_of_a_container_are_its_own(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """They have to be open within it; what lies elsewhere has not."""
    settings.pseudonym_key_file.chmod(0o644)
    monkeypatch.setattr(checks, "_SECRETS_OF_A_CONTAINER", settings.pseudonym_key_file.parent)
    _is_good(checks.check_secret_files(settings))
    elsewhere = settings.pseudonym_key_file.parent / "elsewhere"
    monkeypatch.setattr(checks, "_SECRETS_OF_A_CONTAINER", elsewhere)
    _is_bad(checks.check_secret_files(settings), "can read key")


def test_a_database_of_another_revision(settings: Settings, services: Services, tmp_path: Path) -> None:
    _is_good(checks.check_database(settings))
    with services.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    _is_bad(checks.check_database(settings), "newer than this version")
    old = f"sqlite:///{tmp_path / 'old.db'}"
    command.upgrade(alembic_config(old), "0001")
    finding = checks.check_database(_but(settings, database_url=old))
    _is_bad(finding, f"revision 0001; this version needs {newest_revision()}")
    assert "gateway.admin upgrade" in finding.do


def test_a_database_that_is_away(settings: Settings) -> None:
    away = _but(settings, database_url="postgresql+psycopg://interval@127.0.0.1:9/interval")
    _is_bad(checks.check_database(away), "does not answer")


def test_a_key_that_does_not_open_the_vault(services: Services, compared: Compared) -> None:
    _is_good(checks.check_keys(services))
    with services.sessions.begin() as session:
        services.vault_in(session).put(compared.current)
    _is_good(checks.check_keys(services))
    with services.sessions.begin() as session:
        row = session.query(VaultEntry).filter(VaultEntry.row_key.like("study/%")).one()
        row.ciphertext = row.ciphertext[:-1] + bytes([row.ciphertext[-1] ^ 1])
        session.query(VaultEntry).filter(VaultEntry.row_key.like("patient/%")).delete(synchronize_session=False)
    _is_bad(checks.check_keys(services), "do not open")


def test_nobody_tells_the_time(settings: Settings) -> None:
    _warns(checks.check_clocks(settings), "told its time")


def test_full_disks(settings: Settings) -> None:
    _is_good(checks.check_disks(_but(settings, least_free_mb=0, emergency_free_mb=0)))
    _warns(checks.check_disks(_but(settings, least_free_mb=0, emergency_free_mb=2**40)), "nearly full")
    _is_bad(checks.check_disks(_but(settings, least_free_mb=2**40)), "are free on a disk")


def certificate(path: Path, ends: datetime) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "interval.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(ends - timedelta(days=90))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize(
    ("days", "verdict"), [(90, Verdict.GOOD), (29, Verdict.WARNING), (-1, Verdict.BAD)], ids=["good", "soon", "over"]
)
def test_certificates_that_end(settings: Settings, tmp_path: Path, days: int, verdict: Verdict) -> None:
    file = certificate(tmp_path / "proxy.pem", NOW + timedelta(days=days))
    finding = checks.check_certificates(_but(settings, watched_certificates=str(file)), NOW)
    assert finding.verdict is verdict
    assert file.name in finding.says


def test_a_certificate_that_is_not_there(settings: Settings, tmp_path: Path) -> None:
    missing = _but(settings, watched_certificates=str(tmp_path / "nothing.pem"))
    _is_bad(checks.check_certificates(missing, NOW), "nothing.pem can't be read")
    nobody = _but(settings, pacs_url="https://127.0.0.1:9")
    _is_bad(checks.check_certificates(nobody, NOW), "127.0.0.1:9")


def test_an_audit_trail_that_was_changed(services: Services) -> None:
    with services.sessions.begin() as session:
        trail.append(session, AuditAction.OPERATED, actor="otto", detail="paused")
    _is_good(checks.check_audit_trail(services))
    with services.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER audit_trail_no_update"))
        connection.execute(text("UPDATE audit_trail SET actor = 'nobody'"))
    _is_bad(checks.check_audit_trail(services), "Entry 1 is not what was written")


def test_no_backup_and_an_old_one(services: Services) -> None:
    _warns(checks.check_backups(services, NOW), "none")
    with services.sessions.begin() as session:
        made = {"folder": "elsewhere", "sums_sha256": "0" * 64, "instances": 0, "size_bytes": 0}
        session.add(Backup(made_at=NOW - timedelta(days=9), **made))
    _warns(checks.check_backups(services, NOW), "9 days old")
    _is_good(checks.check_backups(services, NOW - timedelta(days=8)))


def test_archives_that_are_away(settings: Settings) -> None:
    _is_bad(neighbours.check_archives(settings), "clinical archive: The archive does not answer.")


def test_a_broker_that_is_away(settings: Settings) -> None:
    _is_bad(neighbours.check_broker(settings), "does not answer")
    _is_bad(neighbours.check_consumers(settings), "without the broker")


def test_a_pacs_that_is_away(settings: Settings, services: Services) -> None:
    _is_bad(neighbours.check_targets(services), "pacs: The PACS can't be reached.")
    _is_good(neighbours.check_prior_source(settings))
    away = {"pacs_port": 9, "pacs_url": "http://127.0.0.1:9"}
    for kind in (PacsKind.C_MOVE, PacsKind.DICOMWEB):
        finding = neighbours.check_prior_source(_but(settings, pacs_kind=kind, **away))
        assert finding.verdict is Verdict.BAD
        assert "INTERVAL_PACS_" in finding.do


def test_a_pacs_that_can_t_get_in(settings: Settings) -> None:
    _is_bad(neighbours.check_from_pacs(settings), "clinical archive does not answer")


def test_settings_that_are_missing_or_wrong(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    for name in ("CLINICAL", "RESEARCH"):
        monkeypatch.delenv(f"INTERVAL_{name}_PASSWORD_FILE", raising=False)
    monkeypatch.setenv("INTERVAL_PSEUDONYM_KEY_FILE", str(settings.pseudonym_key_file))
    (finding,) = doctor.examine()
    _is_bad(finding, "INTERVAL_CLINICAL_PASSWORD_FILE, INTERVAL_RESEARCH_PASSWORD_FILE")
    monkeypatch.setenv("INTERVAL_CLINICAL_PASSWORD_FILE", str(settings.clinical_password_file))
    monkeypatch.setenv("INTERVAL_RESEARCH_PASSWORD_FILE", str(settings.research_password_file))
    monkeypatch.setenv("INTERVAL_ROUTES", "nowhere.yaml")
    _is_bad(doctor.check_configuration()[1], "nowhere.yaml")
    monkeypatch.delenv("INTERVAL_ROUTES")
    _is_good(doctor.check_configuration()[1])


def test_what_was_not_looked_at_is_said(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "OF_SETTINGS", (checks.check_database,))
    away = Settings.model_validate(settings.model_dump() | {"database_url": f"sqlite:///{tmp_path}/none/x.db"})
    monkeypatch.setattr(doctor, "check_configuration", lambda: (away, good("configuration", "Complete.")))
    *_, last = doctor.examine()
    _warns(last, "Keys, audit trail, backups and targets")


def test_the_doctor_asks_every_check() -> None:
    written = {name for module in (checks, neighbours) for name in vars(module) if name.startswith("check_")}
    asked = {check.__name__ for check in (*doctor.OF_SETTINGS, *doctor.OF_SERVICES)}
    assert asked == written
    assert dataclasses.is_dataclass(Finding)
