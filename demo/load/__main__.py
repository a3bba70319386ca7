"""``python -m demo.load``: plays a department's day and prints what it cost; see `make load`."""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from demo.installation import Ports
from demo.load.measure import (
    Figures,
    LoadSystem,
    StandsStill,
    bare_orthanc,
    measure_alone,
    measure_ingest,
    measure_workers,
    open_database,
    without_worker,
)
from demo.load.sending import SendingFailed
from demo.load.studies import Day, Size, write_day
from demo.processes import StartFailed, missing_programs

QUIET_TIME_S = 2.0
_ALONE = 3


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit status is 0 when the day was played to its end."""
    options = _parse(arguments)
    missing = [*missing_programs(), *([] if shutil.which("storescu") else ["storescu"])]
    if missing:
        sys.stderr.write(f"{', '.join(missing)} is not installed; `make setup` installs it\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="interval-load-") as folder:
        try:
            _play(Path(folder), options)
        except (StartFailed, SendingFailed, StandsStill) as failed:
            sys.stderr.write(f"{failed}\n")
            return 1
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo.load", description=__doc__)
    parser.add_argument("--studies", type=int, default=90)
    parser.add_argument("--size", type=Size, choices=list(Size), default=Size.ROUTINE)
    parser.add_argument(
        "--workers", type=_numbers, default=[1, 2], help="worker processes to compare, as 1,2; 0 for none"
    )
    parser.add_argument("--cases", type=int, default=8, help="how many cases each number of workers finishes")
    options = parser.parse_args(arguments)
    wanted, compared = options.cases * len(options.workers), options.studies // 2
    if wanted > compared:
        parser.error(f"{wanted} cases are to be finished, and of {options.studies} studies {compared} are compared")
    return options


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",") if int(number)]


def _play(home: Path, options: argparse.Namespace) -> None:
    figures = Figures()
    day = write_day(home / "day", options.studies, options.size)
    _say(f"{len(day.folders)} studies, {day.instances} instances, {day.size_bytes / 2**20:.0f} MiB")
    bare_orthanc(home, day, figures)
    _say("sent to a bare Orthanc")
    shutil.rmtree(home / "bare")
    system = LoadSystem(home / "system", Ports.free(), QUIET_TIME_S)
    with without_worker(system) as running:
        sessions = open_database(system)
        measure_ingest(running, sessions, day, figures, _say)
        for processes in options.workers:
            measure_workers(system, sessions, processes, options.cases, figures)
            _say(f"{options.cases} cases by {processes} worker processes")
    if not options.workers:
        _tell(day, figures)
        return
    system = LoadSystem(home / "alone", Ports.free(), QUIET_TIME_S)
    with without_worker(system) as running:
        pairs = [write_day(home / f"pair-{number}", 2, options.size, first=number) for number in range(_ALONE)]
        measure_alone(running, open_database(system), pairs, figures)
    _tell(day, figures)


def _tell(day: Day, figures: Figures) -> None:
    mib = day.size_bytes / day.instances / 2**20
    _say(f"\n{'Instances per second':<58}")
    bare = f"{figures.bare_rate:8.0f}{figures.bare_rate * mib:8.1f} MiB/s"
    _say(f"  {'bare Orthanc, C-STORE over four associations':<56}{bare}")
    _say(f"  {'clinical archive with the gateway beside it, C-STORE':<56}{figures.stored_rate:8.0f}")
    _say(f"  {'to the order, pseudonymised in the research archive':<56}{figures.ingest_rate:8.0f}")
    _say(f"  {'part of the bare rate':<56}{figures.ingest_rate / figures.bare_rate:8.0%}")
    _say("Processor time per instance, ms")
    for name, spent_ms in figures.processor_ms.items():
        _say(f"  {name:<56}{spent_ms:8.2f}")
    _say("Memory in each quarter of the day, MiB")
    for name, parts in figures.memory_mib.items():
        _say(f"  {name:<56}{' '.join(f'{part:7.0f}' for part in parts)}")
    _say("Workers")
    for processes, rate in figures.throughput.items():
        text = f"{processes} processes, cases per minute; median pipeline time"
        _say(f"  {text:<56}{rate:8.1f}{figures.pipeline_s[processes]:8.1f} s")
    _say(f"  {'wait in the queue, median and longest (all came at once)':<56}{_pair(figures.queue_wait_s)}")
    _say("One study alone")
    _say(f"  {'all time outside pipeline and quiet time, median and longest':<56}{_pair(figures.overhead_s)}")


def _pair(values: list[float]) -> str:
    return f"{statistics.median(values):8.1f}{max(values):8.1f} s" if values else "       -"


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
