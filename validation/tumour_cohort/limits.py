"""Limits of agreement of a tumour's volumes, into the ledger: ``python -m validation.tumour_cohort.limits``.

Each tumour of the growth cohort is scanned twice as it is; 95 % of such pairs differ by less than the limit, part by
part. They hold for the sizes that were measured, and for the version that measured them alone.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from processing.domain.growth import Part
from processing.domain.tumour import TumourLabel, TumourVolumes
from processing.domain.versions import VolumeLimits
from processing.pipelines.registry import find_spec
from validation.gate import read_ledger, write_ledger
from validation.tumour_cohort.cases import cohort, triples
from validation.tumour_cohort.growth import limit_of_agreement
from validation.tumour_cohort.kept import measure_all

PIPELINE = "tumour_volumetry"
TUMOURS = 20
SMALL_CORE_ML = 3.0
"""A core below this is a few voxels of a clinical scan, and repeats by another measure than a larger one."""


def limits_of(volumes_ml: npt.NDArray[np.float64]) -> tuple[VolumeLimits, ...]:
    """Work limits out of repeated scans.

    Parameters
    ----------
    volumes_ml : ndarray of float64, shape (tumours, 2, parts)
        Each tumour scanned twice; the parts in the order of `TumourLabel`.
    """
    found = []
    for part in Part:
        pairs = np.array([[_volume(part, scan) for scan in tumour] for tumour in volumes_ml])
        edge = SMALL_CORE_ML if part is Part.CORE else 0.0
        small = pairs.mean(axis=1) < edge
        found += [_limits(part, pairs[of]) for of in (small, ~small) if of.sum() >= 2]
    return tuple(found)


def _volume(part: Part, scan: npt.NDArray[np.float64]) -> float:
    core, hyperintensity, enhancing = (float(scan[label - 1]) for label in TumourLabel)
    return part.of(TumourVolumes(core, hyperintensity, enhancing))


def _limits(part: Part, pairs: npt.NDArray[np.float64]) -> VolumeLimits:
    sizes_mm3 = 1000 * np.sqrt(pairs.prod(axis=1))
    apart_mm3 = 1000 * (pairs[:, 1] - pairs[:, 0])
    return VolumeLimits(
        low_mm3=float(np.floor(sizes_mm3.min() / 100) * 100),
        high_mm3=float(np.ceil(sizes_mm3.max() / 100) * 100),
        factor=round(float(np.exp(limit_of_agreement(np.log(pairs[:, 1] / pairs[:, 0])))), 3),
        difference_mm3=round(1.96 * float(np.sqrt(np.mean(apart_mm3**2))), 1),
        lesions=len(pairs),
        of=part.value,
    )


def main(arguments: list[str]) -> int:
    """Measure the pairs that are not kept yet, and write their limits into the installed version's entry."""
    parser = argparse.ArgumentParser(prog="python -m validation.tumour_cohort.limits", description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--kept", type=Path, default=Path("build/tumour-cohort"), help="where measured cases are kept")
    chosen = parser.parse_args(arguments)
    ledger, version = read_ledger(), find_spec(PIPELINE).version
    entry = ledger.entry(PIPELINE, version)
    if entry is None:
        sys.stderr.write(f"Version {version} is not in the ledger: admit it first.\n")
        return 1
    scans = triples(cohort(TUMOURS, voxel_mm=3.0, hardest=0.3, seed=61, first=3000, still=True))
    cases = measure_all(scans, chosen.kept, processes=chosen.processes, tell=lambda _done, _of: None)
    volumes_ml = np.array([case.volumes_ml for case in cases]).reshape(TUMOURS, 3, -1)[:, :2]
    limits = limits_of(np.maximum(volumes_ml, 1e-3))
    write_ledger(ledger.with_entry(PIPELINE, entry.model_copy(update={"limits": limits})))
    for limit in limits:
        sys.stdout.write(f"{limit.of}: {limit.low_mm3 / 1000:.1f} to {(limit.high_mm3 or 0) / 1000:.1f} ml ")
        sys.stdout.write(f"({limit.lesions} tumours): {100 * (limit.factor - 1):.1f} %\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
