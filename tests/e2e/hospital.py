"""What surrounds Interval in a hospital, as the tests play it: a scanner, a reader and a look into the PACS."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pydicom

from demo.installation import System
from demo.reader import Reader
from demo.sending import SendReport, send_study
from demo.story import DEMO_READER
from gateway.api.schemas import CaseDetail, CaseSummary
from processing.domain.case import CaseState
from processing.domain.decision import Acceptance, Verdict
from processing.domain.tumour import TumourLabel

WAIT_S = 240.0
OPERATOR = "test-operator"


@dataclass(frozen=True)
class Hospital:
    """A running system with the means to use it."""

    system: System

    def send(self, files: Iterable[Path]) -> SendReport:
        """C-STORE files to the clinical archive, as the scanner."""
        return send_study(tuple(files), "127.0.0.1", self.system.ports.clinical_dicom, called_aet="CLINICAL")

    def reader(self) -> Reader:
        """A signed-in reader."""
        return Reader(self.system.url, DEMO_READER, self.system.secret(DEMO_READER))

    def wait(
        self,
        patient_id: str,
        state: CaseState,
        *,
        study_date: str = "",
        also: Callable[[CaseSummary], bool] | None = None,
    ) -> CaseDetail:
        """Wait until a patient's case (of a date, if given) is in a state, and return it.

        Raises
        ------
        AssertionError
            If it does not get there in time; the message says where it stands.
        """
        deadline = time.monotonic() + WAIT_S
        seen: list[CaseSummary] = []
        with self.reader() as reader:
            while time.monotonic() < deadline:
                seen = self.cases(patient_id, study_date, reader)
                for case in seen:
                    if case.state is state and (also is None or also(case)):
                        return reader.case(case.case_id)
                time.sleep(0.3)
        stands = [f"{case.study_date}: {case.state} ({case.reason})" for case in seen]
        raise AssertionError(f"no case became '{state}' in {WAIT_S:.0f} s; cases of the patient: {stands}")

    def upload(self, path: Path) -> httpx.Response:
        """Hand a file to the gateway's upload, as an operator does in the viewer."""
        with httpx.Client(base_url=self.system.url, timeout=60) as http:
            account = {"user_name": OPERATOR, "password": self.system.secret(OPERATOR)}
            session = http.post("/api/session", json=account).raise_for_status().json()
            headers = {"X-CSRF-Token": session["csrf_token"]}
            return http.post("/api/uploads", files={"files": path.read_bytes()}, headers=headers)

    def settle(self) -> None:
        """Let the gateway look at the archive and the quiet time pass."""
        time.sleep(2 * self.system.quiet_time_s + 3)

    def cases(self, patient_id: str, study_date: str, reader: Reader) -> list[CaseSummary]:
        """Cases of one patient on the worklist, of one study date if given."""
        return [
            case
            for case in reader.worklist()
            if case.patient.patient_id == patient_id and (not study_date or case.study_date == study_date)
        ]

    def sign_all(self, case: CaseDetail, verdict: Verdict = Verdict.ACCEPTED) -> None:
        """Give every lesion one verdict and sign an acceptable result."""
        case_id = case.summary.case_id
        with self.reader() as reader:
            for lesion in case.lesions:
                reader.decide(case_id, lesion.number, verdict)
            reader.assess(case_id, Acceptance.ACCEPTABLE, rating=4, comment="")
            reader.sign(case_id)

    def sign_tumour(self, case: CaseDetail, rejected: TumourLabel | None = None) -> None:
        """Accept every part of a tumour but one, and sign an acceptable result."""
        case_id = case.summary.case_id
        with self.reader() as reader:
            for part in case.tumour.parts if case.tumour is not None else ():
                reader.decide(case_id, part.number, Verdict.REJECTED if part.number == rejected else Verdict.ACCEPTED)
            reader.assess(case_id, Acceptance.ACCEPTABLE, rating=4, comment="")
            reader.sign(case_id)

    def in_pacs(self, study_instance_uid: str) -> list[pydicom.Dataset]:
        """Every object of a study that the PACS holds."""
        return list(_instances(self.system.pacs_url, ("demo", self.system.secret("pacs-demo")), study_instance_uid))

    def in_research(self) -> list[pydicom.Dataset]:
        """Every object in the research archive."""
        account = ("gateway", self.system.secret("research-gateway"))
        return list(_instances(self.system.research_url, account, ""))


def _instances(url: str, account: tuple[str, str], study_instance_uid: str) -> Iterator[pydicom.Dataset]:
    with httpx.Client(base_url=url, auth=account, timeout=60) as http:
        query = {"StudyInstanceUID": study_instance_uid} if study_instance_uid else {}
        found = http.post("/tools/find", json={"Level": "Instance", "Query": query})
        found.raise_for_status()
        for instance in found.json():
            yield pydicom.dcmread(io.BytesIO(http.get(f"/instances/{instance}/file").raise_for_status().content))
