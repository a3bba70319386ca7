"""The audit after chaos finds what it looks for, on a real event log that is tampered with."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select, update

from gateway.db.engine import make_engine, session_factory, upgrade
from gateway.db.tables import Case, Event
from processing.domain.case import CaseEvent, CaseState
from tests.e2e.chaos.audit import replay_findings
from tests.e2e.chaos.rows import Rows, read_rows
from tests.unit.gateway.rows import add_case


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with one archived case."""
    address = f"sqlite:///{tmp_path / 'gateway.db'}"
    upgrade(address)
    engine = make_engine(address)
    with session_factory(engine).begin() as session:
        add_case(session, CaseState.ARCHIVED)
    engine.dispose()
    return address


def _found(rows: Rows) -> list[str]:
    return [finding for case in rows.cases.values() for finding in replay_findings(case, rows)]


def _tamper(url: str, *, drop: CaseEvent | None = None, state: CaseState | None = None) -> None:
    engine = make_engine(url)
    with session_factory(engine).begin() as session:
        if drop is not None:
            session.delete(session.scalars(select(Event).where(Event.event == drop.value)).one())
        if state is not None:
            session.execute(update(Case).values(state=state.value))
    engine.dispose()


def test_a_true_log_replays(url: str) -> None:
    assert _found(read_rows(url)) == []


def test_a_lost_event_is_found(url: str) -> None:
    _tamper(url, drop=CaseEvent.SIGNED)
    (finding,) = _found(read_rows(url))
    assert "'dispatch started' was logged from 'signed', but it was 'ready for review'" in finding


def test_a_state_that_no_event_led_to_is_found(url: str) -> None:
    _tamper(url, state=CaseState.READY_FOR_REVIEW)
    (finding,) = _found(read_rows(url))
    assert "is 'ready for review', but its events lead to 'archived'" in finding
