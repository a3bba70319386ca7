"""What the gateway does while a server that it needs is away, and after it came back. The servers really stop."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from demo.installation import Ports, System
from demo.processes import RunningSystem
from gateway import flow
from gateway.flow import Services
from gateway.receive.changes import read_cursor
from gateway.storage import why_no_room
from gateway.tasks import prepare
from processing.domain.case import CaseState
from tests.e2e.chaos.installation import postgres_is_installed, postgres_service
from tests.integration.gateway.conftest import Gateway, close, make_gateway
from tests.integration.gateway.sending import send
from tests.unit.gateway.brain_studies import Person, study
from tests.unit.gateway.rows import add_case

DEADLINE_S = 120
GATEWAY = ("gateway-api", "gateway-tasks")


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningSystem, Gateway]]:
    """A whole system without workers, which the tests may break."""
    system = System(tmp_path_factory.mktemp("outages"), Ports.free(), quiet_time_s=1.0)
    servers = ("redis", "orthanc-clinical", "orthanc-research", "orthanc-demo-pacs")
    with RunningSystem(system, only=(*servers, *GATEWAY)) as running:
        gateway = make_gateway(system, f"sqlite:///{system.home / 'gateway.db'}")
        yield running, gateway
        close(gateway)


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.3)


def parts(system: System) -> dict[str, bool]:
    answer = httpx.get(f"{system.url}/api/health", timeout=30, trust_env=False)
    return {part["name"]: part["ready"] for part in answer.json()["components"]}


@pytest.mark.parametrize(
    ("server", "part"),
    [("redis", "broker"), ("orthanc-clinical", "clinical archive"), ("orthanc-research", "research archive")],
)
def test_while_a_server_is_away_nothing_is_lost_and_work_goes_on_by_itself_afterwards(
    hospital: tuple[RunningSystem, Gateway], server: str, part: str
) -> None:
    running, gateway = hospital
    system = running.system
    until(lambda: parts(system)[part], f"{part} ready")
    person = Person()
    _, prior = study(person, "20220301", "FLAIR")
    study_uid, current = study(person, "20230405", "FLAIR")
    if server != "orthanc-clinical":
        running.stop_service(server)
    send(system, prior + current)
    if server == "orthanc-clinical":
        running.stop_service(server)
    until(lambda: not parts(system)[part], f"health says that the {part} is away")
    assert httpx.get(f"{system.url}/api/session", timeout=30, trust_env=False).status_code == 401, "it still serves"
    running.start_service(server)
    until(lambda: parts(system)[part], f"{part} back")
    until(lambda: bool(gateway.cases(study_uid)), "the case")
    until(lambda: gateway.state(study_uid) is CaseState.QUEUED, "the order at the workers")


def follows_changes(gateway: Gateway) -> bool:
    with gateway.services.sessions() as session:
        return read_cursor(session) is not None


@pytest.fixture
def with_postgres() -> Iterator[tuple[RunningSystem, Gateway]]:
    """The same on PostgreSQL, which can be stopped and started like every other server."""
    if not postgres_is_installed():
        pytest.skip("PostgreSQL is not installed")
    with tempfile.TemporaryDirectory(prefix="interval-outage-") as folder:
        home = Path(folder)
        home.chmod(0o755)  # its server runs as another user
        server, url = postgres_service(home / "postgres")
        system = System(home / "system", Ports.free(), quiet_time_s=1.0, database_url=url)
        others = ("redis", "orthanc-clinical", "orthanc-research", *GATEWAY)
        with RunningSystem(system, only=others, before=(server,)) as running:
            gateway = make_gateway(system, url)
            yield running, gateway
            close(gateway)


def test_while_the_database_is_away_the_gateway_says_so_and_goes_on_by_itself_afterwards(
    with_postgres: tuple[RunningSystem, Gateway],
) -> None:
    running, gateway = with_postgres
    system = running.system
    until(lambda: parts(system)["database"], "database ready")
    until(lambda: follows_changes(gateway), "both processes at work")
    pids = {name: running.pid(name) for name in GATEWAY}
    person = Person()
    _, prior = study(person, "20220301", "FLAIR")
    study_uid, current = study(person, "20230405", "FLAIR")
    running.stop_service("postgres", signal.SIGINT)  # a fast shutdown: connections are cut
    until(lambda: not parts(system)["database"], "health says that the database is away")
    send(system, prior + current)
    account = {"user_name": "anna", "password": "a password that nobody has"}
    refused = httpx.post(f"{system.url}/api/session", json=account, timeout=30, trust_env=False)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert "database can't be reached" in refused.json()["detail"]
    running.start_service("postgres")
    until(lambda: parts(system)["database"], "database back")
    until(lambda: bool(gateway.cases(study_uid)), "the case")
    until(lambda: gateway.state(study_uid) is CaseState.QUEUED, "the order at the workers")
    assert {name: running.pid(name) for name in GATEWAY} == pids, "nobody had to start the gateway again"

    running.stop_service("postgres", signal.SIGINT)
    running.stop_service("gateway-tasks")
    running.start_service("gateway-tasks")
    log = system.home / "logs" / "gateway-tasks.log"
    until(lambda: "database not reached yet" in log.read_text(encoding="utf-8"), "it waits for the database")
    pid = running.pid("gateway-tasks")
    running.start_service("postgres")
    late_uid, late = study(Person(), "20230406", "FLAIR")
    send(system, late)
    until(lambda: bool(gateway.cases(late_uid)), "the case of a process that started before its database")
    assert running.pid("gateway-tasks") == pid


def test_on_a_disk_that_is_nearly_full_no_new_study_is_begun(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = gateway.services.settings.model_copy(update={"watched_folders": str(tmp_path), "least_free_mb": 2**40})
    assert "MB are free" in why_no_room((tmp_path,), 2**40)
    assert why_no_room((tmp_path,), 0) == ""
    assert "is not there" in why_no_room((tmp_path / "gone",), 0)
    begun: list[str] = []

    def begin(_: Services, case_id: str) -> bool:
        begun.append(case_id)
        return True

    with gateway.services.sessions.begin() as session:
        case_id = add_case(session, CaseState.COMPLETE).case_id
    monkeypatch.setattr(flow, "prepare", begin)
    monkeypatch.setattr("gateway.tasks.services", lambda: replace(gateway.services, settings=settings))
    prepare()
    assert begun == []
    monkeypatch.setattr("gateway.tasks.services", lambda: gateway.services)
    prepare()
    assert begun == [case_id]
