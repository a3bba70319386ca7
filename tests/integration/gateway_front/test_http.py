"""The whole gateway process with real archives, broker and PACS: health, uploads and STOW-RS."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.orm import Session, sessionmaker

from demo.installation import System
from gateway.access.accounts import create_account
from gateway.access.passwords import Passwords
from gateway.access.roles import Role
from gateway.api.schemas import Health, UploadResult
from gateway.db.tables import QuarantinedUpload
from gateway.flow import build_services
from gateway.intake.quarantine import QuarantineCipher, content_of, kept_uploads
from gateway.main import create_app
from gateway.settings import Settings, TargetKind
from tests.unit.gateway.api.conftest import TestClient
from tests.unit.gateway.front import PASSWORD, instance, part10

GARBAGE = b"patient Anna Muster, born 1984"


@dataclass
class Gateway:
    """A started gateway and the ways to look behind it."""

    http: TestClient
    csrf_token: str
    settings: Settings
    sessions: sessionmaker[Session]

    def upload(self, *contents: bytes) -> httpx.Response:
        files = [("files", (f"Muster^Anna {n}.dcm", content)) for n, content in enumerate(contents)]
        answer: httpx.Response = self.http.post("/api/uploads", files=files, headers={"X-CSRF-Token": self.csrf_token})
        return answer

    def stow(self, *contents: bytes) -> httpx.Response:
        head = b"--b\r\nContent-Type: application/dicom\r\n\r\n"
        body = b"".join(head + content + b"\r\n" for content in contents) + b"--b--\r\n"
        credentials = base64.b64encode(f"otto:{PASSWORD}".encode()).decode()
        headers = {
            "Authorization": f"Basic {credentials}",
            "Content-Type": 'multipart/related; type="application/dicom"; boundary=b',
        }
        answer: httpx.Response = self.http.post("/api/dicomweb/studies", content=body, headers=headers)
        return answer

    def in_clinical_archive(self, sop_instance_uid: str) -> bytes | None:
        auth = (self.settings.clinical_user, self.settings.clinical_password)
        root = self.settings.clinical_url
        found = httpx.post(f"{root}/tools/lookup", content=sop_instance_uid, auth=auth, trust_env=False).json()
        return httpx.get(f"{root}{found[0]['Path']}/file", auth=auth, trust_env=False).content if found else None

    def quarantine(self) -> dict[bytes, QuarantinedUpload]:
        cipher = QuarantineCipher(self.settings.pseudonym_key, self.settings.pseudonym_key_id)
        with self.sessions() as session:
            return {content_of(upload, cipher): upload for upload in kept_uploads(session)}


@pytest.fixture
def settings(archives: System, url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in archives.gateway_environment().items():
        if name.startswith("INTERVAL_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATABASE_URL", url)
    return Settings()


@pytest.fixture
def app(settings: Settings, sessions: sessionmaker[Session], passwords: Passwords) -> Iterator[FastAPI]:
    with sessions.begin() as session:
        create_account(session, "otto", "Otto Betrieb", Role.OPERATOR, PASSWORD, passwords=passwords)
    services = build_services(settings)
    yield create_app(settings, services=services, passwords=passwords)
    services.engine.dispose()


@pytest.fixture
def gateway(app: FastAPI, settings: Settings, sessions: sessionmaker[Session]) -> Iterator[Gateway]:
    with TestClient(app) as http:
        answer = http.post("/api/session", json={"user_name": "otto", "password": PASSWORD})
        yield Gateway(http, answer.json()["csrf_token"], settings, sessions)


def test_with_everything_there_but_a_worker_only_that_is_missing(gateway: Gateway) -> None:
    health = Health.model_validate(gateway.http.get("/api/health").json())
    missing = {part.name: part.detail for part in health.components if not part.ready}
    assert missing == {"workers": "No worker answers that takes fast track or routine orders; they wait."}
    assert not health.ready
    assert gateway.http.get("/api/ready").status_code == 200


def test_a_missing_pacs_leaves_the_gateway_ready_to_serve(
    settings: Settings, passwords: Passwords, archives: System
) -> None:
    away = settings.model_copy(update={"target_kind": TargetKind.C_STORE, "target_aet": "OTHER"})
    services = build_services(away)
    with TestClient(create_app(away, services=services, passwords=passwords)) as http:
        health = Health.model_validate(http.get("/api/health").json())
        assert [part.name for part in health.components if not part.ready] == ["workers", "target pacs"]
        assert not health.ready
        assert http.get("/api/ready").status_code == 200
    services.engine.dispose()


def test_wrong_credentials_of_an_archive_are_named(settings: Settings, passwords: Passwords) -> None:
    wrong = settings.model_copy(update={"clinical_user": "nobody"})
    services = build_services(wrong)
    with TestClient(create_app(wrong, services=services, passwords=passwords)) as http:
        health = Health.model_validate(http.get("/api/health").json())
        details = {part.name: part.detail for part in health.components}
        assert details["clinical archive"] == "The archive refuses the gateway's credentials."
        assert http.get("/api/ready").status_code == 503
    services.engine.dispose()


def test_of_a_mixed_upload_the_good_arrive_and_the_rest_is_kept(gateway: Gateway) -> None:
    good = [part10(instance(SOPInstanceUID=f"1.2.826.0.1.3680043.10.7.{n}")) for n in range(3)]
    nobody = part10(instance(PatientID=""))
    answer = gateway.upload(good[0], GARBAGE, good[1], nobody, good[2], b"")
    assert answer.status_code == 200
    result = UploadResult.model_validate(answer.json())
    assert result.accepted == 3
    reasons = [line.reason for line in result.quarantined]
    assert reasons == ["This is no DICOM file.", "The object has no patient ID.", "The file is empty."]
    for n, content in enumerate(good):
        assert gateway.in_clinical_archive(f"1.2.826.0.1.3680043.10.7.{n}") == content, "byte for byte"
    assert gateway.quarantine().keys() == {GARBAGE, nobody, b""}
    assert "Muster" not in answer.text, "file names are not repeated"
    listed = gateway.http.get("/api/quarantine").json()["uploads"]
    assert {line["reason"] for line in listed} == set(reasons)
    assert {line["source"] for line in listed} == {"upload by otto"}


def test_an_upload_that_is_sent_twice_changes_nothing(gateway: Gateway) -> None:
    content = part10(instance(SOPInstanceUID="1.2.826.0.1.3680043.10.8.1"))
    for _ in range(2):
        result = UploadResult.model_validate(gateway.upload(content, GARBAGE).json())
        assert (result.accepted, len(result.quarantined)) == (1, 1)
    assert len(gateway.quarantine()) == 1


def test_stow_answers_as_the_standard_says(gateway: Gateway) -> None:
    uid = "1.2.826.0.1.3680043.10.9.1"
    content = part10(instance(SOPInstanceUID=uid))
    taken = gateway.stow(content)
    assert taken.status_code == 200
    assert taken.headers["content-type"] == "application/dicom+json"
    (reference,) = taken.json()["00081199"]["Value"]
    assert reference["00081155"] == {"vr": "UI", "Value": [uid]}
    assert gateway.in_clinical_archive(uid) == content
    mixed = gateway.stow(content, GARBAGE)
    assert mixed.status_code == 202
    assert len(mixed.json()["00081199"]["Value"]) == 1
    assert len(mixed.json()["0008119A"]["Value"]) == 1
    refused = gateway.stow(GARBAGE)
    assert refused.status_code == 409
    assert "00081199" not in refused.json()
    assert gateway.quarantine()[GARBAGE].source == "STOW-RS by otto"


def test_what_came_before_an_upload_broke_off_is_kept(gateway: Gateway) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n' + GARBAGE + b"\r\n--b\r\nConte"
    headers = {"X-CSRF-Token": gateway.csrf_token, "Content-Type": "multipart/form-data; boundary=b"}
    answer = gateway.http.post("/api/uploads", content=body, headers=headers)
    assert answer.status_code == 400
    assert "ended before" in answer.json()["detail"]
    assert GARBAGE in gateway.quarantine()


def test_an_archive_that_is_away_takes_nothing_and_keeps_nothing(
    settings: Settings, passwords: Passwords, sessions: sessionmaker[Session], app: FastAPI
) -> None:
    away = settings.model_copy(update={"clinical_url": "http://127.0.0.1:9"})
    services = build_services(away)
    with TestClient(create_app(away, services=services, passwords=passwords)) as http:
        token = http.post("/api/session", json={"user_name": "otto", "password": PASSWORD}).json()["csrf_token"]
        gateway = Gateway(http, token, away, sessions)
        answer = gateway.upload(part10(instance()))
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert gateway.quarantine() == {}
    services.engine.dispose()
