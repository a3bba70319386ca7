"""``python -m tests.e2e.chaos``: plays runs of chaos and says what was lost; see `make chaos`."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

from demo.processes import missing_programs
from tests.e2e.chaos.installation import postgres_is_installed
from tests.e2e.chaos.plan import FULL
from tests.e2e.chaos.run import Report, run_seed


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit status is 0 when every run ended well."""
    options = _parse(arguments)
    missing = list(missing_programs())
    if missing:
        sys.stderr.write(f"{', '.join(missing)} is not installed; `make setup` installs it\n")
        return 2
    scale = replace(FULL, patients=options.patients, visits=options.visits, faults_of_each_kind=options.faults)
    reports = []
    for seed in options.seeds:
        # Every second run has the database that a site of some size uses.
        postgres = options.database == "postgres" or (
            options.database == "both" and seed % 2 == 0 and postgres_is_installed()
        )
        _say(f"seed {seed}: {'PostgreSQL' if postgres else 'SQLite'}")
        report = run_seed(seed, scale, postgres=postgres, keep=options.keep, say=_say)
        _tell(report)
        reports.append(report)
    failed = [report.seed for report in reports if report.findings]
    _say(f"{len(reports) - len(failed)} of {len(reports)} seeds: nothing lost, nothing twice")
    return 1 if failed else 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.chaos", description=__doc__)
    parser.add_argument("--seeds", type=_seeds, default=[int(time.time()) % 100_000], help="4, or 1..10, or 2,5,7")
    parser.add_argument("--patients", type=int, default=FULL.patients)
    parser.add_argument("--visits", type=int, default=FULL.visits)
    parser.add_argument("--faults", type=int, default=FULL.faults_of_each_kind, help="how often each kind strikes")
    parser.add_argument("--database", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--keep", type=Path, help="folder for the logs and the database of runs that failed")
    return parser.parse_args(arguments)


def _seeds(text: str) -> list[int]:
    first, dots, last = text.partition("..")
    return list(range(int(first), int(last) + 1)) if dots else [int(one) for one in text.split(",")]


def _tell(report: Report) -> None:
    states = ", ".join(f"{number} {state}" for state, number in sorted(report.states.items()))
    _say(f"seed {report.seed}: {report.duration_s:.0f} s; {states}")
    for reason in report.quarantined:
        _say(f"seed {report.seed}: was quarantined: {reason}")
    for finding in report.findings:
        _say(f"seed {report.seed}: LOST OR TWICE: {finding}")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
