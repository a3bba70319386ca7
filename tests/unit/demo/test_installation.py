from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest

from demo.installation import Ports, System
from demo.processes import RunningSystem, StartFailed


def test_a_secret_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    system = System(tmp_path)
    first = system.secret("clinical-gateway")
    assert system.secret("clinical-gateway") == first
    assert system.secret("research-gateway") != first
    assert len(first) >= 32
    assert stat.S_IMODE(system.secret_file("clinical-gateway").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


def test_an_installation_is_found_again_as_it_was(tmp_path: Path) -> None:
    system = System(tmp_path, Ports.free(), quiet_time_s=7.5, database_url="postgresql+psycopg://here/db")
    system.save()
    assert System.resume(tmp_path) == system


def test_the_worker_is_told_nothing_of_identity(tmp_path: Path) -> None:
    told = System(tmp_path).worker_environment()
    assert not [key for key in told if "CLINICAL" in key or "PSEUDONYM" in key or "DATABASE" in key]
    assert told["INTERVAL_RESEARCH_USER"] == "worker"


def test_a_port_of_another_program_is_refused_by_name(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        system = System(tmp_path, Ports(redis=taken))
        with pytest.raises(StartFailed, match=f"redis can't start: another program listens on port {taken}"):
            RunningSystem(system, only=("redis",)).start()


def test_other_ports_are_chosen_when_a_usual_one_is_taken() -> None:
    usual = Ports()
    try:
        other = socket.create_server(("127.0.0.1", usual.pacs_http))
    except OSError:
        assert Ports.usual_or_free() != usual
        return
    with other:
        assert Ports.usual_or_free() != usual
