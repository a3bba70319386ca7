from __future__ import annotations

import json

import pytest

from deploy import audit

CLEAN = {"dependencies": [{"name": "sound", "version": "1", "vulns": []}]}
KNOWN = {"dependencies": [{"name": "odd", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}]}
VIEWER = {"vulnerabilities": {}, "metadata": {"dependencies": {"total": 7}}}


def _answers(monkeypatch: pytest.MonkeyPatch, python: object, viewer: object) -> None:
    def answer(command: list[str]) -> str:
        said = viewer if command[0] == "npm" else python
        return said if isinstance(said, str) else json.dumps(said)

    monkeypatch.setattr(audit, "_answer", answer)


def test_nothing_known_passes_and_says_how_many_were_asked_about(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _answers(monkeypatch, CLEAN, VIEWER)
    assert audit.main([]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Python: 1 packages, 0 with a known vulnerability",
        "viewer: 7 packages, 0 with a known vulnerability",
    ]


@pytest.mark.parametrize(
    ("python", "viewer"), [(KNOWN, VIEWER), (CLEAN, VIEWER | {"vulnerabilities": {"odd": {"severity": "high"}}})]
)
def test_something_known_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], python: object, viewer: object
) -> None:
    _answers(monkeypatch, python, viewer)
    assert audit.main([]) == 1
    assert "odd" in capsys.readouterr().out


@pytest.mark.parametrize("silence", ["", '{"message": "405 Method Not Allowed"}', "[]"])
def test_a_service_that_can_t_be_asked_is_skipped_with_a_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], silence: str
) -> None:
    _answers(monkeypatch, silence, silence)
    assert audit.main([]) == 0
    assert capsys.readouterr().out.count("skipped, the advisory service can't be reached") == 2
