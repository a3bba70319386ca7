from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from gateway.access.__main__ import main
from gateway.access.accounts import confirm_password
from gateway.access.passwords import Passwords
from gateway.db.tables import User


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
