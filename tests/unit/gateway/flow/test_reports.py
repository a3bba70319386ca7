"""What a report says about earlier measurements by other versions."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from gateway.flow.reports import notes_of
from processing.domain.case import CaseState
from processing.domain.versions import Basis, Ledger, VersionEntry
from tests.unit.gateway.rows import add_case
from validation.gate import write_ledger

DAY = datetime(2026, 1, 1, tzinfo=UTC).date()


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "compatibility.yaml"
    entries = (
        VersionEntry(version="1.0", basis=Basis.FIRST, decided=DAY),
        VersionEntry(version="1.1", basis=Basis.UNCHANGED, decided=DAY),
        VersionEntry(version="2.0", basis=Basis.TRUTH, decided=DAY, incompatible_with_earlier=True),
    )
    write_ledger(Ledger(pipelines={"ms_longitudinal": entries}), path)
    monkeypatch.setenv("INTERVAL_COMPATIBILITY_FILE", str(path))


def notes(sessions: sessionmaker[Session], earlier: str, later: str) -> tuple[str, ...]:
    with sessions.begin() as session:
        old = add_case(session, CaseState.ARCHIVED, study_uid="2.25.1", study_date="20230101")
        new = add_case(session, CaseState.READY_FOR_REVIEW, study_uid="2.25.2", study_date="20230411")
        for case, version in ((old, earlier), (new, later)):
            case.pipeline, case.version = "ms_longitudinal", version
        session.flush()
        return notes_of(session, new)


@pytest.mark.usefixtures("ledger")
def test_the_priors_to_measure_again_are_named_by_their_distance(sessions: sessionmaker[Session]) -> None:
    (said,) = notes(sessions, "1.0", "2.0")
    assert "the study 100 days before (version 1.0)" in said
    assert "again" in said
    assert "2023" not in said


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(("earlier", "later"), [("1.0", "1.1"), ("1.1", "1.1")])
def test_versions_that_compare_need_no_warning(sessions: sessionmaker[Session], earlier: str, later: str) -> None:
    assert notes(sessions, earlier, later) == ()
