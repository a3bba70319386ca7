"""One run: start the system, let people work and faults strike, wait until all rests, look at what is there."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from demo.installation import Ports
from demo.processes import RunningSystem, Service
from demo.reader import Reader
from demo.story import DEMO_READER, add_account, add_demo_reader
from gateway.api.schemas import CaseSummary
from processing.domain.case import CaseState
from tests.e2e.chaos.audit import ENDS, audit
from tests.e2e.chaos.faults import Faults
from tests.e2e.chaos.installation import JOB_LEASE_S, ChaosSystem, SmallDisk, postgres_service, small_disks
from tests.e2e.chaos.pacs_switch import Line, PacsSwitch
from tests.e2e.chaos.people import AWAY, RobotReader, ScannerAssociation, retry_as_operator
from tests.e2e.chaos.plan import Plan, Scale, Sending, Visit, make_plan
from tests.e2e.chaos.studies import WrittenVisit, write_visits
from tests.e2e.chaos.supervisor import Supervisor
from tests.e2e.hospital import OPERATOR

Say = Callable[[str], None]

STANDS_STILL_S = 240.0
"""So long nothing changed on the worklist: then what is not at rest never will be."""
LEFTOVERS_GO_WITHIN_S = 2.5 * JOB_LEASE_S
_QUIET_S = 10.0
"""So long all must rest before it counts."""
_PROGRESS_EVERY_S = 15.0


@dataclass
class Report:
    """What came of a run."""

    seed: int
    duration_s: float = 0.0
    states: Counter[str] = field(default_factory=Counter)
    quarantined: list[str] = field(default_factory=list)
    """Reasons of the cases that were quarantined before an operator tried them again."""
    findings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Scene:
    """The running system and everybody in it."""

    system: ChaosSystem
    plan: Plan
    visits: Mapping[Visit, WrittenVisit]
    supervisor: Supervisor
    scanners: Sequence[ScannerAssociation]
    reader: RobotReader
    faults: Faults
    say: Say


def run_seed(seed: int, scale: Scale, *, postgres: bool, keep: Path | None, say: Say) -> Report:
    """Play one run in a folder of its own.

    Parameters
    ----------
    seed : int
    scale : Scale
    postgres : bool
        With PostgreSQL instead of SQLite.
    keep : Path, optional
        Where logs and database are put when something was found.
    say : callable
        Takes lines of progress.
    """
    started_s = time.monotonic()
    report = Report(seed)
    with ExitStack() as stack:
        home = Path(tempfile.mkdtemp(prefix=f"interval-chaos-{seed}-"))
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        home.chmod(0o755)  # PostgreSQL's server runs as another user
        scene = stack.enter_context(_scene(home, seed, scale, postgres=postgres, say=say))
        _play(scene, report)
        report.duration_s = time.monotonic() - started_s
        if report.findings and keep is not None:
            _keep(home, keep / f"seed-{seed}")
            say(f"seed {seed}: logs and database are in {keep / f'seed-{seed}'}")
    return report


@contextmanager
def _scene(home: Path, seed: int, scale: Scale, *, postgres: bool, say: Say) -> Iterator[_Scene]:
    with ExitStack() as stack:
        disks = small_disks(home)
        for disk in disks.values():
            stack.callback(disk.remove)
        if not disks:
            say("no file system can be mounted here (that takes root): no disk is filled in this run")
        plan = make_plan(seed, scale, postgres=postgres, small_disks=bool(disks))
        say(f"seed {seed}: writing {len(plan.visits)} studies of {scale.patients} patients")
        visits = write_visits(home / "studies", seed, (*plan.visits, *plan.afterwards), plan.with_late_series)
        ports = Ports.free()
        switch = PacsSwitch(ports.pacs_dicom)
        stack.callback(switch.close)
        before: tuple[Service, ...] = ()
        database_url = f"sqlite:///{home / 'database' / 'gateway.db'}"
        (home / "database").mkdir(exist_ok=True)
        if postgres:
            service, database_url = postgres_service(home / "database" / "postgres")
            before = (service,)
        system = ChaosSystem(home, ports, 3.0, database_url, target_port=switch.port)
        running = stack.enter_context(RunningSystem(system, before=before))
        add_demo_reader(system)
        add_account(system, OPERATOR, "Test Operator", "operator")
        supervisor = stack.enter_context(Supervisor(running))
        struck_s = time.monotonic()

        def on_blow(text: str) -> None:
            say(f"seed {seed} {time.monotonic() - struck_s:5.0f} s  {text}")

        faults = Faults(plan, supervisor, switch, disks, on_blow)
        scanners = [
            ScannerAssociation(f"scanner {number}", sendings, visits, ports.clinical_dicom)
            for number, sendings in enumerate(plan.associations)
        ]
        reader = RobotReader(system, plan, visits)
        stack.callback(_end, (*scanners, faults, reader), switch, disks)
        yield _Scene(system, plan, visits, supervisor, scanners, reader, faults, say)


def _end(
    people: Sequence[ScannerAssociation | Faults | RobotReader], switch: PacsSwitch, disks: Mapping[str, SmallDisk]
) -> None:
    for one in people:
        one.stop()
    switch.set(Line.OPEN)
    for disk in disks.values():
        disk.free()
    for one in people:
        if one.is_alive():
            one.join()


def _play(scene: _Scene, report: Report) -> None:
    for one in (*scene.scanners, scene.faults, scene.reader):
        one.start()
    _wait_for_rest(scene, scene.plan.visits)
    report.findings += [
        f"{one.name} never got rid of its studies: {one.unsent}" for one in scene.scanners if one.is_alive()
    ]
    scene.say(f"seed {scene.plan.seed}: the chaos is over; one more patient comes")
    last = ScannerAssociation(
        "last scanner",
        [Sending(visit, late_series=False, pause_s=0.0) for visit in scene.plan.afterwards],
        scene.visits,
        scene.system.ports.clinical_dicom,
    )
    last.start()
    last.join()
    worklist = _wait_for_rest(scene, tuple(scene.visits))
    quarantined = [case for case in worklist if case.state is CaseState.QUARANTINED]
    report.quarantined = sorted(case.reason for case in quarantined)
    report.findings += _audit(scene, worklist)
    if quarantined:
        scene.say(f"seed {scene.plan.seed}: an operator tries {len(quarantined)} quarantined cases again")
        retry_as_operator(scene.system, [case.case_id for case in quarantined])
        worklist = _wait_for_rest(scene, tuple(scene.visits))
        still = [case.reason for case in worklist if case.state is CaseState.QUARANTINED]
        report.findings += [f"quarantined again after a retry: {reason}" for reason in still]
        report.findings += [finding for finding in _audit(scene, worklist) if finding not in report.findings]
    report.states = Counter(case.state.value for case in worklist)


def _audit(scene: _Scene, worklist: Sequence[CaseSummary]) -> list[str]:
    """Look until nothing is found, or what is found stays: leftovers of lost jobs go after the jobs' lease."""
    deadline = time.monotonic() + LEFTOVERS_GO_WITHIN_S
    while True:
        signed = frozenset(scene.reader.signed)
        findings = audit(scene.system, scene.system.database_url, scene.visits, worklist, signed)
        if not findings or time.monotonic() > deadline:
            return findings
        time.sleep(5.0)


def _wait_for_rest(scene: _Scene, visits: Sequence[Visit]) -> list[CaseSummary]:
    """Wait until all was sent, the last blow fell and every case rests, or nothing moves any more."""
    changed_s = rested_s = told_s = time.monotonic()
    before: list[str] = []
    worklist: list[CaseSummary] = []
    reader: Reader | None = None
    while True:
        now_s = time.monotonic()
        try:
            reader = reader or Reader(scene.system.url, DEMO_READER, scene.system.secret(DEMO_READER))
            worklist = reader.worklist(superseded=True)
        except AWAY:
            reader = None
        here = reader is not None
        stands = _stands(scene, worklist)
        if stands != before:
            changed_s, before = now_s, stands
        if now_s - told_s > _PROGRESS_EVERY_S:
            told_s = now_s
            scene.say(_progress(scene, worklist, here=here))
        if not (here and _rests(scene, visits, worklist)):
            rested_s = now_s
        if now_s - rested_s > _QUIET_S or now_s - changed_s > STANDS_STILL_S:
            return worklist
        time.sleep(1.0)


def _stands(scene: _Scene, worklist: Sequence[CaseSummary]) -> list[str]:
    """Everything of which a change means that something still moves."""
    lines = sorted(f"{case.case_id} {case.state} {case.changed_at} {case.progress}" for case in worklist)
    return [*lines, str([scanner.sent for scanner in scene.scanners]), str(scene.faults.struck)]


def _rests(scene: _Scene, visits: Sequence[Visit], worklist: Sequence[CaseSummary]) -> bool:
    busy = any(one.is_alive() for one in (*scene.scanners, scene.faults))
    newest = [case for case in worklist if case.state is not CaseState.SUPERSEDED]
    return (
        not busy
        and scene.supervisor.all_run()
        and len(newest) >= len(visits)
        and all(case.state in ENDS for case in newest)
        and not any(case.state is CaseState.READY_FOR_REVIEW and scene.reader.will_sign(case) for case in newest)
    )


def _progress(scene: _Scene, worklist: Sequence[CaseSummary], *, here: bool) -> str:
    sent = sum(scanner.sent for scanner in scene.scanners)
    planned = sum(map(len, scene.plan.associations))
    states = Counter(case.state.value for case in worklist)
    cases = ", ".join(f"{number} {state}" for state, number in sorted(states.items())) or "no case yet"
    gateway = "" if here else "; the gateway does not answer"
    return (
        f"seed {scene.plan.seed}: {sent} of {planned} sendings, "
        f"{scene.faults.struck} of {len(scene.plan.blows)} faults; {cases}{gateway}"
    )


def _keep(home: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copytree(home / "logs", folder / "logs")
    for database in (home / "database").glob("gateway.db*"):
        shutil.copy(database, folder)
    os.sync()
