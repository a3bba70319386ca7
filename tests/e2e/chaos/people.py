"""Who works on meanwhile: a scanner that sends until all is acknowledged, a reader who signs, an operator."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

import httpx
from pydantic import ValidationError

from demo.installation import System
from demo.reader import Reader
from demo.sending import send_study
from demo.story import DEMO_READER
from gateway.api.schemas import CaseSummary
from processing.domain.case import CaseState
from processing.domain.decision import Acceptance, Verdict
from processing.domain.errors import Transient
from tests.e2e.chaos.plan import Plan, Sending, Visit
from tests.e2e.chaos.studies import WrittenVisit
from tests.e2e.hospital import OPERATOR

AWAY = (httpx.HTTPError, ValidationError)
"""What asking the gateway raises while it, or what it needs, is away."""


class ScannerAssociation(threading.Thread):
    """Sends its part of the plan, each study until every image of it is acknowledged."""

    def __init__(self, name: str, sendings: Iterable[Sending], visits: Mapping[Visit, WrittenVisit], port: int) -> None:
        super().__init__(name=name)
        self._sendings, self._visits, self._port = sendings, visits, port
        self._over = threading.Event()
        self.sent = 0
        self.unsent = ""
        """What came of the last attempt that did not succeed."""

    def stop(self) -> None:
        """End early."""
        self._over.set()

    def run(self) -> None:
        for sending in self._sendings:
            if self._over.wait(sending.pause_s):
                return
            written = self._visits[sending.visit]
            files = written.late_files if sending.late_series else written.files
            while files:
                try:
                    report = send_study(files, "127.0.0.1", self._port, "CLINICAL")
                    files = tuple(path for path, _ in report.failed)
                    reasons = sorted({reason for _, reason in report.failed})
                    self.unsent = f"{len(files)} images: {', '.join(reasons)}"
                except Transient as error:
                    self.unsent = str(error)  # nobody knows what arrived: all of it again
                if files and self._over.wait(1.0):
                    return
            self.sent += 1


class RobotReader(threading.Thread):
    """Reviews and signs what the plan says, as soon as it is ready, and remembers what was accepted as signed."""

    def __init__(self, system: System, plan: Plan, visits: Mapping[Visit, WrittenVisit]) -> None:
        super().__init__(name="reader")
        self._system = system
        self._signs = {_key(visits[visit]): visit in plan.rejected for visit in plan.signed}
        self._over = threading.Event()
        self.signed: set[str] = set()
        """Ids of the cases whose signature the gateway confirmed."""

    def stop(self) -> None:
        """End after the case in hand."""
        self._over.set()

    def will_sign(self, case: CaseSummary) -> bool:
        """Whether a case that is ready waits for this reader."""
        return (case.patient.patient_id, case.study_date) in self._signs

    def run(self) -> None:
        while not self._over.wait(1.0):
            try:
                with Reader(self._system.url, DEMO_READER, self._system.secret(DEMO_READER)) as reader:
                    while not self._over.wait(1.0):
                        self._sign_what_is_ready(reader)
            except AWAY:
                continue

    def _sign_what_is_ready(self, reader: Reader) -> None:
        for case in reader.worklist():
            if case.state is CaseState.READY_FOR_REVIEW and self.will_sign(case) and not self._over.is_set():
                self._review(reader, case)

    def _review(self, reader: Reader, case: CaseSummary) -> None:
        rejects = self._signs[case.patient.patient_id, case.study_date]
        for lesion in reader.case(case.case_id).lesions:
            reader.decide(case.case_id, lesion.number, Verdict.ACCEPTED)
        acceptance = Acceptance.UNACCEPTABLE if rejects else Acceptance.ACCEPTABLE
        reader.assess(case.case_id, acceptance, rating=1 if rejects else 4, comment="Signed amid chaos.")
        reader.sign(case.case_id)
        self.signed.add(case.case_id)


def retry_as_operator(system: System, case_ids: Iterable[str]) -> None:
    """Try cases again, as an operator does in the viewer."""
    with httpx.Client(base_url=system.url, timeout=60) as http:
        account = {"user_name": OPERATOR, "password": system.secret(OPERATOR)}
        session = http.post("/api/session", json=account).raise_for_status().json()
        for case_id in case_ids:
            headers = {"X-CSRF-Token": session["csrf_token"]}
            http.post(f"/api/cases/{case_id}/retry", headers=headers).raise_for_status()


def _key(written: WrittenVisit) -> tuple[str, str]:
    return written.patient_id, written.study_date
