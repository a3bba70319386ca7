"""Measure from the command line: ``python -m validation accuracy``, ``bench``, or what guards an update (see below)."""

from __future__ import annotations

import argparse
import sys

from validation.accuracy import KEPT, measure_all, shipped_score
from validation.accuracy_report import curve_picture, curve_table, sensitivity_table, volume_table
from validation.accuracy_sets import all_cases
from validation.bench import bench
from validation.commands import COMMANDS
from validation.commands import main as guard
from validation.real_pairs import data_folder


def main(arguments: list[str]) -> int:
    """Run a measurement and print its table; the exit status is 0 unless something went wrong."""
    if arguments and arguments[0] in COMMANDS:
        return guard(arguments)
    others = "; ".join(f"{name}: {text}" for name, (_, text) in COMMANDS.items())
    parser = argparse.ArgumentParser(prog="validation", description=__doc__, epilog=f"Also: {others}.")
    parser.add_argument("measurement", choices=["accuracy", "bench"])
    parser.add_argument("--quick", action="store_true", help="accuracy: one case or two of each set")
    parser.add_argument("--only", default="", help="accuracy: the sets whose name holds this")
    chosen = parser.parse_args(arguments)
    if chosen.measurement == "bench":
        bench(sys.stdout.write)
    else:
        _accuracy(quick=chosen.quick, only=chosen.only)
    return 0


def _accuracy(*, quick: bool, only: str) -> None:
    data = data_folder()
    if data is None:
        sys.stdout.write("the sets on real scans are left out: INTERVAL_DATA names no folder\n")
    chosen = [case for case in all_cases(data) if only in case.group and (case.quick or not quick)]
    cases = measure_all(chosen, _say)
    score = shipped_score()
    texts = [sensitivity_table(cases, score), curve_table(cases), volume_table(cases)]
    _say("\n" + "\n\n".join(text for text in texts if "\n" in text) + "\n")
    picture = KEPT / "operating-curve.svg"
    picture.write_text(curve_picture(cases, score))
    _say(
        f"\nFound: 10 % of a true increase marked; of those that the images show, then of all. The shipped score is "
        f"{score:.2f}; the curves are drawn in {picture}. Research use, not a medical device.\n"
    )


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
