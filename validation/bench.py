"""What the pipelines cost, stage by stage, and how registration stands beside other programs in the same run.

Times of one machine say little about another: the ratios between rows of one run do. Every measurement has a process
of its own, so that no peak of memory hides another.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813 - the library's own abbreviation

from processing.domain.imaging import Volume
from processing.domain.study import SeriesRole
from processing.pipelines.runners import find_runner
from processing.pipelines.spec import Images
from processing.stages.atlas import load_atlas
from processing.stages.brain import BrainParameters, align_with_atlas, extract_brain
from processing.stages.itk_images import to_itk
from processing.stages.register import RegistrationParameters, register_rigid
from processing.stages.register_contrast import ContrastParameters, register_contrast
from processing.stages.resample import reorient
from validation.accuracy_sets import phantom_error_mm
from validation.layout import columns
from validation.phantom import DEMO_PHANTOM, PhantomSpec, ScannerSpec, make_phantom
from validation.phantom.tumour import TumourSpec, isotropic_scanner, make_tumour
from validation.real_pairs import (
    LONGITUDINAL_PATIENTS,
    data_folder,
    intrastudy_error_mm,
    read_pair,
    read_visit,
    registration_error_mm,
)

Matrix = npt.NDArray[np.float64]

PEERS_PYTHON = Path(".interval/bench-venv/bin/python")
"""Python of the environment that holds the other programs (`make bench` makes it)."""

SLOW_S = 20.0
"""A program that takes longer (CPU seconds) runs once: its best of three would say the same."""

CUBIC_PHANTOM = "phantom 1 mm"
FLAT_PHANTOM = "phantom 3 mm"


def _cubic(scanner: ScannerSpec) -> ScannerSpec:
    return replace(
        scanner,
        slice_mm=((SeriesRole.FLAIR, 1.0),),
        in_plane_mm=1.0,
        coverage_mm=176.0,
        field_of_view_mm=256.0,
    )


PHANTOMS: Mapping[str, PhantomSpec] = {
    FLAT_PHANTOM: DEMO_PHANTOM,
    CUBIC_PHANTOM: replace(DEMO_PHANTOM, prior=_cubic(DEMO_PHANTOM.prior), current=_cubic(DEMO_PHANTOM.current)),
}
"""The demo case as it is, and its FLAIR alone with 176 x 256 x 256 cubic voxels."""

TUMOUR_PHANTOM = TumourSpec(
    seed=1000,
    world_mm=1,
    core_ml=20.0,
    necrosis=0.4,
    hyperintensity_ml=40.0,
    mass_effect=0.3,
    scanner=isotropic_scanner(1.0),
)
"""Four series with 176 x 240 x 240 cubic voxels."""


@dataclass(frozen=True, eq=False)
class Case:
    """A pair, and how far a transform from current to prior is from the truth (mean over the brain, mm)."""

    current: Mapping[SeriesRole, Volume]
    prior: Mapping[SeriesRole, Volume]
    error_mm: Callable[[Matrix], float]


@dataclass(frozen=True)
class Cost:
    """What a step took."""

    name: str
    wall_s: float
    cpu_s: float
    peak_mb: float


@dataclass(frozen=True)
class RegistrationCost:
    """What one registration took and how far it was from the truth."""

    name: str
    wall_s: float
    cpu_s: float
    peak_mb: float
    error_mm: float


def case_names() -> tuple[str, ...]:
    """Real pairs where they are at hand, else the phantom with thick slices; the cubic phantom always."""
    flat = LONGITUDINAL_PATIENTS if data_folder() else (FLAT_PHANTOM,)
    return (*flat, CUBIC_PHANTOM)


def read_case(name: str) -> Case:
    """Read a real pair or make a phantom."""
    if name in PHANTOMS:
        phantom = make_phantom(PHANTOMS[name])
        return Case(phantom.current, phantom.prior, lambda matrix: phantom_error_mm(phantom, matrix))
    data = data_folder()
    if data is None:
        raise ValueError("the real pairs are not at hand")
    pair, folder = read_pair(data, name), data / "ms-longitudinal" / name
    return Case(read_visit(folder, 2), read_visit(folder, 1), lambda matrix: registration_error_mm(pair, matrix))


def _peak_mb(*, reset: bool = False) -> float:
    """Return the most memory held since the last reset, where Linux can tell; else since the process began."""
    status, clear = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not status.exists() or not os.access(clear, os.W_OK):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    if reset:
        clear.write_text("5")
    return int(line.split()[1]) / 1024


def pipeline_costs(name: str) -> list[Cost]:
    """Run the comparison of two visits on a case, from volumes in memory to results in memory."""
    case = read_case(name)
    return stage_costs("ms_longitudinal", case.current, case.prior)


def stage_costs(pipeline: str, current: Images, prior: Images) -> list[Cost]:
    """Run a pipeline and say what each of its stages took, from volumes in memory to results in memory."""
    costs: list[Cost] = []
    begun: list[tuple[str, float, float]] = []

    def step(stage: str, _fraction: float = 0.0) -> None:
        wall, cpu, peak = time.perf_counter(), time.process_time(), _peak_mb(reset=True)
        if begun:
            before, wall_before, cpu_before = begun[-1]
            costs.append(Cost(before, wall - wall_before, cpu - cpu_before, peak))
        begun.append((stage, time.perf_counter(), time.process_time()))

    step("reading the atlas (once per worker)")
    load_atlas()
    find_runner(pipeline)(current, prior, step)
    step("end")
    own = costs[1:]
    total = Cost("whole pipeline", sum(c.wall_s for c in own), sum(c.cpu_s for c in own), max(c.peak_mb for c in own))
    return [*costs, total]


def registration_costs(name: str, repeats: int = 3) -> list[RegistrationCost]:
    """Register a case by Interval and by every other program that is installed; the best time of some runs."""
    case = read_case(name)
    fixed, moving = (reorient(scans[SeriesRole.FLAIR]) for scans in (case.current, case.prior))
    runs: list[RegistrationCost] = []
    for _ in range(repeats):
        _peak_mb(reset=True)
        wall, cpu = time.perf_counter(), time.process_time()
        found = register_rigid(fixed, moving, params=RegistrationParameters())
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        runs.append(RegistrationCost("Interval", wall, cpu, _peak_mb(), case.error_mm(found.transform.matrix)))
    runs += _by_peers(fixed, moving, case.error_mm, repeats)
    names = list(dict.fromkeys(run.name for run in runs))
    return [min((run for run in runs if run.name == one), key=lambda run: run.cpu_s) for one in names]


def _by_peers(
    fixed: Volume, moving: Volume, error_mm: Callable[[Matrix], float], repeats: int
) -> list[RegistrationCost]:
    if not PEERS_PYTHON.exists():
        return []
    runs: list[RegistrationCost] = []
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / name) for name in ("fixed.mha", "moving.mha")]
        for path, scan in zip(paths, (fixed, moving), strict=True):
            sitk.WriteImage(to_itk(scan), path)
        for name in json.loads(_peer()):
            for _ in range(repeats):
                read = json.loads(_peer(name, *paths))
                error = error_mm(np.array(read["matrix"]))
                runs.append(RegistrationCost(name, read["wall_s"], read["cpu_s"], read["peak_mb"], error))
                if read["cpu_s"] > SLOW_S:
                    break
    return runs


def _peer(*arguments: str) -> str:
    """Run `peers.py` in its own environment and return the last line that it writes: programs chatter."""
    command = [str(PEERS_PYTHON), str(Path(__file__).with_name("peers.py")), *arguments]
    # ANTs has no other way to be told: two cores, as for all.
    environment = {**os.environ, "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "2"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stdout.strip().splitlines()[-1]


def _pipeline_table(name: str, costs: list[Cost]) -> str:
    rows = [[c.name, f"{c.wall_s:.2f}", f"{c.cpu_s:.2f}", f"{c.peak_mb:.0f}"] for c in costs]
    return columns([[name, "wall s", "CPU s", "peak MB"], *rows])


def _registration_table(name: str, costs: list[RegistrationCost]) -> str:
    own = costs[0]
    rows = [
        [
            c.name,
            f"{c.wall_s:.2f}",
            f"{c.cpu_s:.2f}",
            f"{c.cpu_s / own.cpu_s:.1f}",
            f"{c.peak_mb:.0f}",
            f"{c.error_mm:.3f}",
        ]
        for c in costs
    ]
    return columns([[f"registration, {name}", "wall s", "CPU s", "CPU ratio", "peak MB", "error mm"], *rows])


def _intrastudy_table(data: Path) -> str:
    rows = [["T1 and T2 against FLAIR of the same visit, error in mm", "placed", "registered", "correlation", "CPU s"]]
    for patient in LONGITUDINAL_PATIENTS:
        for study, title in ((2, "current"), (1, "prior")):
            scans = read_visit(data / "ms-longitudinal" / patient, study)
            flair, params = reorient(scans[SeriesRole.FLAIR]), BrainParameters()
            atlas = load_atlas()
            brain = extract_brain(flair, atlas, align_with_atlas(flair, atlas, params=params), params=params)
            for role in (SeriesRole.T1, SeriesRole.T2):
                cpu = time.process_time()
                found = register_contrast(flair, reorient(scans[role]), brain=brain, params=ContrastParameters())
                cpu = time.process_time() - cpu
                errors = [
                    intrastudy_error_mm(data, patient, study, role, matrix)
                    for matrix in (np.eye(4), found.transform.matrix)
                ]
                figures = [f"{value:.3f}" for value in (*errors, found.correlation)]
                rows.append([f"{patient} {title} {role}", *figures, f"{cpu:.2f}"])
    return columns(rows)


def bench(say: Callable[[str], object]) -> None:
    """Measure everything and say it, one table after the other."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    say(f"{os.cpu_count()} cores, load {load}: where others use the cores, CPU seconds say more than wall.\n")
    context = multiprocessing.get_context("spawn")
    for name in case_names():
        with context.Pool(1, maxtasksperchild=1) as pool:
            say("\n" + _pipeline_table(name, pool.apply(pipeline_costs, (name,))) + "\n")
            say("\n" + _registration_table(name, pool.apply(registration_costs, (name,))) + "\n")
    # Made here: what the phantom's own making holds must not count as the pipeline's memory.
    tumour = make_tumour(TUMOUR_PHANTOM).images
    with context.Pool(1, maxtasksperchild=1) as pool:
        costs = pool.apply(stage_costs, ("tumour_volumetry", tumour, {}))
    say("\n" + _pipeline_table("tumour, four series of 1 mm", costs) + "\n")
    data = data_folder()
    if data is not None:
        say("\n" + _intrastudy_table(data) + "\n")
    if not PEERS_PYTHON.exists():
        say("\nNo other program is installed (make bench installs them): Interval's registration stands alone.\n")
