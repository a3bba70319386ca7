"""What tumour_volumetry is worth on phantoms whose truth is known: ``python -m validation.tumour_cohort``.

It prints the overlap on clean cases, the alarms in a cohort that grows harder and harder, and how growth is told.

The alarms' tables have the form of tables 1 and 3 of Kofler et al. (Front. Neurosci. 2021, 15:752780).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np
import numpy.typing as npt

from processing.domain.errors import InputRejected
from processing.pipelines.tumour_volumetry.pipeline import run
from processing.stages.alarms import Calibration, Metric, Thresholds, alarm_counts, calibrate, correlation
from processing.stages.fusion import dice
from processing.stages.tumour.labels import REGIONS
from processing.stages.tumour.segmenters import BUILT_IN
from validation.phantom.tumour import TumourSpec, isotropic_scanner, make_tumour

COHORT_SEED = 60
ALPHA = 0.1


@dataclass(frozen=True, eq=False)
class TumourCase:
    """One measured phantom.

    Parameters
    ----------
    spec : TumourSpec
    overlap : ndarray of float64, shape (regions,)
        Dice of the result with the truth; 0 throughout where the pipeline refused the images.
    volumes_ml : tuple of float
        Whole tumour and enhancing tumour, measured.
    similarities : ndarray of float64, shape (candidates, metrics, regions)
    """

    spec: TumourSpec
    overlap: npt.NDArray[np.float64]
    volumes_ml: tuple[float, float]
    similarities: npt.NDArray[np.float64]


def cohort(cases: int, *, world_mm: int = 2, hardest: float = 1.0) -> tuple[TumourSpec, ...]:
    """Draw tumours of different size, place and shape, from easy to hopeless in equal steps.

    Parameters
    ----------
    cases : int
    world_mm : int
    hardest : float
        0 draws only clean cases; 1 goes to scans in which noise and shading drown a faint tumour.
    """
    generator = np.random.default_rng(COHORT_SEED)
    specs = []
    for number in range(cases):
        hard = hardest * number / max(cases - 1, 1)
        core_ml = float(np.exp(generator.uniform(np.log(8.0), np.log(45.0))))
        specs.append(
            TumourSpec(
                seed=1000 + number,
                world_mm=world_mm,
                core_ml=core_ml,
                necrosis=float(generator.uniform(0.15, 0.6)),
                hyperintensity_ml=core_ml * float(generator.uniform(1.0, 2.5)),
                mass_effect=float(generator.uniform(0.1, 0.5)),
                scanner=isotropic_scanner(float(world_mm), noise=0.03 + 0.15 * hard**2, bias=0.12 + 0.3 * hard),
                conspicuity=1.0 - 0.75 * hard,
            )
        )
    return tuple(specs)


def measure(spec: TumourSpec) -> TumourCase:
    """Make a phantom, run the pipeline on it and compare with the truth."""
    phantom = make_tumour(spec)
    try:
        result = run(phantom.images, lambda _stage, _fraction: None)
    except InputRejected:
        nothing = np.full((len(BUILT_IN), len(Metric), len(REGIONS)), np.nan)
        return TumourCase(spec, np.zeros(len(REGIONS)), (0.0, 0.0), nothing)
    overlap = np.array([dice(region.of(result.tumour), region.of(phantom.truth)) for region in REGIONS])
    volumes = (result.volumes.whole_ml, result.volumes.enhancing_ml)
    return TumourCase(spec, overlap, volumes, result.similarities)


def measure_all(
    specs: Sequence[TumourSpec], *, processes: int, tell: Callable[[int, int], None]
) -> tuple[TumourCase, ...]:
    """Measure every phantom on several processes; `tell` hears how many of how many are done."""
    done = []
    with ProcessPoolExecutor(processes) as pool:
        for number, case in enumerate(pool.map(measure, specs), start=1):
            done.append(case)
            tell(number, len(specs))
    return tuple(done)


def alarm_table(cases: Sequence[TumourCase]) -> tuple[tuple[Calibration, ...], Thresholds, float]:
    """Raise alarms in a cohort of itself, as the paper does.

    Returns
    -------
    tuple
        A row for each alpha; the thresholds; and Pearson's r between the alarm count at alpha 0.1 and the mean Dice of
        the three regions.
    """
    population = np.stack([case.similarities for case in cases])
    quality = np.array([case.overlap.mean() for case in cases])
    thresholds = Thresholds.of(population)
    rows = calibrate(population, thresholds, quality)
    return rows, thresholds, correlation(alarm_counts(population, thresholds, alpha=ALPHA), quality)


@dataclass(frozen=True)
class Growth:
    """How well growth is told from measurement error over three time points.

    Parameters
    ----------
    repeatability : float
        1.96 standard deviations of the log ratio of two measurements of one tumour: the limit of agreement.
    detected, false_alarms : float
        Parts of the triples, 0 to 1: growth of 40 % seen, and no growth called growth.
    """

    repeatability: float
    detected: float
    false_alarms: float


def triples(specs: Sequence[TumourSpec]) -> tuple[TumourSpec, ...]:
    """Scan each tumour three times: twice as it is, and once grown by 40 %."""
    return tuple(one for spec in specs for one in (spec, replace(spec, scan_seed=1), spec.grown(1.4, scan_seed=2)))


def growth(cases: Iterable[TumourCase]) -> Growth:
    """Judge triples that `triples` made, in its order, by the whole tumour's volume.

    A change counts when it exceeds the limit of agreement of the other tumours' repeated scans, so that no triple is
    judged by a limit that it set itself.
    """
    volumes = np.array([case.volumes_ml[0] for case in cases]).reshape(-1, 3)
    ratios = np.log(np.maximum(volumes[:, 1:], 1e-3) / np.maximum(volumes[:, :1], 1e-3))
    again, grown = ratios[:, 0], ratios[:, 1]
    limits = np.array([1.96 * np.delete(again, k).std(ddof=1) for k in range(len(again))])
    # A scanner that repeats itself to a percent still leaves a reader in doubt below five.
    limits = np.maximum(limits, np.log(1.05))
    return Growth(float(fmean(limits)), float((grown > limits).mean()), float((again > limits).mean()))


def overlap_table(cases: Sequence[TumourCase]) -> str:
    """Return the mean overlap of the result with the truth, by region."""
    means = np.mean([case.overlap for case in cases], axis=0)
    return "\n".join(f"{region.name:18} Dice {mean:.3f}" for region, mean in zip(REGIONS, means, strict=True))


def alarm_tables(cases: Sequence[TumourCase]) -> str:
    """Return alarms by alpha (table 1 of the paper), and the thresholds at alpha 0.1 (its table 3)."""
    rows, thresholds, r = alarm_table(cases)
    lines = ["alpha  entropy  r:dice  cases with no alarm, up to a third, up to two thirds, more"]
    for row in rows:
        counts = row.cases_by_count
        third = (len(counts) - 1) // 3
        groups = (counts[0], sum(counts[1 : third + 1]), sum(counts[third + 1 : 2 * third + 1]))
        shares = (*groups, sum(counts) - sum(groups))
        numbers = " ".join(f"{share:4}" for share in shares)
        lines.append(f"{row.alpha:5.2f}  {row.entropy:7.2f}  {row.correlation:6.2f}  {numbers}")
    lines.append(f"Pearson's r of the alarm count with Dice at alpha {ALPHA}: {r:.2f} (published: -0.72)")
    limits = thresholds.at(ALPHA)
    lines.append(f"{'segmenter':18} " + "  ".join(f"{region.name:>18}" for region in REGIONS) + "  (Dice, mm)")
    for segmenter, limit in zip(BUILT_IN, limits, strict=True):
        cells = "  ".join(f"{limit[0, k]:10.3f} {-limit[1, k]:7.1f}" for k in range(len(REGIONS)))
        lines.append(f"{segmenter.name:18} {cells}")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Measure cohorts and print their tables."""
    parser = argparse.ArgumentParser(prog="python -m validation.tumour_cohort", description=__doc__)
    parser.add_argument("--clean", type=int, default=12, help="clean cases, for the overlap")
    parser.add_argument("--graded", type=int, default=60, help="cases from easy to hopeless, for the alarms")
    parser.add_argument("--triples", type=int, default=12, help="tumours that are scanned three times, for growth")
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args(arguments)

    def tell(done: int, of: int) -> None:
        sys.stderr.write(f"\r{done} of {of}" + ("\n" if done == of else ""))

    def measured(specs: Sequence[TumourSpec]) -> tuple[TumourCase, ...]:
        return measure_all(specs, processes=chosen.processes, tell=tell)

    if chosen.clean:
        sys.stdout.write(f"clean cases\n{overlap_table(measured(cohort(chosen.clean, hardest=0.0)))}\n")
    if chosen.graded:
        sys.stdout.write(f"\ngraded cases\n{alarm_tables(measured(cohort(chosen.graded)))}\n")
    if chosen.triples:
        found = growth(measured(triples(cohort(chosen.triples, hardest=0.3))))
        sys.stdout.write(
            f"\ngrowth: limit of agreement {100 * np.expm1(found.repeatability):.1f} %, growth of 40 % seen in "
            f"{100 * found.detected:.0f} %, no growth called growth in {100 * found.false_alarms:.0f} %\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
