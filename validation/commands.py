"""The commands that guard an update: fetch, add, run, compare, gate, reference, stability and report."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from processing.pipelines.registry import SPECS
from validation.compare import CaseComparison, Verdict
from validation.datasets import UnknownDataset, all_manifests, find_manifest
from validation.datasets.manifest import MANIFESTS, BrokenManifest, site_folder
from validation.datasets.phantoms import OtherPhantom, pin_phantoms
from validation.datasets.register import NoCases, register
from validation.fetch import ChangedData, MissingData, at_hand, fetch
from validation.gate import say_decision
from validation.ratings import read_ratings
from validation.release import (
    Assessment,
    OtherPipeline,
    admit,
    assess,
    conclude_ratings,
    datasets_at_hand,
    make_reference,
)
from validation.report import write_report
from validation.robustness import robustness, robustness_table
from validation.run import RUNS, CaseKey, keys_of, run
from validation.stability import (
    NotRepeatable,
    determinism,
    keep_limits,
    kept_stability,
    measure_stability,
    require_comparing,
    stability_table,
)
from validation.through import Account, NotMeasured, Receiver, Running, run_through

Chosen = argparse.Namespace


def say(text: str) -> None:
    """Say something to whoever ran the command, at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def _list(_: Chosen) -> int:
    for manifest in all_manifests():
        state = "made here" if not manifest.files else "at hand" if at_hand(manifest) else "not at hand"
        if manifest.unpinned:
            state += f", {len(manifest.unpinned)} files not pinned"
        licence = manifest.licence.split(";")[0]
        say(f"{manifest.name:22} {manifest.version:6} {len(manifest.cases):3} cases  {licence:12}  {state}\n")
    return 0


def _fetch(chosen: Chosen) -> int:
    fetch(find_manifest(chosen.name), say, pin=MANIFESTS if chosen.pin else None)
    return 0


def _add(chosen: Chosen) -> int:
    folder = site_folder()
    if folder is None:
        say("INTERVAL_SITE_DATASETS names no folder: it is where a site keeps its manifests.\n")
        return 1
    manifest = register(chosen.folder, folder, name=chosen.name)
    say(f"registered {manifest.name}: {len(manifest.cases)} cases, {len(manifest.files)} files pinned\n")
    return 0


def _pin(_: Chosen) -> int:
    say(f"pinned {pin_phantoms(say)} phantoms\n")
    return 0


def _run(chosen: Chosen) -> int:
    keys = keys_of(datasets_at_hand(chosen.pipeline, say, chosen.dataset), quick=chosen.quick, case=chosen.case)
    if chosen.through:
        return _run_through(chosen, keys)
    outputs = run(keys, chosen.pipeline, processes=chosen.processes, say=say)
    say(f"{len(outputs)} cases under {RUNS}\n")
    return 0


def _run_through(chosen: Chosen, keys: Sequence[CaseKey]) -> int:
    if chosen.sender is None or chosen.reader is None:
        say("A running system needs --sender, an operator account, and --reader: each NAME=FILE with the password.\n")
        return 1
    system = Running(chosen.through.rstrip("/"), chosen.sender, chosen.reader, chosen.receiver)
    compared = run_through(keys, chosen.pipeline, system, say=say, to_rate=chosen.to_rate)
    for one in compared:
        _say_findings(one)
    return 1 if any(one.verdict is Verdict.CHANGED for one in compared) else 0


def _account(words: str) -> Account:
    name, _, file = words.partition("=")
    return Account(name, Path(file).read_text(encoding="utf-8").strip())


def _receiver(words: str) -> Receiver:
    ae_title, _, place = words.partition("@")
    host, _, port = place.rpartition(":")
    return Receiver(ae_title, host, int(port))


def _assessed(chosen: Chosen) -> Assessment:
    ratings = read_ratings(chosen.ratings) if chosen.ratings else ()
    manifests = datasets_at_hand(chosen.pipeline, say, chosen.dataset)
    assessment = assess(
        chosen.pipeline, manifests, say=say, quick=chosen.quick, processes=chosen.processes, ratings=ratings
    )
    say(f"report: {write_report(assessment)}\n")
    return assessment


def _compare(chosen: Chosen) -> int:
    for one in _assessed(chosen).comparisons:
        _say_findings(one)
    return 0


def _say_findings(one: CaseComparison) -> None:
    say(f"{one.dataset}/{one.case}: {one.verdict.words}\n")
    for finding in one.findings:
        if finding.detail:
            say(f"    {finding.verdict.words}: {finding.what}, {finding.detail}\n")


def _gate(chosen: Chosen) -> int:
    if chosen.conclude:
        return 0 if conclude_ratings(chosen.pipeline, read_ratings(chosen.ratings), say) is not None else 1
    assessment = _assessed(chosen)
    say_decision(assessment.decision, assessment.evidence, say)
    return 0 if assessment.decision.passed else 1


def _reference(chosen: Chosen) -> int:
    chosen.quick = False
    assessment = _assessed(chosen)
    say_decision(assessment.decision, assessment.evidence, say)
    entry = make_reference(assessment, say, decided=chosen.decided, unreleased=chosen.unreleased)
    return 0 if entry is not None and entry.passed else 1


def _admit(chosen: Chosen) -> int:
    admit(chosen.pipeline, chosen.decided, say)
    return 0


def _stability(chosen: Chosen) -> int:
    if not chosen.kept:
        measure_stability(chosen.pipeline, scans=chosen.scans, say=say)
    measured = kept_stability(chosen.pipeline, require_comparing(chosen.pipeline).version)
    if measured is None:
        say("Nothing was measured of this version yet.\n")
        return 1
    if chosen.kept:
        keep_limits(measured, say)
    say(stability_table(measured.lesions) + "\n")
    return 0


def _robustness(chosen: Chosen) -> int:
    say(robustness_table(robustness(chosen.pipeline, say=say)) + "\n")
    return 0


def _determinism(chosen: Chosen) -> int:
    return 0 if determinism(chosen.pipeline, say=say) else 1


COMMANDS: Mapping[str, tuple[Callable[[Chosen], int], str]] = {
    "datasets": (_list, "list the reference datasets"),
    "fetch": (_fetch, "bring a dataset to this machine, every byte checked"),
    "add": (_add, "register a site's own reference set"),
    "pin": (_pin, "pin the phantom family anew, after it was changed on purpose"),
    "run": (_run, "run the pipeline on reference cases"),
    "compare": (_compare, "run, and compare with the released reference"),
    "gate": (_gate, "run, compare, and say whether this version may be deployed"),
    "reference": (_reference, "let this version's outputs become the reference, and write what the gate said"),
    "admit": (_admit, "let a pipeline pass that has no reference set yet, with a maintainer's reason"),
    "stability": (_stability, "measure each volume again on re-scans: limits of agreement"),
    "robustness": (_robustness, "measure what noise, ghosts, blur and missing images cost"),
    "determinism": (_determinism, "run twice, and with other numbers of threads, and compare bit by bit"),
}


def _add_running_system(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--through", metavar="URL", default="", help="send the cases to a running Interval instead")
    for name, does in (("sender", "operator account that sends"), ("reader", "reader account that collects")):
        words = f"{does}, and the file of its password"
        parser.add_argument(f"--{name}", type=_account, metavar="NAME=FILE", help=words)
    parser.add_argument(
        "--receiver", type=_receiver, metavar="AET@HOST:PORT", help="send by C-STORE to this one, not by STOW-RS"
    )
    parser.add_argument("--to-rate", action="store_true", help="let readers rate the results in the viewer, blind")


REFUSALS = (
    UnknownDataset,
    BrokenManifest,
    MissingData,
    ChangedData,
    NoCases,
    OtherPhantom,
    OtherPipeline,
    NotRepeatable,
    NotMeasured,
)
"""What a command says in one sentence, without a trace."""


def main(arguments: list[str]) -> int:
    """Run one of the commands; the exit status is 0 when it went well, and for the gate when it is open."""
    chosen = _parser().parse_args(arguments)
    command, _ = COMMANDS[chosen.command]
    try:
        return command(chosen)
    except REFUSALS as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m validation", description=__doc__)
    parsers = parser.add_subparsers(dest="command", required=True)
    made = {name: parsers.add_parser(name, help=text, description=text) for name, (_, text) in COMMANDS.items()}
    made["fetch"].add_argument("name")
    made["fetch"].add_argument("--pin", action="store_true", help="fix the hash of files that have none yet")
    made["add"].add_argument("folder", type=Path)
    made["add"].add_argument("--name", default="site", help="of the set (site)")
    for name in ("run", "compare", "gate", "reference", "admit", "stability", "robustness", "determinism"):
        made[name].add_argument("--pipeline", choices=[spec.name for spec in SPECS], default=SPECS[0].name)
    for name in ("run", "compare", "gate", "reference"):
        made[name].add_argument("--dataset", action="append", default=[], help="only this one; may be repeated")
        made[name].add_argument("--processes", type=int, default=max(1, (os.cpu_count() or 2) // 2))
        made[name].add_argument("--ratings", type=Path, help="readers' ratings, as the gateway gives them out")
    for name in ("run", "compare", "gate"):
        made[name].add_argument("--quick", action="store_true", help="only the quick cases")
    made["run"].add_argument("--case", help="only the case with this name")
    _add_running_system(made["run"])
    made["gate"].add_argument("--conclude", action="store_true", help="only let --ratings decide what waits for them")
    made["reference"].add_argument("--decided", default="", help="a maintainer's reason to release without ratings")
    made["reference"].add_argument(
        "--unreleased", action="store_true", help="replace the reference of a version that was never released"
    )
    made["admit"].add_argument("--decided", required=True, help="the reason, kept in the ledger")
    made["stability"].add_argument("--scans", type=int, default=8, help="simulated re-scans")
    made["stability"].add_argument("--kept", action="store_true", help="only take what was measured into the ledger")
    return parser
