"""What is wrong, who is told and when; a real mail server and a real webhook on loopback."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from gateway.db.tables import Backup, Case, Consignment, OpenAlert, QuarantinedUpload
from gateway.flow import Services, release
from gateway.notify import conditions
from gateway.notify.conditions import CONDITIONS, Condition, Wrong
from gateway.notify.messages import Alert, Status, Templates
from gateway.notify.send import Channel, channels_of
from gateway.notify.watch import watch
from gateway.settings import Settings
from processing.domain.case import CaseState
from processing.domain.errors import Transient
from processing.pipelines.registry import SPECS
from tests.certificates import Authority
from tests.unit.gateway.admin.test_checks import certificate
from tests.unit.gateway.rows import NOW, add_case

Hook = tuple[list[tuple[str, bytes]], str]
"""What was posted, with its authorization, and the address."""

ALERT = Alert("disk", 'Only 12 MB are free on the "data" disk.', NOW, Status.WRONG)


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Told:
    """A channel that remembers what it was told; it may be out of order."""

    alerts: list[Alert] = field(default_factory=list)
    broken: bool = False

    def send(self, alert: Alert) -> None:
        if self.broken:
            raise Transient("nobody there")
        self.alerts.append(alert)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def live(services: Services, clock: Clock) -> Services:
    settings = told(services.settings, least_free_mb=0, emergency_free_mb=0, alert_after_s=120)
    return replace(services, clock=clock, settings=settings)


def told(settings: Settings, **changes: object) -> Settings:
    return Settings.model_validate(settings.model_dump() | changes)


def found(live: Services, condition: Condition) -> list[Wrong]:
    with live.sessions() as session:
        return list(condition(live, session))


def test_a_version_that_lets_studies_pass_unmeasured(
    live: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERVAL_COMPATIBILITY_FILE", str(tmp_path / "there is none"))
    spec = SPECS[0]
    reason = release.why_closed(live, spec)
    assert reason
    with live.sessions.begin() as session:
        add_case(session, CaseState.NOT_ROUTED, study_uid="2.25.9").reason = "No route fits this study."
    assert found(live, conditions.version_is_not_released) == []
    with live.sessions.begin() as session:
        for study_uid in ("2.25.1", "2.25.2"):
            add_case(session, CaseState.NOT_ROUTED, study_uid=study_uid).reason = reason
    (wrong,) = found(live, conditions.version_is_not_released)
    assert wrong.name == f"version {spec.name} {spec.version}"
    assert wrong.words == f"2 cases are measured by nothing: {reason}"
    release.permit_version(live, spec.name, spec.version, actor="otto", role="operator", reason="a reader study")
    assert found(live, conditions.version_is_not_released) == []


def test_a_disk_that_is_nearly_full(live: Services) -> None:
    assert found(live, conditions.disk_nearly_full) == []
    full = replace(live, settings=told(live.settings, emergency_free_mb=2**40))
    (wrong,) = found(full, conditions.disk_nearly_full)
    assert "free on a disk" in wrong.words


def test_archives_and_broker_that_are_away(live: Services) -> None:
    names = [wrong.name for wrong in found(live, conditions.archive_away) + found(live, conditions.broker_away)]
    assert names == ["clinical archive", "research archive", "broker"]


def test_work_that_stands_still(live: Services, clock: Clock) -> None:
    with live.sessions.begin() as session:
        add_case(session, CaseState.QUEUED)
        add_case(session, CaseState.READY_FOR_REVIEW, study_uid="2.25.2")
    assert found(live, conditions.work_stands_still) == []
    clock.now += timedelta(minutes=31)
    (wrong,) = found(live, conditions.work_stands_still)
    assert wrong.words == "1 cases have waited for a worker for over 30 minutes."


def test_a_target_that_takes_nothing(live: Services) -> None:
    with live.sessions.begin() as session:
        case = add_case(session, CaseState.DISPATCHING)
        row = {"case_id": case.case_id, "asked": 0, "reason": ""}
        session.add(Consignment(target="pacs", state="waiting", attempts=3, **row))
        session.add(Consignment(target="archive", state="refused", attempts=1, **row))
        session.add(Consignment(target="fresh", state="waiting", attempts=2, **row))
    words = sorted(wrong.words for wrong in found(live, conditions.target_away))
    assert words == [
        "The target archive refuses signed results of 1 cases.",
        "The target pacs does not take signed results of 1 cases.",
    ]


def test_a_quarantine_that_is_not_empty(live: Services) -> None:
    assert found(live, conditions.quarantine_is_not_empty) == []
    with live.sessions.begin() as session:
        add_case(session, CaseState.QUARANTINED)
        kept = {"source": "upload", "sha256": "0" * 64, "size_bytes": 1, "reason": "odd", "key_id": "key-1"}
        session.add(QuarantinedUpload(at=NOW, ciphertext=b"x", **kept))
    assert [wrong.name for wrong in found(live, conditions.quarantine_is_not_empty)] == [
        "quarantined cases",
        "quarantined files",
    ]


def test_a_certificate_that_ends(live: Services, tmp_path: Path) -> None:
    good, soon = (certificate(tmp_path / f"{days}.pem", NOW + timedelta(days=days)) for days in (90, 10))
    files = f"{good},{soon},{tmp_path / 'none.pem'}"
    watched = replace(live, settings=told(live.settings, watched_certificates=files))
    assert [wrong.name for wrong in found(watched, conditions.certificate_ends)] == [
        "certificate 10.pem",
        "certificate none.pem",
    ]


def test_a_backup_that_is_old(live: Services, clock: Clock) -> None:
    assert found(live, conditions.backup_is_old) == []
    with live.sessions.begin() as session:
        session.add(Backup(made_at=NOW, folder="x", sums_sha256="0" * 64, instances=0, size_bytes=0))
    assert found(live, conditions.backup_is_old) == []
    clock.now += timedelta(days=9)
    assert len(found(live, conditions.backup_is_old)) == 1


@pytest.fixture
def only_quarantine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert conditions.quarantine_is_not_empty in CONDITIONS
    monkeypatch.setattr(conditions, "CONDITIONS", (conditions.quarantine_is_not_empty,))


def test_somebody_is_told_once_then_daily_then_that_it_is_over(
    live: Services, clock: Clock, only_quarantine: None
) -> None:
    channel = Told()
    with live.sessions.begin() as session:
        case_id = add_case(session, CaseState.QUARANTINED).case_id
    assert watch(live, [channel]) == 0, "it may be over in a moment"
    for minutes in (3, 1, 24 * 60):
        clock.now += timedelta(minutes=minutes)
        watch(live, [channel])
    with live.sessions.begin() as session:
        session.get_one(Case, case_id).state = CaseState.DISCARDED.value
    watch(live, [channel])
    watch(live, [channel])
    assert [alert.status for alert in channel.alerts] == [Status.WRONG, Status.STILL_WRONG, Status.OVER]
    with live.sessions() as session:
        assert session.query(OpenAlert).count() == 0


def test_what_was_over_at_once_is_told_to_nobody(live: Services, clock: Clock, only_quarantine: None) -> None:
    channel = Told()
    with live.sessions.begin() as session:
        case_id = add_case(session, CaseState.QUARANTINED).case_id
    watch(live, [channel])
    with live.sessions.begin() as session:
        session.get_one(Case, case_id).state = CaseState.DISCARDED.value
    clock.now += timedelta(minutes=10)
    watch(live, [channel])
    assert channel.alerts == []


def test_an_alert_that_did_not_go_out_is_tried_again(live: Services, clock: Clock, only_quarantine: None) -> None:
    channel = Told(broken=True)
    with live.sessions.begin() as session:
        add_case(session, CaseState.QUARANTINED)
    watch(live, [channel])
    clock.now += timedelta(minutes=3)
    assert watch(live, [channel]) == 0
    channel.broken = False
    assert watch(live, [channel]) == 1


class Mailbox:
    """aiosmtpd's handler: keeps what comes."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name
        self.mails.append(envelope)
        return "250 Taken"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


@pytest.fixture
def hook() -> Iterator[Hook]:
    """An HTTP server that keeps what is posted; /refuse answers 500."""
    posted: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted.append((self.headers.get("Authorization", ""), body))
            self.send_response(500 if self.path == "/refuse" else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield posted, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def _only(channels: Sequence[Channel]) -> Channel:
    (channel,) = channels
    return channel


def test_a_mail_arrives(settings: Settings, mailbox: tuple[Mailbox, int]) -> None:
    box, port = mailbox
    by_mail = told(settings, alert_mail_to="pacs@example.org,it@example.org", alert_smtp_port=port)
    _only(channels_of(by_mail)).send(ALERT)
    (mail,) = box.mails
    assert mail.rcpt_tos == ["pacs@example.org", "it@example.org"]
    content = mail.content if isinstance(mail.content, bytes) else b""
    assert b"Subject: Interval: disk (wrong)" in content
    assert b'Only 12 MB are free on the "data" disk.' in content
    assert b"2024-05-01 12:00 UTC" in content


@pytest.fixture
def mailbox_with_tls(tmp_path: Path) -> Iterator[tuple[Mailbox, int, Path]]:
    """A mail server that takes mail over STARTTLS alone, and the certificate of the authority behind its own."""
    authority = Authority(tmp_path, "mail-authority")
    identity = authority.identity("mail")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(identity.certificate, identity.key)
    box = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port, tls_context=tls, require_starttls=True)
    controller.start()
    yield box, port, authority.certificate
    controller.stop()


def test_a_mail_goes_over_tls_to_a_server_that_is_believed(
    settings: Settings, mailbox_with_tls: tuple[Mailbox, int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    box, port, authority = mailbox_with_tls
    by_mail = told(settings, alert_mail_to="pacs@example.org", alert_smtp_port=port)
    over_tls = told(by_mail, alert_smtp_tls=True)
    with pytest.raises(Transient):
        _only(channels_of(by_mail)).send(ALERT)
    with pytest.raises(Transient):
        _only(channels_of(over_tls)).send(ALERT)
    assert box.mails == [], "neither in clear nor to a stranger"
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    _only(channels_of(over_tls)).send(ALERT)
    assert len(box.mails) == 1


def test_a_server_without_tls_gets_nothing_where_it_is_asked_for(
    settings: Settings, mailbox: tuple[Mailbox, int]
) -> None:
    box, port = mailbox
    over_tls = told(settings, alert_mail_to="pacs@example.org", alert_smtp_port=port, alert_smtp_tls=True)
    with pytest.raises(Transient):
        _only(channels_of(over_tls)).send(ALERT)
    assert box.mails == []


def test_a_webhook_is_posted_with_its_token(
    settings: Settings, hook: tuple[list[tuple[str, bytes]], str], tmp_path: Path
) -> None:
    posted, url = hook
    token = tmp_path / "token"
    token.write_text("a-token-for-the-hook", encoding="utf-8")
    _only(channels_of(told(settings, alert_webhook=f"{url}/hook", alert_webhook_token_file=token))).send(ALERT)
    ((authorization, body),) = posted
    assert authorization == "Bearer a-token-for-the-hook"
    assert json.loads(body)["text"] == 'Interval, wrong: Only 12 MB are free on the "data" disk.'


@pytest.mark.parametrize(
    "away",
    [{"alert_webhook": "http://127.0.0.1:9/"}, {"alert_mail_to": "it@example.org", "alert_smtp_port": 9}],
    ids=["webhook", "mail"],
)
def test_nobody_there_is_said(settings: Settings, away: dict[str, object]) -> None:
    with pytest.raises(Transient):
        _only(channels_of(told(settings, **away))).send(ALERT)


def test_a_webhook_that_refuses_is_a_failure(settings: Settings, hook: Hook) -> None:
    with pytest.raises(Transient):
        _only(channels_of(told(settings, alert_webhook=f"{hook[1]}/refuse"))).send(ALERT)


def test_a_site_s_own_template_is_used_and_a_wrong_one_refused(tmp_path: Path) -> None:
    (tmp_path / "subject.txt").write_text("Achtung: $name\n", encoding="utf-8")
    assert Templates(tmp_path).subject(ALERT) == "Achtung: disk"
    (tmp_path / "webhook.json").write_text("{$words", encoding="utf-8")
    with pytest.raises(ValueError, match="template"):
        Templates(tmp_path)
    (tmp_path / "webhook.json").write_text('{"x": "$patient"}', encoding="utf-8")
    with pytest.raises(ValueError, match="template"):
        Templates(tmp_path)


def test_without_a_way_nobody_is_told(settings: Settings) -> None:
    assert channels_of(settings) == []
    assert datetime.now(UTC) > NOW
