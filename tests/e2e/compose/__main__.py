"""``python -m tests.e2e.compose``: installs the containers, sends a study over TLS, signs it, finds it in the PACS,
and has it back from a backup after everything was lost."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import tempfile
import time
from pathlib import Path

import httpx

from demo.reader import Reader
from demo.sending import send_study
from demo.studies import StudyToSend, studies_from_phantom
from gateway.api.schemas import CaseDetail
from processing.domain.case import CaseState
from processing.domain.decision import Acceptance, Verdict
from processing.domain.errors import Transient
from tests.e2e.compose.checks import findings
from tests.e2e.compose.drill import drill
from tests.e2e.compose.engine import EngineFailed, NoEngine, engine, which_engine
from tests.e2e.compose.stack import Stack, stack

_RESULT_WITHIN_S = 1200.0
_READER = "reader"


class StoryFailed(RuntimeError):
    """The story took a turn that it should not; the message says which."""


class Clock:
    """Prints how long each step took, and all of them since the installation began."""

    def __init__(self) -> None:
        self._began = self._since = time.monotonic()

    def done(self, step: str) -> None:
        """Note that a step has ended."""
        now = time.monotonic()
        _say(f"{step:<62} {now - self._since:7.1f} s   {now - self._began:7.1f} s")
        self._since = now


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit status is 0 when all went well, and when no container can run here."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.compose", description=__doc__)
    parser.add_argument("--require", action="store_true", help="fail where no container can run, instead of skipping")
    parser.add_argument("--fresh", action="store_true", help="use no image or layer that is there, as a new machine")
    parser.add_argument("--which", action="store_true", help="only say whether it would run here, and with what")
    options = parser.parse_args(arguments)
    if options.which:
        return _say_which()
    clock = Clock()
    with tempfile.TemporaryDirectory(prefix="ict-") as folder:
        try:
            with engine(Path(folder), fresh=options.fresh) as found:
                _say(f"compose-test runs with {found.container}")
                clock.done("engine and base images")
                with stack(found, Path(folder)) as running:
                    clock.done("secrets and certificates")
                    wrong = _tell(running, Path(folder), clock)
                clock.done("stopped and taken away")
        except NoEngine as reason:
            _say(f"compose-test {'failed' if options.require else 'skipped'}: {reason}")
            return 1 if options.require else 0
        except (EngineFailed, StoryFailed) as failed:
            _say(f"compose-test failed: {failed}")
            return 1
    for sentence in wrong:
        _say(f"    {sentence}")
    _say("compose-test failed" if wrong else "compose-test passed")
    return 1 if wrong else 0


def _say_which() -> int:
    try:
        _say(f"compose-test: {which_engine()} is here, `make compose-test` runs it (some 15 minutes; not part of CI)")
    except NoEngine as reason:
        _say(f"compose-test: can't run here: {reason}")
    return 0


def _tell(running: Stack, folder: Path, clock: Clock) -> list[str]:
    for image in running.build():
        clock.done(f"built {image}")
    try:
        running.compose("up", "--detach", "--no-build")
        clock.done("every container is up and healthy")
        return _play(running, folder, clock)
    except (EngineFailed, StoryFailed):
        _say(running.compose("logs", "--no-color", "--tail", "30", check=False)[-8000:])
        raise


def _play(running: Stack, folder: Path, clock: Clock) -> list[str]:
    password = secrets.token_urlsafe(24)
    running.execute(
        "gateway-api",
        *("python", "-m", "gateway.access", "add-user", _READER, "--role", "reader"),
        *("--password-file", "/dev/stdin"),
        stdin=f"{password}\n",
    )
    studies = studies_from_phantom(folder / "studies", _say)
    clock.done("account made, studies made")
    _refuse_in_clear(running, studies[0])
    for study in studies:
        report = send_study(
            study.files, "127.0.0.1", running.ports.clinical_dicom, called_aet="CLINICAL", tls=running.scanner_tls
        )
        if report.failed:
            raise StoryFailed(f"{len(report.failed)} images were not stored: {report.failed[0][1]}")
    clock.done("two studies sent by C-STORE over TLS; in clear refused")

    def sign_in() -> Reader:
        return Reader(running.url, _READER, password, running.browser_trust)

    with sign_in() as reader:
        case = _wait(reader, studies[-1], CaseState.READY_FOR_REVIEW)
        clock.done("first result: ready for review")
        for lesion in case.lesions:
            reader.decide(case.summary.case_id, lesion.number, Verdict.ACCEPTED)
        reader.assess(case.summary.case_id, Acceptance.ACCEPTABLE, rating=4, comment="Signed by the compose test.")
        reader.sign(case.summary.case_id)
        archived = _wait(reader, studies[-1], CaseState.ARCHIVED)
    clock.done("signed, sent over TLS, archived")
    kinds = _kinds_in_pacs(running, studies[-1])
    clock.done(f"found in the PACS: {', '.join(sorted(kinds))}")
    if not {"SEG", "SR"} <= kinds:
        raise StoryFailed(f"the PACS holds {sorted(kinds)} only")
    wrong = findings(running)
    clock.done("limits, zones and proxy looked at")
    return wrong + drill(running, folder, archived, sign_in, clock.done)


def _refuse_in_clear(running: Stack, study: StudyToSend) -> None:
    try:
        send_study(study.files[:1], "127.0.0.1", running.ports.clinical_dicom, called_aet="CLINICAL")
    except Transient:
        return
    raise StoryFailed("an image was taken without TLS")


def _wait(reader: Reader, study: StudyToSend, state: CaseState) -> CaseDetail:
    deadline = time.monotonic() + _RESULT_WITHIN_S
    said = ""
    while time.monotonic() < deadline:
        for case in reader.worklist():
            if case.patient.patient_id != study.patient_id or case.study_date != study.study_date:
                continue
            if case.state is state:
                return reader.case(case.case_id)
            said = f"{case.state} {case.reason}"
            if case.state in (CaseState.QUARANTINED, CaseState.NOT_ROUTED, CaseState.REGISTRATION_FAILED):
                raise StoryFailed(f"the case is {said}")
        time.sleep(1)
    raise StoryFailed(f"the case is not '{state}' after {_RESULT_WITHIN_S:.0f} s; it is {said or 'not seen'}")


def _kinds_in_pacs(running: Stack, study: StudyToSend) -> set[str]:
    account = ("demo", running.secret("pacs-demo"))
    query = {"Level": "Series", "Expand": True, "Query": {"StudyInstanceUID": study.study_instance_uid}}
    found = httpx.post(f"{running.pacs_url}/tools/find", json=query, auth=account, timeout=60).raise_for_status()
    return {series["MainDicomTags"]["Modality"] for series in found.json()}


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    # Whoever ends this finds no container left over.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("compose-test was stopped"))
    sys.exit(main())
