"""The demo, told step by step: a scanner sends, a worker measures, a reader signs, the PACS receives."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from demo.gallery import ArchivedObject, collect
from demo.installation import REPOSITORY, System
from demo.reader import Reader
from demo.sending import send_study
from demo.studies import StudyToSend, studies_from_folder, studies_from_phantom
from gateway.api.schemas import CaseDetail, CaseSummary, LesionLine
from processing.domain.case import CaseState
from processing.domain.decision import Acceptance, Verdict
from processing.domain.errors import InputRejected, Transient

DEMO_READER = "demo-reader"
RESULT_TIMEOUT_S = 900.0
POLL_S = 0.5
_STUCK = frozenset({CaseState.QUARANTINED, CaseState.NOT_ROUTED, CaseState.REGISTRATION_FAILED})


class DemoFailed(RuntimeError):
    """The story took a turn that it should not; the message says which."""


@dataclass
class Clock:
    """Measures the steps and prints each when it is done."""

    steps: list[tuple[str, float]] = field(default_factory=list)
    _since: float = field(default_factory=time.monotonic)

    def done(self, step: str) -> float:
        """Note that a step has ended; the next one begins now."""
        now = time.monotonic()
        duration_s, self._since = now - self._since, now
        self.steps.append((step, duration_s))
        say(f"{step:<58} {duration_s:6.1f} s")
        return duration_s


def tell(system: System, source: Path | None, output: Path) -> None:
    """Play the whole story on a running system.

    Parameters
    ----------
    system : System
    source : Path, optional
        A folder of DICOM files or of NIfTI pairs; the phantom when none is given.
    output : Path
        Where the objects that reached the PACS are put.

    Raises
    ------
    DemoFailed
        If a study is not routed, is quarantined, or nothing happens for too long.
    """
    clock = Clock()
    address = add_demo_reader(system)
    with tempfile.TemporaryDirectory(prefix="interval-demo-") as folder:
        studies = _studies(source, Path(folder))
        clock.done("studies made" if source is None else "studies read")
        current = studies[-1]
        for study in studies:
            to_pacs = system.priors_from_pacs and study is not current
            _send(system, study, to_pacs=to_pacs)
            where = "to the PACS, by C-STORE" if to_pacs else "by C-STORE"
            clock.done(f"{study.label} study sent, {len(study.files)} images, {where}")
    with Reader(system.url, DEMO_READER, system.secret(DEMO_READER)) as reader:
        alone = len(studies) == 1
        case = _wait(reader, current, lambda state: state is CaseState.READY_FOR_REVIEW or _is_behind(state, alone))
        if case.summary.state is CaseState.BASELINE:
            raise DemoFailed("this study has no earlier one to compare it with; it is kept as a baseline")
        new = case.summary.state is CaseState.READY_FOR_REVIEW
        clock.done(
            "ready for review, after the last image" if new else "recognised: these studies were reviewed before"
        )
        if new:
            _review(reader, case)
            clock.done("reviewed and signed by the demo reader")
        case = _wait(reader, current, lambda state: state is CaseState.ARCHIVED)
        clock.done("archived in the PACS")
    objects = collect(system.pacs_url, ("demo", system.secret("pacs-demo")), current.study_instance_uid, output)
    clock.done(f"fetched from the PACS into {output}/")
    _print_tables(clock, case, objects)
    say(address)


def add_demo_reader(system: System) -> str:
    """Make the demo's account at its first use; return a line with the viewer's address and credentials."""
    add_account(system, DEMO_READER, "Demo Reader", "reader")
    return f"\nViewer: {system.url}   user: {DEMO_READER}   password: {system.secret(DEMO_READER)}"


def add_account(system: System, user_name: str, display_name: str, role: str) -> None:
    """Make an account, unless it was made before; its password is the installation's secret of the same name."""
    made = system.home / "accounts" / user_name
    if made.exists():
        return
    options = ("--display-name", display_name, "--role", role, "--password-file", str(system.secret_file(user_name)))
    answer = subprocess.run(
        (sys.executable, "-m", "gateway.access", "add-user", user_name, *options),
        cwd=REPOSITORY,
        env=system.gateway_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        raise DemoFailed(f"the account {user_name} could not be made: {answer.stderr.strip()}")
    made.parent.mkdir(exist_ok=True)
    made.touch()


def say(line: str) -> None:
    """Print a line at once, also into a pipe."""
    print(line, flush=True)


def _studies(source: Path | None, folder: Path) -> list[StudyToSend]:
    try:
        return studies_from_phantom(folder, say) if source is None else studies_from_folder(source, folder, say)
    except InputRejected as unusable:
        raise DemoFailed(unusable.reason) from unusable


def _send(system: System, study: StudyToSend, *, to_pacs: bool) -> None:
    """Send a study as a scanner does; an earlier one lies in the PACS, where Interval has to find it."""
    port, aet = (system.ports.pacs_dicom, "PACS") if to_pacs else (system.ports.clinical_dicom, "CLINICAL")
    try:
        report = send_study(study.files, "127.0.0.1", port, called_aet=aet)
    except Transient as unreachable:
        raise DemoFailed(unreachable.reason) from unreachable
    for reason in sorted({reason for _, reason in report.failed}):
        number = sum(1 for _, other in report.failed if other == reason)
        say(f"    {number} images were not stored: {reason}")


def _is_behind(state: CaseState, alone: bool) -> bool:
    """Whether there is nothing to wait for: reviewed before (the same files sent again), or a baseline alone."""
    if state is CaseState.BASELINE:
        return alone
    return state in {CaseState.SIGNED, CaseState.DISPATCHING, CaseState.ARCHIVED}


def _wait(reader: Reader, study: StudyToSend, arrived: Callable[[CaseState], bool]) -> CaseDetail:
    """Wait until the study's case is in a state, telling what happens meanwhile."""
    deadline = time.monotonic() + RESULT_TIMEOUT_S
    told = ""
    while time.monotonic() < deadline:
        summary = _find(reader.worklist(), study)
        line = _progress_line(summary)
        if line != told:
            say(f"    {line}")
            told = line
        if summary is not None and arrived(summary.state):
            return reader.case(summary.case_id)
        if summary is not None and summary.state in _STUCK:
            raise DemoFailed(f"the {study.label} study is {summary.state}: {summary.reason}")
        time.sleep(POLL_S)
    raise DemoFailed(f"no result after {RESULT_TIMEOUT_S:.0f} s; the last word was: {told}")


def _find(worklist: list[CaseSummary], study: StudyToSend) -> CaseSummary | None:
    for case in worklist:
        if case.patient.patient_id == study.patient_id and case.study_date == study.study_date:
            return case
    return None


def _progress_line(summary: CaseSummary | None) -> str:
    if summary is None:
        return "not seen yet"
    if summary.progress is not None and summary.state is CaseState.RUNNING:
        return f"{summary.state}: {summary.progress.fraction:4.0%} {summary.progress.stage}"
    return f"{summary.state}{': ' + summary.reason if summary.reason else ''}"


def _review(reader: Reader, case: CaseDetail) -> None:
    """Accept every proposed lesion. A real reader looks first."""
    case_id = case.summary.case_id
    for lesion in case.lesions:
        reader.decide(case_id, lesion.number, Verdict.ACCEPTED)
    reader.assess(case_id, Acceptance.ACCEPTABLE, rating=4, comment="Signed by the demo.")
    reader.sign(case_id)


def _print_tables(clock: Clock, case: CaseDetail, objects: list[ArchivedObject]) -> None:
    say(f"\n{case.summary.pipeline} {case.summary.version}: research use, not a medical device\n")
    say(f"{'Step':<58} {'Duration':>8}")
    for step, duration_s in clock.steps:
        say(f"{step:<58} {duration_s:6.1f} s")
    say(f"\n{'Lesion':<8}{'Change':<11}{'Volume':>12}{'Before':>12}   Location")
    for lesion in case.lesions:
        say(_lesion_line(lesion))
    if not case.lesions:
        say("none")
    say(f"\n{'Objects in the PACS':<42}{'Series':<44}{'Number':>6}")
    kinds: dict[tuple[str, str], int] = {}
    for one in objects:
        key = (one.sop_class_name, one.series_description)
        kinds[key] = kinds.get(key, 0) + 1
    for (sop_class, series), number in kinds.items():
        say(f"{sop_class:<42}{series:<44}{number:>6}")


def _lesion_line(lesion: LesionLine) -> str:
    return (
        f"{lesion.number:<8}{lesion.change:<11}{lesion.volume_mm3:>8.0f} mm3{lesion.prior_volume_mm3:>8.0f} mm3"
        f"   {lesion.region}, {lesion.side}"
    )
