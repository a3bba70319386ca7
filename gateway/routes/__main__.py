"""Look at the routes: ``python -m gateway.routes check [FILE]`` and ``python -m gateway.routes explain STUDY|FOLDER``.

``explain`` takes a Study Instance UID of the clinical archive, or a folder with the files of one study. It prints to
this terminal what the study says, descriptions included; nothing of it is logged or kept.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from gateway.clinical import ClinicalArchive
from gateway.flow.explain import Explained, explain_folder, explain_study
from gateway.routes.load import DEFAULT, RoutesInvalid, load_routes
from gateway.routes.model import RouteTable
from gateway.settings import Settings
from processing.domain.errors import IntervalError
from processing.pipelines.registry import SPECS


class _RoutesFile(BaseSettings):
    """The one setting that is needed where no archive is asked."""

    model_config = {"env_prefix": "INTERVAL_", "env_ignore_empty": True, "extra": "ignore"}

    routes: Path | None = None
    target_name: str = "pacs"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status: 0 when the study would be measured or the file is good."""
    parser = argparse.ArgumentParser(prog="python -m gateway.routes", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="read a routes file and name every mistake with its line")
    check.add_argument("file", type=Path, nargs="?", help="the configured one unless given")
    explain = commands.add_parser("explain", help="say which route a study takes, and why")
    explain.add_argument("study", help="a Study Instance UID of the clinical archive, or a folder of files")
    explain.add_argument("--routes", type=Path, help="another file than the configured one")
    options = parser.parse_args(arguments)
    try:
        if options.command == "check":
            return _check(options.file)
        return _explain(options.study, options.routes)
    except (RoutesInvalid, IntervalError) as refused:
        sys.stderr.write(f"{refused}\n")
    except ValidationError as invalid:
        wrong = ", ".join(sorted({str(error["loc"][0]) for error in invalid.errors()}))
        sys.stderr.write(f"The settings are incomplete or wrong: {wrong}\n")
    return 2


def _check(path: Path | None) -> int:
    table = _table(path)
    for route in table.routes:
        roles = ", ".join(role.value for role in route.series.required)
        wanted = ", ".join(role.value for role in route.series.wanted)
        print(f"{route.name}: {route.pipeline}, needs {roles}" + (f", would like {wanted}" if wanted else ""))
    return 0


def _table(path: Path | None) -> RouteTable:
    """Read a routes file with the targets that are configured, as far as they are known here."""
    configured = _RoutesFile()
    path = path or configured.routes or DEFAULT
    try:
        targets = [target.name for target in Settings().targets]
    except ValidationError:
        targets = [configured.target_name]
    return load_routes(path, SPECS, targets)


def _explain(study: str, path: Path | None) -> int:
    table = _table(path)
    if Path(study).is_dir():
        explained = explain_folder(Path(study), table, SPECS)
    else:
        settings = Settings()
        with ClinicalArchive(settings.clinical_url, settings.clinical_user, settings.clinical_password) as archive:
            explained = explain_study(archive, table, SPECS, study)
    _print(explained)
    return 0 if not explained.routed.sentence else 1


def _print(explained: Explained) -> None:
    facts, found = explained.facts, explained.routed.explanation
    print("The study says")
    for words, values in (
        ("modality", sorted(facts.modalities)),
        ("body part", sorted(facts.body_parts)),
        ("descriptions", facts.descriptions),
        ("department", facts.departments),
        ("sent by", sorted(facts.calling_ae_titles)),
        ("sent to", sorted(facts.called_ae_titles)),
    ):
        print(f"  {words:<14}{', '.join(values) or '-'}")
    print("\nRoutes, the first that fits and has what it needs counts")
    for line in found.routes:
        mark = "->" if line.chosen else "  "
        verdict = "taken" if line.chosen and not line.reason else line.reason
        print(f"{mark} {line.name} ({line.pipeline}): {verdict}")
        for check in line.checks:
            print(f"     {'yes' if check.fits else 'no ':<4}{check.line}: {check.reason}")
    print("\nSeries")
    for one in found.series:
        number = one.series_number if one.series_number is not None else "-"
        role = one.role or (f"({one.recognised})" if one.recognised else "left")
        print(f"  {number!s:>5} {one.modality:<3}{one.instance_count:>5} images  {role!s:<8}{one.reason}")
    if explained.missing:
        print(f"\nWould be waited for: {explained.missing}")
    print(f"\n{found.sentence or 'The study can be measured.'} Research use, not a medical device.")


if __name__ == "__main__":
    sys.exit(main())
