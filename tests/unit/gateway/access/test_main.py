from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url
from sqlalchemy.orm import Session, sessionmaker

from gateway.access.__main__ import main
from gateway.access.accounts import confirm_password
from gateway.access.passwords import Passwords
from gateway.db.tables import User
from processing.domain.errors import InputRejected


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text("the owl of the village\n", encoding="utf-8")
    return file


def test_an_account_is_added_and_its_password_changed(
    url: str, password_file: Path, sessions: sessionmaker[Session]
) -> None:
    options = ["--database-url", url]
    arguments = ["anna", "--password-file", str(password_file)]
    assert main([*options, "add-user", *arguments, "--role", "reader", "--display-name", "Dr. Anna Muster"]) == 0
    with sessions() as session:
        user = session.get_one(User, "anna")
        assert (user.role, user.display_name) == ("reader", "Dr. Anna Muster")
    assert confirm_password(sessions, "anna", "the owl of the village", passwords=Passwords())
    password_file.write_text("the owl moved to town", encoding="utf-8")
    assert main([*options, "set-password", *arguments]) == 0
    assert confirm_password(sessions, "anna", "the owl moved to town", passwords=Passwords())


def test_a_refusal_is_one_sentence(url: str, password_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    password_file.write_text("short\n", encoding="utf-8")
    arguments = ["--database-url", url, "add-user", "anna", "--password-file", str(password_file), "--role", "reader"]
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert "at least 12 characters" in said
    assert "Traceback" not in said


def test_the_database_is_the_environments_with_its_password_from_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, password_file: Path
) -> None:
    """As in a container: nothing but the database is configured. Nobody listens there; what was tried is enough."""
    secret = tmp_path / "database-password"
    secret.write_text("kept apart: 4711\n", encoding="utf-8")
    monkeypatch.setenv("DATABASE_URL", "postgresql://interval@127.0.0.1:9/interval")
    monkeypatch.setenv("INTERVAL_DATABASE_PASSWORD_FILE", str(secret))
    tried: list[str] = []

    def refuse(url: str) -> None:
        tried.append(url)
        raise InputRejected("Stop here.")

    monkeypatch.setattr("gateway.access.__main__.upgrade", refuse)
    with pytest.raises(InputRejected, match="Stop here"):
        main(["set-password", "anna", "--password-file", str(password_file)])
    assert make_url(tried[0]).password == "kept apart: 4711"


def test_an_address_that_is_given_is_taken_as_it_is(
    monkeypatch: pytest.MonkeyPatch, url: str, password_file: Path, sessions: sessionmaker[Session]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://interval@127.0.0.1:9/interval")
    arguments = ["otto", "--password-file", str(password_file), "--role", "operator"]
    assert main(["--database-url", url, "add-user", *arguments]) == 0
    with sessions() as session:
        assert session.get_one(User, "otto").role == "operator"
