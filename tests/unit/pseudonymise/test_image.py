"""What the container image copies is enough, from any folder and without the repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.unit.pseudonymise.images import SECRET, encoded, scanner_image

REPOSITORY = Path(__file__).parents[3]


def test_the_command_runs_with_the_files_of_the_image_alone(tmp_path: Path) -> None:
    image = tmp_path / "image"
    copied = re.findall(
        r"^COPY (gateway/|processing/\S*) (\S+)$", (REPOSITORY / "gateway/Dockerfile").read_text(), re.M
    )
    assert "gateway/" in dict(copied)
    for source, target in copied:
        if source.endswith("/"):
            shutil.copytree(REPOSITORY / source, image / target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (image / target).mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / source, image / target)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(encoded(scanner_image(1)))
    (tmp_path / "key").write_bytes(SECRET)
    (tmp_path / "elsewhere").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "gateway.pseudonymise", "../in", "../out", "--profile", "mr", "--key-file", "../key"],
        cwd=tmp_path / "elsewhere",
        env={**os.environ, "PYTHONPATH": str(image), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("1 accepted, 0 refused; profile mr")
    assert len(list((tmp_path / "out").rglob("*.dcm"))) == 1
