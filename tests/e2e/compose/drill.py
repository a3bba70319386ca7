"""What docs/administration.md has an administrator do: backup, upgrade, the loss of the machine, restore."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from demo.reader import Reader
from gateway.api.schemas import CaseDetail
from tests.e2e.compose.stack import Stack

_ADMIN = ("python", "-m", "gateway.admin")
_WORKING = ("proxy", "gateway-api", "gateway-tasks", "worker", "worker-fast-track")
_KEEPING = ("orthanc-clinical", "orthanc-research", "database", "broker")
_USER = 10001


def drill(
    running: Stack, folder: Path, known: CaseDetail, sign_in: Callable[[], Reader], done: Callable[[str], None]
) -> list[str]:
    """Lose everything but a backup and the secrets, and return what is not as it was, a sentence each.

    Parameters
    ----------
    running : Stack
    folder : Path
        Stands for another machine, to which the backup is carried.
    known : CaseDetail
        As it was before.
    sign_in : callable
        Returns a signed-in reader.
    done : callable
        Told each step that has ended.
    """
    with sign_in() as reader:
        pixels = reader.pixels(known.summary.case_id, "current")
    running.execute("gateway-tasks", *_ADMIN, "backup", "/backups")
    elsewhere = _carried(running, folder / "elsewhere")
    done("backup made and carried elsewhere")
    running.compose("stop", *_WORKING)
    running.run_once("gateway-tasks", *_ADMIN, "upgrade", "--backup-to", "/backups")
    done("gateway and workers stopped, upgrade played")
    running.compose("down", "--volumes")
    running.compose("up", "--detach", "--no-build", *_KEEPING)
    done("everything removed; empty archives, database and broker are up")
    running.run_once("gateway-tasks", *_ADMIN, "restore", f"/elsewhere/{elsewhere.name}", reading=elsewhere.parent)
    done("restored")
    running.compose("up", "--detach", "--no-build")
    running.await_viewer()
    with sign_in() as reader:
        found = reader.case(known.summary.case_id)
        shown = reader.pixels(known.summary.case_id, "current")
    wrong = [] if _decided(found) == _decided(known) else ["the restored case is not the one that was signed"]
    wrong += [] if shown == pixels else ["the restored images are not those that were measured"]
    said = running.execute("gateway-tasks", *_ADMIN, "doctor", check=False).splitlines()
    wrong += [f"doctor after the restore: {line}" for line in said if line.startswith("BAD")]
    done(f"up again, the case as it was signed, doctor's {len(said)} lines")
    return wrong


def _carried(running: Stack, to: Path) -> Path:
    """Copy the backups out of their volume, and let the containers' user read them; return the newest."""
    name = str(running.containers()["gateway-tasks"]["Name"]).lstrip("/")
    running.engine.run(running.engine.container, "cp", f"{name}:/backups", str(to))
    if os.geteuid() == 0:
        for path in (to, *to.rglob("*")):
            shutil.chown(path, _USER)
    else:
        subprocess.run(("chmod", "-R", "a+rX", str(to)), check=True)
    return max(to.glob("interval-*"))


def _decided(case: CaseDetail) -> tuple[object, ...]:
    return case.summary.state, case.lesions, case.review
