from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gateway.api.images import viewer_directions
from gateway.api.schemas import ImageHeader
from processing.domain.imaging import Grid
from processing.stages.resample import rotation_about
from tests.unit.validation.made_outputs import GRID, output
from validation.commands import main
from validation.compare import Verdict, compare_case
from validation.through import collectable, grid_of


def test_what_a_running_system_gives_out_is_compared_and_no_more() -> None:
    reference = output()
    kept = collectable(reference)
    given = replace(kept, record=kept.record.model_copy(update={"version": "1.1.0"}))
    assert compare_case(given, kept).verdict is Verdict.IDENTICAL
    assert compare_case(given, reference).verdict is Verdict.CHANGED
    assert compare_case(collectable(output(shift=2)), kept).verdict is Verdict.CHANGED


def test_the_viewers_header_says_where_a_volume_lies() -> None:
    turned = rotation_about(np.array([1.0, 2.0, 3.0]), np.array([0.2, -0.1, 0.3])).matrix @ GRID.affine
    grid = Grid((12, 40, 40), turned)
    header = ImageHeader(
        name="lesions",
        shape=grid.shape,
        spacing_mm=grid.spacing_mm,
        origin_mm=tuple(grid.origin_mm.tolist()),
        directions=viewer_directions(grid),
        pixel_type="uint8",
        window_center=1,
        window_width=1,
        study_date="",
    )
    assert np.allclose(grid_of(header).affine, grid.affine, atol=1e-9)


def test_a_running_system_needs_two_accounts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    password = tmp_path / "password"
    password.write_text("secret\n")
    run = ["run", "--dataset", "phantom", "--case", "small", "--through", "http://127.0.0.1:9", "--sender"]
    assert main([*run, f"otto={password}"]) == 1
    assert re.search("--sender.*--reader", capsys.readouterr().out)
