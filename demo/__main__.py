"""``python -m demo``: up, down and run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from demo.installation import Ports, System
from demo.processes import RunningSystem, StartFailed, missing_programs
from demo.story import DemoFailed, add_demo_reader, tell

DEMO_OUTPUT = Path("demo-output")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 0 when it did what it says."""
    options = _parse(arguments)
    for program in missing_programs():
        print(f"{program} is not installed; `make setup` installs it", file=sys.stderr)
        return 2
    home: Path = options.home.resolve()
    try:
        if options.command == "up":
            return _up(home)
        if options.command == "down":
            return _down(home)
        return _run(home, options.input)
    except (StartFailed, DemoFailed) as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("up", "start the system and leave it running"),
        ("down", "stop the system"),
        ("run", "send two studies, wait for the result, sign it, find it in the PACS"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--home", type=Path, required=True, help="folder of the installation")
        if name == "run":
            command.add_argument("--input", type=Path, help="folder of DICOM files, or of NIfTI pairs")
    return parser.parse_args(arguments)


def _known(home: Path) -> RunningSystem:
    described = (home / "system.json").exists()
    system = System.resume(home) if described else System(home, Ports.usual_or_free(), priors_from_pacs=True)
    return RunningSystem(system, on_progress=_say_ready)


def _up(home: Path) -> int:
    running = _known(home)
    if running.running():
        print("already running:", ", ".join(running.running()))
    else:
        running.start()
    print(add_demo_reader(running.system))
    return 0


def _down(home: Path) -> int:
    running = _known(home)
    names = running.running()
    running.stop()
    print("stopped:", ", ".join(names) if names else "nothing was running")
    return 0


def _run(home: Path, source: Path | None) -> int:
    running = _known(home)
    if running.running():
        tell(running.system, source, DEMO_OUTPUT)
        return 0
    with running:
        tell(running.system, source, DEMO_OUTPUT)
    print("The system has stopped again. `make up` starts it with this case in it, `make down` stops it.")
    return 0


def _say_ready(name: str) -> None:
    print(f"  {name} is ready", flush=True)


if __name__ == "__main__":
    sys.exit(main())
