"""Where no container can run, compose-test says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.compose.__main__ import main
from tests.e2e.compose.engine import NoEngine, which_engine


def _programs(folder: Path, **programs: int) -> None:
    for name, status in programs.items():
        path = folder / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\nexit {status}\n", encoding="utf-8")
        path.chmod(0o755)


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    _programs(tmp_path, docker=1, podman=0, runc=0)
    with pytest.raises(NoEngine, match="for Podman docker-compose, debootstrap is missing"):
        which_engine()


def test_docker_that_answers_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    _programs(tmp_path, docker=0, podman=0, runc=0, docker_compose=0, debootstrap=0)
    assert which_engine() == "docker"


def test_nowhere_is_no_failure_unless_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for arguments, status in (([], 0), (["--which"], 0), (["--require"], 1)):
        assert main(arguments) == status
        assert "no Docker that answers" in capsys.readouterr().out
