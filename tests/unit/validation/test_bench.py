from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from processing.domain.study import SeriesRole
from validation import bench
from validation.bench import CUBIC_PHANTOM, PHANTOMS, Case, case_names, pipeline_costs, registration_costs
from validation.layout import columns
from validation.phantom import SMALL_PHANTOM, Phantom, make_phantom
from validation.phantom.acquire import scan_grid


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(SMALL_PHANTOM)


@pytest.fixture
def small(phantom: Phantom, monkeypatch: pytest.MonkeyPatch) -> str:
    """A case of the benchmark that takes seconds; the program under test is the real one."""

    def error_mm(matrix: bench.Matrix) -> float:
        return float(np.linalg.norm((matrix - phantom.current_to_prior.matrix)[:3, 3]))

    monkeypatch.setattr(bench, "read_case", lambda _name: Case(phantom.current, phantom.prior, error_mm))
    return "small"


def test_every_stage_is_counted_once_and_the_whole_is_their_sum(small: str) -> None:
    *stages, whole = pipeline_costs(small)
    assert whole.name == "whole pipeline"
    # Reading the atlas happens once for a worker, not for a case.
    own = stages[1:]
    assert len({cost.name for cost in own}) == len(own) >= 5
    assert whole.cpu_s == pytest.approx(sum(cost.cpu_s for cost in own))
    assert whole.peak_mb == max(cost.peak_mb for cost in own)
    assert all(cost.wall_s > 0 and cost.peak_mb > 50 for cost in own)


def test_without_other_programs_interval_stands_alone(small: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "PEERS_PYTHON", bench.PEERS_PYTHON / "absent")
    (own,) = registration_costs(small, repeats=1)
    assert own.name == "Interval"
    assert own.error_mm < 0.3


def test_another_programs_answer_is_read_and_scored(small: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"name": "other", "wall_s": 30.0, "cpu_s": 40.0, "peak_mb": 500.0, "matrix": np.eye(4).tolist()}
    runs = []

    def program(command: list[str], **_options: object) -> subprocess.CompletedProcess[str]:
        assert command[1].endswith("peers.py")
        runs.append(command[2:])
        line = json.dumps(answer if command[2:] else ["other"])
        return subprocess.CompletedProcess(command, 0, stdout=f"chatter\n{line}\n")

    monkeypatch.setattr(bench, "PEERS_PYTHON", Path(sys.executable))
    monkeypatch.setattr(subprocess, "run", program)
    own, other = registration_costs(small, repeats=2)
    assert (other.name, other.wall_s, other.cpu_s, other.peak_mb) == ("other", 30.0, 40.0, 500.0)
    assert [run[:1] for run in runs] == [[], ["other"]], "a slow program runs once"
    assert other.error_mm > 1.0 > own.error_mm


def test_the_cubic_case_has_the_promised_size() -> None:
    assert CUBIC_PHANTOM in case_names()
    for scanner in (PHANTOMS[CUBIC_PHANTOM].current, PHANTOMS[CUBIC_PHANTOM].prior):
        ((role, slice_mm),) = scanner.slice_mm
        assert role is SeriesRole.FLAIR
        grid = scan_grid(scanner, slice_mm)
        assert grid.shape == (176, 256, 256)
        assert grid.spacing_mm == pytest.approx((1.0, 1.0, 1.0))


def test_columns_stand_under_each_other() -> None:
    assert columns([["stage", "s"], ["a", "1.25"], ["longer name", "12.5"]]) == (
        "stage           s\na            1.25\nlonger name  12.5"
    )
