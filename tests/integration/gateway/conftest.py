"""A gateway on real archives, with a clock that the test moves and a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from demo.installation import System
from gateway import flow
from gateway.db.engine import upgrade
from gateway.db.tables import Case
from gateway.flow import Services
from gateway.jobs import store
from gateway.receive.changes import read_cursor, write_cursor
from gateway.settings import Settings
from processing.domain.case import CaseState
from processing.domain.messages import JobOrder
from tests.integration.gateway.sending import empty_clinical_archive


class MovableClock:
    """The gateway's time: stands still until the test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Gateway:
    """The flow's services and what tests ask of them."""

    def __init__(self, services: Services, clock: MovableClock) -> None:
        self.services = services
        self.clock = clock

    def cases(self, study_uid: str) -> list[Case]:
        """Return all revisions of a study by its original UID, with series, events and jobs."""
        pseudonymous = self.services.pseudonymiser.uid(study_uid)
        with self.services.sessions() as session:
            listed = [case for case in store.worklist(session, superseded=True) if case.study_uid == pseudonymous]
            full = [store.get_case(session, case.case_id) for case in listed]
        return sorted((case for case in full if case is not None), key=lambda case: case.revision)

    def case(self, study_uid: str) -> Case:
        """Return the newest revision of a study by its original UID."""
        return self.cases(study_uid)[-1]

    def state(self, study_uid: str) -> CaseState:
        return CaseState(self.case(study_uid).state)

    def order(self, study_uid: str) -> JobOrder:
        """Return the latest order of a study's newest revision."""
        job = store.latest_job(self.case(study_uid))
        assert job is not None
        return JobOrder.model_validate(job.order)

    def receive(self) -> None:
        """Take in what arrived, and let the quiet time pass."""
        flow.follow_changes(self.services)
        self.clock.forward(self.services.settings.quiet_time_s + 1)
        # As the clock does: a step takes a hundred studies at most, and other tests' lie in the archive too.
        while flow.settle(self.services):
            pass

    def prepare_all(self) -> None:
        """Prepare what is complete and look again at what waits, until nothing is due."""
        while True:
            flow.sweep_up(self.services)
            with self.services.sessions() as session:
                due = store.due_cases(session, [CaseState.COMPLETE], now=self.clock.now)
            if not due:
                return
            for case_id in due:
                flow.prepare(self.services, case_id)

    def cursor(self) -> int | None:
        """How far the archive's list of changes was read."""
        with self.services.sessions() as session:
            return read_cursor(session)

    def read_up_to(self) -> int:
        """The last change that was read. More follow by themselves: soon the archive calls a series stable."""
        cursor = self.cursor()
        assert cursor is not None
        return cursor

    def receive_and_prepare(self) -> None:
        self.receive()
        self.prepare_all()


def settings_for(system: System, database_url: str) -> Settings:
    """Return the settings that the system tells its gateway, for another database."""
    told = system.gateway_environment().items()
    fields = {key.removeprefix("INTERVAL_").lower(): value for key, value in told if key.startswith("INTERVAL_")}
    # Nobody listens for reports of storage commitment unless a test does.
    own = {"database_url": database_url, "quiet_time_s": 20.0, "commitment_port": 0}
    return Settings.model_validate(fields | own)


def make_gateway(system: System, database_url: str) -> Gateway:
    """Build a gateway that begins with what the clinical archive holds from now on."""
    upgrade(database_url)
    clock = MovableClock()
    return Gateway(replace(flow.build_services(settings_for(system, database_url)), clock=clock), clock)


def close(gateway: Gateway) -> None:
    gateway.services.clinical.close()
    gateway.services.copies.close()
    gateway.services.research.close()  # type: ignore[attr-defined]  # the archive behind DICOMweb has it
    gateway.services.engine.dispose()


@pytest.fixture
def gateway(archives: System, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway with an SQLite database, which knows nothing yet but where the archive's changes end."""
    built = make_gateway(archives, f"sqlite:///{tmp_path / 'gateway.db'}")
    skip_earlier_studies(built, archives)
    yield built
    close(built)


def skip_earlier_studies(gateway: Gateway, archives: System) -> None:
    """Let the gateway begin behind the studies of other tests.

    They are removed, too: the archive notes a minute later, in the midst of this test, that they became stable.
    """
    empty_clinical_archive(archives)
    with gateway.services.sessions.begin() as session:
        write_cursor(session, gateway.services.clinical.last_change())
