"""Settings refuse what would make a site unsafe, and never show a secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.settings import Settings, read_secret

GOOD = "t7Qm-2fZ9x_LwP4vRk8sYb1NdC6hJg3E"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    secret = tmp_path / "secret"
    secret.write_text(f"{GOOD}\n", encoding="utf-8")
    return {
        "clinical_password_file": secret,
        "research_password_file": secret,
        "pseudonym_key_file": secret,
    }


def _settings(**values: object) -> Settings:
    return Settings.model_validate(values)


def test_variables_and_secret_files_are_read(monkeypatch: pytest.MonkeyPatch, files: dict[str, Path]) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://interval@db/interval")
    monkeypatch.setenv("INTERVAL_QUIET_TIME_S", "7.5")
    monkeypatch.setenv("INTERVAL_CLINICAL_URL", "http://clinical:8042/")
    for name, path in files.items():
        monkeypatch.setenv(f"INTERVAL_{name.upper()}", str(path))
    settings = Settings()
    assert settings.database_url == "postgresql://interval@db/interval"
    assert (settings.quiet_time_s, settings.clinical_url) == (7.5, "http://clinical:8042")
    assert settings.clinical_password == GOOD
    assert settings.pseudonym_key == GOOD.encode()
    assert GOOD not in repr(settings)


@pytest.mark.parametrize("missing", ["clinical_password_file", "research_password_file", "pseudonym_key_file"])
def test_a_missing_secret_is_an_error_at_the_start(
    monkeypatch: pytest.MonkeyPatch, files: dict[str, Path], missing: str
) -> None:
    with pytest.raises(ValidationError, match=missing):
        _settings(**{name: path for name, path in files.items() if name != missing})


@pytest.mark.parametrize(
    "content",
    ["", "short", "changeme", "aaaaaaaaaaaaaaaaaaaaaaaa", "ababababababababababab"],
    ids=lambda text: text[:8],
)
def test_a_weak_secret_is_refused_without_being_shown(tmp_path: Path, content: str) -> None:
    path = tmp_path / "the-password"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="the-password") as refused:
        read_secret(path, at_least=8)
    assert not content or content not in str(refused.value)


def test_a_secret_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nowhere does not exist"):
        read_secret(tmp_path / "nowhere", at_least=8)


def test_a_key_needs_more_characters_than_a_password(tmp_path: Path, files: dict[str, Path]) -> None:
    short = tmp_path / "key"
    short.write_text(GOOD[:20], encoding="utf-8")
    settings = _settings(**files | {"pseudonym_key_file": short, "clinical_password_file": short})
    assert settings.clinical_password == GOOD[:20]
    with pytest.raises(ValueError, match="fewer than 32"):
        _ = settings.pseudonym_key


@pytest.mark.parametrize(
    ("name", "value"),
    [("quiet_time_s", 0), ("lease_s", -1), ("max_attempts", 0), ("pseudonym_key_id", "a b"), ("target_aet", "A" * 17)],
)
def test_impossible_values_are_refused(files: dict[str, Path], name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        _settings(**files, **{name: value})


def test_a_dicomweb_target_needs_its_password(files: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match="password"):
        _ = _settings(**files).targets[0].password


def test_further_targets_stand_behind_the_first(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERVAL_MORE_TARGETS", '[{"name": "archive", "host": "10.0.0.8", "aet": "ARCHIVE"}]')
    assert [target.name for target in _settings(**files).targets] == ["pacs", "archive"]
    monkeypatch.setenv("INTERVAL_MORE_TARGETS", '[{"name": "pacs"}]')
    with pytest.raises(ValidationError, match="same name"):
        _settings(**files)


def test_retired_keys_are_read_newest_first(files: dict[str, Path], tmp_path: Path) -> None:
    older = tmp_path / "older"
    older.write_text(GOOD[::-1], encoding="utf-8")
    given = f"key-1={files['pseudonym_key_file']},key-0={older}"
    settings = _settings(**files, pseudonym_key_id="key-2", pseudonym_retired_keys=given)
    assert settings.retired_keys == ((GOOD.encode(), "key-1"), (GOOD[::-1].encode(), "key-0"))
    assert _settings(**files).retired_keys == ()


@pytest.mark.parametrize("given", ["key-1", "=x", "key 1=x", "key-1=", "key-1=x,", "key-1=x;key-0=y="])
def test_malformed_retired_keys_are_refused(files: dict[str, Path], given: str) -> None:
    with pytest.raises(ValidationError, match="pseudonym_retired_keys"):
        _settings(**files, pseudonym_retired_keys=given)


def test_a_retired_key_must_be_there_and_strong(files: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not exist"):
        _ = _settings(**files, pseudonym_retired_keys=f"key-1={tmp_path / 'nothing'}").retired_keys


def test_an_unknown_time_zone_is_an_error_at_the_start(files: dict[str, Path]) -> None:
    assert _settings(**files, time_zone="Europe/Berlin").zone.key == "Europe/Berlin"
    for wrong in ("Europe/Atlantis", "../etc/passwd", "Europe"):
        with pytest.raises(ValidationError, match="not the name of a time zone"):
            _settings(**files, time_zone=wrong)
