"""What tumour_volumetry is worth on phantoms whose truth is known: ``python -m validation.tumour_cohort``.

It prints the overlap on clean cases, the alarms in a cohort that grows harder and harder, and how growth is told. What
is measured is kept: the same command goes on where it was interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from processing.domain.study import SeriesRole
from processing.stages.alarms import Aim
from validation.phantom.tumour import TumourSpec
from validation.tumour_cohort.cases import TumourCase, cohort, lacking, triples
from validation.tumour_cohort.growth import growth, growth_line
from validation.tumour_cohort.kept import measure_all
from validation.tumour_cohort.reference import alarm_reference
from validation.tumour_cohort.tables import (
    alarm_table,
    lacking_table,
    overlap_table,
    small_alarm_table,
    threshold_table,
)

KEPT = Path("build/tumour-cohort")

_LACKING: Mapping[str, tuple[SeriesRole, ...]] = {
    "all four series": (),
    "without T2": (SeriesRole.T2,),
    "without T1": (SeriesRole.T1,),
    "without T1 and T2 (refused)": (SeriesRole.T1, SeriesRole.T2),
}


def main(arguments: list[str]) -> int:
    """Measure cohorts and print their tables."""
    parser = argparse.ArgumentParser(prog="python -m validation.tumour_cohort", description=__doc__)
    parser.add_argument("--scans", type=int, default=6, help="clean cases that go through the whole pipeline")
    parser.add_argument("--clean", type=int, default=12, help="clean cases from prepared images, for the overlap")
    parser.add_argument("--lacking", type=int, default=12, help="clean cases of which series are left out")
    parser.add_argument("--graded", type=int, default=60, help="cases from easy to hopeless, for the alarms")
    parser.add_argument("--triples", type=int, default=20, help="tumours that are scanned three times, for growth")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--kept", type=Path, default=KEPT, help="where measured cases are kept")
    parser.add_argument(
        "--reference", type=Path, help="write the graded cases' reference population of the alarms here"
    )
    parser.add_argument(
        "--aim", type=Aim, choices=list(Aim), help="calibrate its alphas for this; else the paper's 0.1"
    )
    chosen = parser.parse_args(arguments)

    def measured(specs: tuple[TumourSpec, ...]) -> tuple[TumourCase, ...]:
        return measure_all(specs, chosen.kept, processes=chosen.processes, tell=_tell)

    if chosen.clean:
        cases = measured(cohort(chosen.clean, hardest=0.0, still=True))
        _say(f"{chosen.clean} clean cases, from prepared images\n{overlap_table(cases)}\n")
    if chosen.lacking:
        specs = cohort(chosen.lacking, hardest=0.0, still=True)
        rows = {name: measured(lacking(specs, *roles)) for name, roles in _LACKING.items()}
        _say(f"\n{chosen.lacking} clean cases, from prepared images, series missing\n{lacking_table(rows)}\n")
    if chosen.graded:
        cases = measured(cohort(chosen.graded, voxel_mm=3.0, still=True))
        _say(f"\n{chosen.graded} graded cases, all five segmenters\n{alarm_table(cases)}\n")
        _say(f"\nan ensemble of three, whole tumour\n{small_alarm_table(cases)}\n\n{threshold_table(cases)}\n")
        if chosen.reference is not None:
            chosen.reference.write_text(alarm_reference(cases, chosen.aim).model_dump_json(indent=1) + "\n")
    if chosen.triples:
        specs = cohort(chosen.triples, voxel_mm=3.0, hardest=0.3, seed=61, first=3000, still=True)
        told = growth(measured(triples(specs)))
        _say(f"\n{chosen.triples} tumours scanned three times: {growth_line(told)}\n")
    if chosen.scans:
        cases = measured(cohort(chosen.scans, hardest=0.0, seed=62, first=5000))
        _say(f"\n{chosen.scans} clean cases, whole pipeline\n{overlap_table(cases)}\n")
    return 0


def _tell(done: int, of: int) -> None:
    sys.stderr.write(f"\r{done} of {of}" + ("\n" if done == of else ""))


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
