"""A tumour over three time points in a real browser: by eye, outlines, volumes, signature, and over the years."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from demo.installation import REPOSITORY
from tests.e2e.reading_room import reading_room, settings_in
from tests.e2e.tumour_room import three_tumours
from tests.unit.gateway.front import PASSWORD
from tests.unit.gateway.front_result import compare


def test_a_tumour_is_read_step_by_step_in_a_browser(tmp_path: Path) -> None:
    npx = shutil.which("npx")
    assert npx is not None
    compared = compare(tmp_path / "compared")
    with reading_room(settings_in(tmp_path), compared) as room:
        newest = three_tumours(room.services, compared.archive, tmp_path / "tumours")[-1]
        run = subprocess.run(
            (npx, "vitest", "run", "--config", "vitest.e2e.config.ts", "e2e/tumour.e2e.ts"),
            cwd=REPOSITORY / "viewer",
            env=dict(os.environ)
            | {
                "REVIEW_URL": room.url,
                "REVIEW_CASE": newest.case_id,
                "REVIEW_USER": "anna",
                "REVIEW_PASSWORD": PASSWORD,
                "SCREENSHOT_DIR": os.environ.get("SCREENSHOT_DIR", str(tmp_path)),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
