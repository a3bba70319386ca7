"""Measure from the command line: ``python -m validation accuracy`` or ``python -m validation bench``."""

from __future__ import annotations

import argparse
import sys

from validation.accuracy import curve_table, pair_accuracy, phantom_accuracy, table, volume_table
from validation.bench import bench
from validation.grid import GRID
from validation.real_pairs import LONGITUDINAL_PATIENTS, data_folder


def main(arguments: list[str]) -> int:
    """Run a measurement and print its table; the exit status is 0 unless something went wrong."""
    parser = argparse.ArgumentParser(prog="validation", description=__doc__)
    parser.add_argument("measurement", choices=["accuracy", "bench"])
    parser.add_argument("--grid", action="store_true", help="accuracy: phantoms of other contrast, slices, noise, ...")
    parser.add_argument("--full", action="store_true", help="accuracy: everything there is")
    chosen = parser.parse_args(arguments)
    if chosen.measurement == "bench":
        bench(sys.stdout.write)
    else:
        _accuracy(grid=chosen.grid or chosen.full)
    return 0


def _accuracy(*, grid: bool) -> None:
    say = sys.stdout.write
    cases = []
    say("making the phantom and running the pipeline on it\n")
    cases.append(phantom_accuracy())
    data = data_folder()
    if data is None:
        say("the real pairs are left out: INTERVAL_DATA names no folder\n")
    else:
        for patient in LONGITUDINAL_PATIENTS:
            say(f"running the pipeline on {patient}\n")
            cases.append(pair_accuracy(data, patient))
    phantoms = cases[:1]
    if grid:
        for name, spec in GRID.items():
            say(f"phantom: {name}\n")
            phantoms.append(phantom_accuracy(spec, name=name))
    cases = phantoms + cases[1:]
    for text in (table(cases), curve_table(cases), volume_table(phantoms)):
        say("\n" + text + "\n")
    say("\nFound: 10 % of a true increase marked. Research use, not a medical device.\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
