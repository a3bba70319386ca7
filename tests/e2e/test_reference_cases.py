"""A reference case through the running system gives what the pipeline gives in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.story import DEMO_READER
from tests.e2e.hospital import OPERATOR, Hospital
from validation.commands import main


def test_the_running_system_measures_what_the_reference_holds(
    hospital: Hospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    system = hospital.system
    monkeypatch.chdir(tmp_path)
    status = main(
        [
            "run",
            *("--dataset", "phantom", "--case", "small", "--through", system.url, "--to-rate"),
            *("--sender", f"{OPERATOR}={system.secret_file(OPERATOR)}"),
            *("--reader", f"{DEMO_READER}={system.secret_file(DEMO_READER)}"),
        ]
    )
    said = capsys.readouterr().out
    assert status == 0, said
    assert "phantom/small: within tolerance" in said or "phantom/small: identical" in said
    with hospital.reader() as reader:
        listed = [line for line in reader.worklist() if line.patient.patient_id.startswith("REF-SMALL")]
    assert {line.state.value for line in listed} == {"baseline"}, "the result waits on the page for blind ratings"
