from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gateway.main import main, openapi

REPOSITORY = Path(__file__).resolve().parents[4]


def operations() -> dict[str, dict[str, object]]:
    paths = openapi()["paths"]
    assert isinstance(paths, dict)
    return {operation["operationId"]: operation for path in paths.values() for operation in path.values()}


def test_the_viewers_schema_is_the_gateways(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--openapi"]) == 0
    printed = capsys.readouterr().out
    kept = (REPOSITORY / "viewer" / "openapi.json").read_text(encoding="utf-8")
    assert json.loads(kept) == json.loads(printed), "run 'make openapi'"


def test_operations_have_names_for_functions_and_document_their_errors() -> None:
    found = operations()
    paths = openapi()["paths"]
    assert isinstance(paths, dict)
    assert len(found) == sum(len(path) for path in paths.values()), "no name twice"
    for name, operation in found.items():
        assert re.fullmatch(r"[a-z]+([A-Z][a-z]+)+", name)
        responses = operation["responses"]
        assert isinstance(responses, dict)
        if name not in {"getHealth", "getReady", "signInWays", "beginAtProvider", "comeBackFromProvider"}:
            assert "401" in responses, name
        for code, response in responses.items():
            if code.startswith(("4", "5")) and name not in {"getReady", "storeInstances"}:
                assert response["content"]["application/json"]["schema"]["$ref"].endswith("/Problem"), name


def test_missing_settings_are_named_without_a_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("CLINICAL_PASSWORD_FILE", "RESEARCH_PASSWORD_FILE", "PSEUDONYM_KEY_FILE"):
        monkeypatch.delenv(f"INTERVAL_{name}", raising=False)
    monkeypatch.setenv("INTERVAL_CLINICAL_PASSWORD_FILE", str(tmp_path / "none"))
    assert main([]) == 2
    said = capsys.readouterr().err
    assert "pseudonym_key_file" in said
    assert "research_password_file" in said
    assert "Traceback" not in said


def test_a_weak_secret_keeps_the_gateway_from_starting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "weak").write_text("changeme", encoding="utf-8")
    for name in ("CLINICAL_PASSWORD_FILE", "RESEARCH_PASSWORD_FILE", "PSEUDONYM_KEY_FILE"):
        monkeypatch.setenv(f"INTERVAL_{name}", str(tmp_path / "weak"))
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'never.db'}")
    assert main([]) == 2
    said = capsys.readouterr().err
    assert "weak" in said
    assert "changeme" not in said
    assert not (tmp_path / "never.db").exists()
