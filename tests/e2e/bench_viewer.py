"""``python -m tests.e2e.bench_viewer``: how fast the case page is on 1 mm images; see `make bench-viewer`.

A gateway and a research archive of their own, 50 cases of three 1 mm series at two visits, and headless Chromium.
Each case is a result of its own: neither browser nor gateway has seen its images before it is opened.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from demo.installation import REPOSITORY, Ports, System
from demo.load.resources import processor_s
from demo.processes import RunningSystem
from processing.dicom.archive import DicomWebArchive
from processing.domain.imaging import LabelMap, RigidTransform, Volume
from processing.domain.result import Lesion, LesionChange, LongitudinalResult, Region, Side
from processing.domain.study import SeriesRole
from tests.e2e.reading_room import reading_room, settings_in
from tests.unit.gateway.front import PASSWORD
from tests.unit.gateway.front_result import Compared, Pair, compare
from validation.phantom import SMALL_PHANTOM, LesionKind, Phantom, make_phantom

ARCHIVE = "orthanc-research"
_ROLES = (SeriesRole.FLAIR, SeriesRole.T1, SeriesRole.T2)
_IN_PLANE_MM = 0.9
"""Each series has 156 slices of 256 x 256."""


def fine_pair(slice_mm: float = 1.0) -> Pair:
    """A phantom's two visits of three series, 1 mm by default, and the lesions that truly changed."""
    series = tuple((role, slice_mm) for role in _ROLES)
    spec = replace(
        SMALL_PHANTOM,
        prior=replace(SMALL_PHANTOM.prior, slice_mm=series, in_plane_mm=_IN_PLANE_MM),
        current=replace(SMALL_PHANTOM.current, slice_mm=series, in_plane_mm=_IN_PLANE_MM),
    )
    phantom = make_phantom(spec)
    return Pair(phantom.prior, phantom.current, lambda current: _truth(phantom, current))


def _truth(phantom: Phantom, current: Volume) -> LongitudinalResult:
    increases = {LesionKind.NEW: LesionChange.NEW, LesionKind.GROWING: LesionChange.GROWING}
    lesions = tuple(
        Lesion(
            number=change.number,
            change=increases[change.kind],
            volume_mm3=change.volume_mm3 - change.prior_volume_mm3,
            prior_volume_mm3=change.prior_volume_mm3,
            centroid_mm=change.centroid_mm,
            region=Region.DEEP_WHITE_MATTER,
            side=Side.LEFT,
            score=0.9,
        )
        for change in phantom.changes
        if change.kind in increases
    )
    return LongitudinalResult(
        lesions=lesions,
        lesion_map=LabelMap(phantom.increases(), current.grid),
        # As large as a registered prior; how well it lies does not matter here.
        registered_prior=current.with_array(np.flip(current.array, axis=2)),
        subtraction=current.with_array(np.zeros_like(current.array)),
        current_to_prior=RigidTransform.identity(),
        quality=(),
        warnings=(),
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit status is the browser's."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.bench_viewer", description=__doc__)
    parser.add_argument("--cases", type=int, default=50, help="how many cases are opened in a row")
    parser.add_argument("--slice-mm", type=float, default=1.0, help="thickness of the slices")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="interval-bench-") as name:
        folder = Path(name)
        compared = compare(folder, fine_pair(options.slice_mm))
        system = System(folder / "system", Ports.free())
        with RunningSystem(system, only=(ARCHIVE,)) as running:
            archive = DicomWebArchive(f"{system.research_url}/dicom-web", "gateway", system.secret("research-gateway"))
            for series in compared.archive.files.values():
                archive.store(series.values())
            compared.archive.files.clear()
            return _measure(folder, compared, archive, running, options.cases)


def _measure(folder: Path, compared: Compared, archive: DicomWebArchive, running: RunningSystem, cases: int) -> int:
    with reading_room(settings_in(folder), compared, archive=archive, cases=cases + 3) as room:
        gateway_s, archive_s = time.process_time(), processor_s(running, (ARCHIVE,))[ARCHIVE]
        browser = subprocess.run(
            ("node", "bench/reading.mjs"),
            cwd=REPOSITORY / "viewer",
            env=dict(os.environ)
            | {"BASE_URL": room.url, "REVIEW_USER": "anna", "REVIEW_PASSWORD": PASSWORD, "CASES": str(cases)},
            check=False,
        )
        gateway_s, archive_s = time.process_time() - gateway_s, processor_s(running, (ARCHIVE,))[ARCHIVE] - archive_s
        sys.stdout.write(f"processor time: gateway {gateway_s:.0f} s, archive {archive_s:.0f} s\n")
    return browser.returncode


if __name__ == "__main__":
    sys.exit(main())
