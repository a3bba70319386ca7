"""A patient with marked identifiers goes through everything, errors too; then everything that was written is searched.

Logs, metrics, health, error pages, traces, alerts, Redis, the database and the research archive may hold none of the
markers; the clinical archive, the PACS and, encrypted, the vault are where a patient's identity belongs.
"""

from __future__ import annotations

import shutil
import signal
import socket
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from demo.installation import Ports, System
from demo.processes import RunningSystem
from demo.sending import send_study
from demo.story import add_account, add_demo_reader
from gateway import flow
from processing.domain.case import CaseState
from tests.e2e.hospital import OPERATOR, Hospital
from tests.integration.conftest import ARCHIVES_AND_BROKER
from tests.integration.gateway.conftest import Gateway, MovableClock, close, settings_for
from tests.integration.gateway.sending import send
from tests.integration.test_restore_drill import ORDERED, play_worker
from tests.unit.gateway.brain_studies import Person, encoded, study

NAME, GIVEN, PATIENT_ID, ISSUER = "Xqzmarkername", "Qwvgivenname", "ZQX4711PID", "XQZISSUER"
PERSON = Person(patient_id=PATIENT_ID, name=f"{NAME}^{GIVEN}", birth_date="19010203", issuer=ISSUER)
ACCESSION, INSTITUTION, PHYSICIAN = "XQZACC0815", "Xqzhospital", "Xqzdoctor"
FILE_NAME = "Xqzfilename.dcm"
TYPED = "Xqztypedname"
WAIT_S = 240.0


@dataclass(frozen=True)
class MarkedSystem(System):
    """An installation whose gateway shows its metrics, sends its traces and its alerts to the test."""

    metrics_port: int = 0
    collector: str = ""

    def gateway_environment(self) -> dict[str, str]:
        return super().gateway_environment() | {
            "INTERVAL_METRICS_PORT": str(self.metrics_port),
            "INTERVAL_TRACES_URL": f"{self.collector}/v1/traces",
            "INTERVAL_ALERT_WEBHOOK": f"{self.collector}/alerts",
            "INTERVAL_ALERT_AFTER_S": "0",
        }


@dataclass
class Collected:
    """What was posted to the test."""

    bodies: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class Marked:
    """The system after everything happened in it."""

    system: MarkedSystem
    markers: frozenset[str]
    pages: dict[str, bytes]
    collected: Collected


@pytest.fixture(scope="module")
def collector() -> Iterator[tuple[Collected, str]]:
    collected = Collected()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            compressed = self.headers.get("Content-Encoding") == "gzip"
            collected.bodies.append(zlib.decompress(body, 31) if compressed else body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield collected, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def marked(collector: tuple[Collected, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Marked]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = tmp_path_factory.mktemp("marked")
    system = MarkedSystem(home, Ports.free(), quiet_time_s=1.0, metrics_port=port, collector=collector[1])
    everything = (*ARCHIVES_AND_BROKER, "gateway-api", "worker")
    with (
        RunningSystem(system, only=everything) as running,
        RunningSystem(_without_port(system), only=("gateway-tasks",)),
    ):
        add_demo_reader(system)
        add_account(system, OPERATOR, "Test Operator", "operator")
        markers = _live_through_everything(Hospital(system), running, tmp_path_factory.mktemp("files"))
        yield Marked(system, markers, _pages(system), collector[0])


def _without_port(system: MarkedSystem) -> System:
    """The background process has no port for metrics of its own here."""
    return replace(system, metrics_port=0)


def _live_through_everything(hospital: Hospital, running: RunningSystem, folder: Path) -> frozenset[str]:
    """Let all that can go wrong go wrong, and the rest go right; return what may stand nowhere."""
    system = hospital.system
    prior_uid, prior = study(PERSON, "20220301", "FLAIR")
    study_uid, images = study(PERSON, "20230405", "FLAIR")
    for image in prior + images:
        image.AccessionNumber, image.InstitutionName = ACCESSION, INSTITUTION
        image.ReferringPhysicianName = f"{PHYSICIAN}^Rosa"
    send(system, prior + images)
    # The worker is killed in the middle of its work.
    case_id = _ordered_case(hospital)
    running.stop_service("worker", signal.SIGKILL)
    services = flow.build_services(settings_for(system, system.gateway_environment()["DATABASE_URL"]))
    play_worker(services, case_id)
    close(Gateway(services, MovableClock()))
    hospital.sign_all(hospital.wait(PATIENT_ID, CaseState.READY_FOR_REVIEW, study_date="20230405"))
    hospital.wait(PATIENT_ID, CaseState.ARCHIVED, study_date="20230405")
    # A series with a hole, a file that is none, one without an ID, each under the patient's name.
    _, gap = study(PERSON, "20240506", "FLAIR")
    send(system, gap[:5] + gap[9:])
    hospital.wait(PATIENT_ID, CaseState.QUARANTINED, study_date="20240506")
    letter = folder / FILE_NAME
    letter.write_bytes(f"Dear colleague, thank you for {NAME}, {GIVEN}, {PATIENT_ID}.".encode())
    send_study((letter,), "127.0.0.1", system.ports.clinical_dicom, called_aet="CLINICAL")
    hospital.upload(letter)
    broken = folder / f"{NAME}.dcm"
    broken.write_bytes(encoded(images[0])[:700])
    hospital.upload(broken)
    return frozenset(
        {NAME, GIVEN, PATIENT_ID, ISSUER, PERSON.birth_date, ACCESSION, INSTITUTION, PHYSICIAN, FILE_NAME, TYPED}
        | {prior_uid, study_uid, str(images[0].SeriesInstanceUID), str(images[0].SOPInstanceUID)}
    )


def _ordered_case(hospital: Hospital) -> str:
    """Wait until the worker has, or may have, the order of the later study; return the case's id."""
    found: list[str] = []

    def ordered() -> bool:
        cases = hospital.cases(PATIENT_ID, "20230405", reader)
        found.extend(case.case_id for case in cases if case.state.value in ORDERED)
        return bool(found)

    with hospital.reader() as reader:
        _wait(ordered)
    return found[0]


def _pages(system: MarkedSystem) -> dict[str, bytes]:
    """Everything that is shown to somebody who is not signed in, errors above all."""
    with httpx.Client(base_url=system.url, timeout=60, trust_env=False) as http:
        shown = {
            "bad sign-in": http.post("/api/session", json={"user_name": TYPED, "password": f"{NAME} {GIVEN}"}),
            "body that is no JSON": http.post("/api/session", content=f"{{{NAME}".encode()),
            "page that is not there": http.get(f"/api/cases/{PATIENT_ID}"),
            "health": http.get("/api/health"),
            "refused STOW": http.post("/api/dicomweb/studies", content=NAME.encode(), auth=(TYPED, NAME)),
        }
    answers = {name: answer.content for name, answer in shown.items()}
    address = f"http://127.0.0.1:{system.metrics_port}"
    answers |= {path: httpx.get(f"{address}/{path}", timeout=60).content for path in ("metrics", "health", "ready")}
    return answers


def _wait(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def found(content: bytes, markers: frozenset[str]) -> set[str]:
    """Markers in bytes, in any of the encodings in which a program might write them."""
    lowered = content.lower()
    spellings = {
        marker: (marker.lower().encode(), marker.lower().encode("utf-16-le"), marker.lower().encode().hex().encode())
        for marker in markers
    }
    return {marker for marker, spelled in spellings.items() if any(one in lowered for one in spelled)}


WHERE_IDENTITY_BELONGS = ("orthanc-clinical", "orthanc-demo-pacs", "secrets")


def test_no_file_outside_the_identified_zone_holds_a_marker(marked: Marked) -> None:
    searched, leaks = 0, {}
    for path in sorted(marked.system.home.rglob("*")):
        inside = path.relative_to(marked.system.home)
        if path.is_file() and inside.parts[0] not in WHERE_IDENTITY_BELONGS:
            searched += 1
            if markers := found(path.read_bytes(), marked.markers):
                leaks[str(inside)] = markers
    kinds = {path.relative_to(marked.system.home).parts[0] for path in marked.system.home.rglob("*")}
    assert {"logs", "redis", "gateway.db", "orthanc-research"} <= kinds
    assert searched > 50
    assert leaks == {}


def test_the_search_would_find_them(marked: Marked) -> None:
    clinical = [path.read_bytes() for path in (marked.system.home / "orthanc-clinical").rglob("*") if path.is_file()]
    assert {NAME, PATIENT_ID, ACCESSION} <= found(b"".join(clinical), marked.markers)


def test_no_page_and_no_metric_holds_a_marker(marked: Marked) -> None:
    assert {name: said for name, page in marked.pages.items() if (said := found(page, marked.markers))} == {}
    assert b'interval_cases{state="quarantined"} 1.0' in marked.pages["metrics"]
    assert b"interval_failures{" in marked.pages["metrics"]


def test_no_trace_and_no_alert_holds_a_marker(marked: Marked) -> None:
    _wait(lambda: any(b"ready for review" in body for body in marked.collected.bodies))
    _wait(lambda: any(b"quarantine" in body and b'"text"' in body for body in marked.collected.bodies))
    assert found(b"\n".join(marked.collected.bodies), marked.markers) == set()


def test_a_stolen_database_tells_nobody_s_name(marked: Marked, tmp_path: Path) -> None:
    """The dump that a thief makes of the file: neither an identifier nor the key that leads to one."""
    copy = tmp_path / "stolen.db"
    for suffix in ("", "-wal"):
        source = marked.system.home / f"gateway.db{suffix}"
        if source.exists():
            shutil.copyfile(source, f"{copy}{suffix}")
    with sqlite3.connect(copy) as database:
        dump = "\n".join(database.iterdump()).encode()
    assert b"vault_entries" in dump
    assert found(dump, marked.markers) == set()
    key = marked.system.secret("pseudonym-key")
    assert key.encode() not in dump
    assert key.encode().hex().encode() not in dump.lower()
