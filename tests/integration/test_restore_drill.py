"""The restore drill: a signed case, restored into an empty system, is the same case, and nothing is delivered twice.

Real processes; only the measuring is left out: the test stores what a worker would have.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from demo.installation import Ports, System
from demo.processes import RunningSystem
from demo.reader import Reader
from demo.story import DEMO_READER, add_demo_reader
from gateway import flow
from gateway.api.schemas import CaseDetail
from gateway.flow import Services
from gateway.jobs import store
from processing.domain.case import CaseState
from processing.domain.messages import JobOrder
from tests.e2e.hospital import Hospital
from tests.integration.conftest import ARCHIVES_AND_BROKER
from tests.integration.gateway.conftest import Gateway, MovableClock, close, settings_for
from tests.integration.gateway.results import carry_out
from tests.integration.gateway.sending import send
from tests.unit.gateway.brain_studies import Person, study

GATEWAY = ("gateway-api", "gateway-tasks")
EMPTY_SYSTEM = ("redis", "orthanc-clinical", "orthanc-research")
PASSPHRASE = "a long walk along the lake"
WAIT_S = 180.0
ORDERED = (CaseState.QUEUED.value, CaseState.RUNNING.value)


def run_admin(system: System, *words: str) -> subprocess.CompletedProcess[str]:
    """Run an administrator's command as on that system."""
    command = (sys.executable, "-m", "gateway.admin", *words)
    environment = system.gateway_environment()
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


def admin(system: System, *words: str) -> str:
    """Run a command that must succeed; return what it printed."""
    done = run_admin(system, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass(frozen=True)
class Signed:
    """A case that was signed and delivered, and its system's backup."""

    patient_id: str
    study_uid: str
    case_id: str
    backup: Path


@dataclass(frozen=True)
class Restored:
    """The new system, and the PACS's last change before its gateway began to run."""

    hospital: Hospital
    last_pacs_change: int


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """Everything but a worker."""
    system = System(tmp_path_factory.mktemp("drill"), Ports.free(), quiet_time_s=1.0)
    with RunningSystem(system, only=(*ARCHIVES_AND_BROKER, *GATEWAY)):
        add_demo_reader(system)
        yield Hospital(system)


def play_worker(services: Services, case_id: str) -> None:
    """Wait for a case's order, and do what a worker does but measure."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        with services.sessions() as session:
            case = store.get_case(session, case_id)
            job = store.latest_job(case) if case is not None and case.state in ORDERED else None
            order = JobOrder.model_validate(job.order) if job is not None else None
        if order is not None:
            assert flow.record_outcome(services, carry_out(order, services.research))
            return
        time.sleep(0.3)
    raise AssertionError("no order was sent")


@pytest.fixture(scope="module")
def signed(hospital: Hospital, tmp_path_factory: pytest.TempPathFactory) -> Signed:
    person = Person(name="Möller^Ida")
    _, prior = study(person, "20220301", "FLAIR")
    study_uid, images = study(person, "20230405", "FLAIR")
    send(hospital.system, prior + images)
    queued = hospital.wait(person.patient_id, CaseState.QUEUED, study_date="20230405")
    url = hospital.system.gateway_environment()["DATABASE_URL"]
    services = flow.build_services(settings_for(hospital.system, url))
    play_worker(services, queued.summary.case_id)
    close(Gateway(services, MovableClock()))
    ready = hospital.wait(person.patient_id, CaseState.READY_FOR_REVIEW, study_date="20230405")
    hospital.sign_all(ready)
    hospital.wait(person.patient_id, CaseState.ARCHIVED, study_date="20230405")
    root = tmp_path_factory.mktemp("backups")
    passphrase = tmp_path_factory.mktemp("passphrase") / "passphrase"
    passphrase.write_text(PASSPHRASE, encoding="utf-8")
    said = admin(hospital.system, "backup", str(root), "--secrets-passphrase-file", str(passphrase))
    assert f"{len(prior + images)} files of the clinical archive" in said
    (folder,) = root.glob("interval-*")
    return Signed(person.patient_id, study_uid, ready.summary.case_id, folder)


@pytest.fixture(scope="module")
def restored(hospital: Hospital, signed: Signed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restored]:
    """An empty home beside the same PACS; its only secret from before is the key, out of the backup."""
    there = hospital.system.ports
    ports = replace(Ports.free(), pacs_http=there.pacs_http, pacs_dicom=there.pacs_dicom)
    system = System(tmp_path_factory.mktemp("restored"), ports, quiet_time_s=1.0)
    into = system.home / "secrets-of-before"
    passphrase = tmp_path_factory.mktemp("passphrase") / "passphrase"
    passphrase.write_text(PASSPHRASE, encoding="utf-8")
    options = ("--secrets-into", str(into), "--secrets-passphrase-file", str(passphrase))
    assert "secrets are in" in admin(system, "restore", str(signed.backup), *options)
    system.secret_file("pseudonym-key").write_text(
        (into / "pseudonym-key").read_text(encoding="utf-8"), encoding="utf-8"
    )
    for name in (DEMO_READER, "pacs-demo"):
        system.secret_file(name).write_text(hospital.system.secret(name), encoding="utf-8")
    with RunningSystem(system, only=EMPTY_SYSTEM):
        said = admin(system, "restore", str(signed.backup))
        assert "Every file of the backup is as it was written." in said
        before = last_pacs_change(hospital.system)
        with RunningSystem(system, only=GATEWAY):
            yield Restored(Hospital(system), before)


def pacs_changes(system: System, since: int) -> list[str]:
    """What the PACS was given or lost behind its change `since`; that a study became stable it notes by itself."""
    account = ("demo", system.secret("pacs-demo"))
    url = f"{system.pacs_url}/changes?since={since}&limit=1000"
    page = httpx.get(url, auth=account, timeout=30).json()
    assert page["Done"]
    return [change["ChangeType"] for change in page["Changes"] if not change["ChangeType"].startswith("Stable")]


def last_pacs_change(system: System) -> int:
    account = ("demo", system.secret("pacs-demo"))
    return int(httpx.get(f"{system.pacs_url}/changes?last", auth=account, timeout=30).json()["Last"])


def everything(hospital: Hospital) -> dict[str, CaseDetail]:
    with hospital.reader() as reader:
        return {case.case_id: reader.case(case.case_id) for case in reader.worklist(superseded=True)}


def test_the_same_cases_stand_on_the_worklist_with_every_decision(
    hospital: Hospital, signed: Signed, restored: Restored
) -> None:
    restored.hospital.settle()
    before, after = everything(hospital), everything(restored.hospital)
    assert len(before) == 2
    assert after == before
    review = after[signed.case_id].review
    assert review is not None
    assert review.signed_at is not None


def test_the_same_pixels_are_shown(hospital: Hospital, signed: Signed, restored: Restored) -> None:
    def shown(where: Hospital) -> bytes:
        with Reader(where.system.url, DEMO_READER, where.system.secret(DEMO_READER)) as reader:
            return reader.pixels(signed.case_id, "current")

    assert shown(restored.hospital) == shown(hospital)


def test_nothing_is_delivered_twice(hospital: Hospital, signed: Signed, restored: Restored) -> None:
    restored.hospital.settle()
    objects = restored.hospital.in_pacs(signed.study_uid)
    assert objects
    assert not pacs_changes(hospital.system, since=restored.last_pacs_change)


def test_a_second_backup_shares_the_files_of_the_first(hospital: Hospital, signed: Signed) -> None:
    admin(hospital.system, "backup", str(signed.backup.parent))
    (second,) = set(signed.backup.parent.glob("interval-*")) - {signed.backup}
    files = list((second / "clinical").rglob("*.dcm"))
    assert files
    for file in files:
        assert file.samefile(signed.backup / file.relative_to(second))
    admin(hospital.system, "verify", str(second))


def test_a_restore_into_a_system_in_use_is_refused(signed: Signed, restored: Restored) -> None:
    done = run_admin(restored.hospital.system, "restore", str(signed.backup))
    assert done.returncode == 1
    assert "The database is not empty" in done.stderr


def test_the_doctor_finds_nothing_bad_but_the_missing_workers(hospital: Hospital) -> None:
    done = run_admin(hospital.system, "doctor")
    assert done.returncode == 1
    bad = [line for line in done.stdout.splitlines() if line.startswith("BAD")]
    assert len(bad) == 1, done.stdout
    assert "a worker for routine orders" in bad[0]
    assert "ok    from the PACS" in done.stdout
    assert "ok    to the PACS" in done.stdout
    assert "ok    clocks" in done.stdout
