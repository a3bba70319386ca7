from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from gateway.audit.__main__ import main
from gateway.audit.messages import _KINDS, audit_messages
from gateway.audit.trail import (
    AuditAction,
    AuditOutcome,
    Subject,
    TrailQuery,
    all_entries,
    append,
    entries,
    verify,
)
from tests.unit.gateway.front_database import empty_database, sessions, url

__all__ = ["empty_database", "sessions", "url"]

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CASE = Subject("case-1", ("IV-B", "IV-A"))


@pytest.fixture
def trail(sessions: sessionmaker[Session]) -> sessionmaker[Session]:
    """Three entries: a sign-in, a patient shown, a signature refused."""
    with sessions.begin() as session:
        append(session, AuditAction.SIGNED_IN, actor="anna", role="reader", at=NOON)
        append(session, AuditAction.IDENTITY_SHOWN, actor="anna", role="reader", subject=CASE, at=NOON + timedelta(1))
    with sessions.begin() as session:
        refused = AuditOutcome.REFUSED
        append(session, AuditAction.SIGNED, actor="bert", subject=CASE, outcome=refused, at=NOON + timedelta(2))
    return sessions


def test_a_trail_that_nobody_touched_is_whole(trail: sessionmaker[Session]) -> None:
    with trail() as session:
        found = verify(session)
        assert (found.entries, found.problem) == (3, "")
        assert verify(session, known=(3, found.head)).problem == ""


@pytest.mark.parametrize("statement", ["UPDATE audit_trail SET actor = 'eve'", "DELETE FROM audit_trail"])
def test_the_database_refuses_changes(trail: sessionmaker[Session], statement: str) -> None:
    with trail() as session, pytest.raises(IntegrityError, match="only added"):
        session.execute(text(statement))


@pytest.mark.parametrize(
    ("tampering", "problem"),
    [
        ("UPDATE audit_trail SET actor = 'eve' WHERE sequence = 2", "Entry 2 is not what was written."),
        ("UPDATE audit_trail SET pseudonyms = '[]' WHERE sequence = 2", "Entry 2 is not what was written."),
        ("UPDATE audit_trail SET at = '2020-01-01 00:00:00.000000' WHERE sequence = 1", "Entry 1 is not what was"),
        ("DELETE FROM audit_trail WHERE sequence = 2", "Entry 2 is missing."),
    ],
)
def test_whoever_gets_around_the_database_is_seen(
    trail: sessionmaker[Session], url: str, tampering: str, problem: str
) -> None:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as file:
        for event in ("UPDATE", "DELETE"):
            file.execute(f"DROP TRIGGER audit_trail_no_{event}")
        file.execute(tampering)
    with trail() as session:
        assert verify(session).problem.startswith(problem)


def test_a_trail_that_was_cut_is_seen_by_what_was_kept_elsewhere(trail: sessionmaker[Session], url: str) -> None:
    with trail() as session:
        kept = verify(session)
    with sqlite3.connect(url.removeprefix("sqlite:///")) as file:
        file.execute("DROP TRIGGER audit_trail_no_DELETE")
        file.execute("DELETE FROM audit_trail WHERE sequence = 3")
    with trail() as session:
        assert verify(session).problem == ""
        assert "does not hold entry 3" in verify(session, known=(kept.entries, kept.head)).problem


def test_an_entry_is_kept_with_what_it_tells_of_or_not_at_all(trail: sessionmaker[Session]) -> None:
    with trail() as session:
        append(session, AuditAction.SIGNED_OUT, actor="anna")
        session.rollback()
    with trail() as session:
        assert verify(session).entries == 3


def test_entries_are_found_newest_first(trail: sessionmaker[Session]) -> None:
    def numbers(query: TrailQuery, before: int | None = None) -> list[int]:
        with trail() as session:
            return [entry.sequence for entry in entries(session, query, limit=2, before=before)]

    assert numbers(TrailQuery()) == [3, 2]
    assert numbers(TrailQuery(), before=2) == [1]
    assert numbers(TrailQuery(actor="anna")) == [2, 1]
    assert numbers(TrailQuery(action="signed")) == [3]
    assert numbers(TrailQuery(case_id="case-1")) == [3, 2]
    assert numbers(TrailQuery(pseudonym="IV-B")) == [3, 2]
    assert numbers(TrailQuery(pseudonym="IV-C")) == []
    assert numbers(TrailQuery(since=NOON + timedelta(1), until=NOON + timedelta(2))) == [2]


def test_every_action_has_a_dicom_event() -> None:
    assert set(_KINDS) == set(AuditAction)


def test_the_export_is_one_audit_message_for_each_entry(trail: sessionmaker[Session]) -> None:
    with trail() as session:
        document = ElementTree.fromstring(b"".join(audit_messages(all_entries(session))))  # noqa: S314 - our own
    first, shown, refused = document.findall("AuditMessage")
    event = first.find("EventIdentification")
    assert event is not None
    assert event.attrib["EventOutcomeIndicator"] == "0"
    assert event.find("EventID[@csd-code='110114']") is not None
    assert event.find("EventTypeCode[@csd-code='110122']") is not None
    assert shown.find("EventIdentification/EventID[@csd-code='110110']") is not None
    assert [p.attrib["ParticipantObjectID"] for p in shown.findall("ParticipantObjectIdentification")] == [
        "IV-A",
        "IV-B",
        "case-1",
    ]
    assert shown.find("ActiveParticipant[@UserID='anna'][@UserIsRequestor='true']") is not None
    assert refused.find("EventIdentification[@EventOutcomeIndicator='4']") is not None
    # The order of PS3.15 A.5.1's schema.
    assert [part.tag for part in first] == [
        "EventIdentification",
        "ActiveParticipant",
        "ActiveParticipant",
        "AuditSourceIdentification",
        "ParticipantObjectIdentification",
    ]


def test_the_command_checks_and_exports(
    trail: sessionmaker[Session], url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--database-url", url, "verify"]) == 0
    said = capsys.readouterr().out
    assert "3 entries" in said
    kept = said.rsplit(": ", 1)[1].strip()
    assert main(["--database-url", url, "verify", "--known", kept]) == 0
    assert main(["--database-url", url, "verify", "--known", f"3:{'0' * 64}"]) == 1
    file = tmp_path / "trail.xml"
    assert main(["--database-url", url, "export", str(file)]) == 0
    assert file.read_bytes().count(b"<AuditMessage>") == 3
