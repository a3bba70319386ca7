from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from gateway.intake.__main__ import main
from gateway.intake.quarantine import QuarantineCipher, keep
from tests.unit.gateway.front_result import SECRET

GARBAGE = b"patient Anna Muster, born 1984"


@pytest.fixture
def upload_id(sessions: sessionmaker[Session], url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    for name in ("CLINICAL_PASSWORD_FILE", "RESEARCH_PASSWORD_FILE", "PSEUDONYM_KEY_FILE"):
        (tmp_path / name).write_text(SECRET, encoding="utf-8")
        monkeypatch.setenv(f"INTERVAL_{name}", str(tmp_path / name))
    monkeypatch.setenv("DATABASE_URL", url)
    cipher = QuarantineCipher(SECRET.encode(), "key-1")
    with sessions.begin() as session:
        return keep(session, GARBAGE, source="upload by otto", reason="No DICOM.", cipher=cipher).upload_id


def test_what_is_kept_is_listed_and_exported(
    upload_id: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list"]) == 0
    assert "upload by otto\tNo DICOM." in capsys.readouterr().out
    file = tmp_path / "exported"
    assert main(["export", str(upload_id), "--to", str(file)]) == 0
    assert file.read_bytes() == GARBAGE
    assert file.stat().st_mode & 0o077 == 0, "for its owner only"


def test_an_export_overwrites_nothing_and_invents_nothing(
    upload_id: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "there"
    file.write_text("mine", encoding="utf-8")
    assert main(["export", str(upload_id), "--to", str(file)]) == 1
    assert file.read_text(encoding="utf-8") == "mine"
    assert main(["export", "999", "--to", str(tmp_path / "new")]) == 1
    assert "no such upload" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
