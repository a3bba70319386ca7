"""The reader's and the auditor's pages in a real browser, on a gateway with one finished comparison."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.installation import REPOSITORY
from tests.e2e.reading_room import reading_room, settings_in
from tests.unit.gateway.front import PASSWORD
from tests.unit.gateway.front_result import compare


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gateway with the built viewer and one case that is ready for review."""
    folder = tmp_path_factory.mktemp("gateway")
    with reading_room(settings_in(folder), compare(folder)) as room:
        yield room.url


def test_the_pages_of_the_workplace(address: str, tmp_path: Path) -> None:
    npx = shutil.which("npx")
    assert npx is not None
    pictures = os.environ.get("SCREENSHOT_DIR", str(tmp_path))
    run = subprocess.run(
        (npx, "vitest", "run", "--config", "vitest.e2e.config.ts", "e2e/workplace.e2e.ts"),
        cwd=REPOSITORY / "viewer",
        env=dict(os.environ) | {"WORKPLACE_URL": address, "WORKPLACE_PASSWORD": PASSWORD, "SCREENSHOT_DIR": pictures},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
