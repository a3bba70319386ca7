"""Several gateways on one PostgreSQL database: one leads, and whatever they do at once is done once."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, make_url, text

from demo.installation import System
from gateway import flow
from gateway.db.engine import make_engine, upgrade
from gateway.db.leader import Leadership
from gateway.jobs import store
from processing.domain.case import CaseState
from tests.integration.gateway.conftest import Gateway, close, make_gateway, skip_earlier_studies
from tests.integration.gateway.sending import send
from tests.unit.gateway.brain_studies import Person, study

PATIENTS = 4


@pytest.fixture
def database_url(postgres_url: str) -> str:
    name = f"test_{uuid.uuid4().hex}"
    administration = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with administration.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    administration.dispose()
    url = make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    upgrade(url)
    return url


@pytest.fixture
def two_gateways(archives: System, database_url: str) -> Iterator[tuple[Gateway, Gateway]]:
    first, second = (make_gateway(archives, database_url) for _ in range(2))
    skip_earlier_studies(first, archives)
    yield first, second
    close(first)
    close(second)


def test_one_gateway_leads_and_another_takes_over_when_its_connection_ends(database_url: str) -> None:
    engines = [make_engine(database_url) for _ in range(2)]
    first, second = (Leadership(engine) for engine in engines)
    assert [first.holds(), second.holds(), first.holds()] == [True, False, True]
    with engines[1].connect() as connection:
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted")
        )
    deadline = time.monotonic() + 60
    while not second.holds():  # the server ends the connection a moment after it was told to
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not first.holds()
    second.resign()
    assert first.holds()
    first.resign()
    for engine in engines:
        engine.dispose()


def test_a_gateway_with_sqlite_leads_always(tmp_path: object) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/gateway.db")
    assert Leadership(engine).holds()
    engine.dispose()


def test_two_gateways_at_once_do_nothing_twice(archives: System, two_gateways: tuple[Gateway, Gateway]) -> None:
    """Both do everything, as if both led: the worst that can happen."""
    people = [Person() for _ in range(PATIENTS)]
    uids: set[str] = set()
    for day in ("20220301", "20230405"):
        for person in people:
            uid, images = study(person, day, "FLAIR")
            uids.add(uid)
            send(archives, images)
    _both(two_gateways, lambda gateway: flow.follow_changes(gateway.services))
    for gateway in two_gateways:
        gateway.clock.forward(gateway.services.settings.quiet_time_s + 1)
    _both(two_gateways, lambda gateway: flow.settle(gateway.services))
    _both(two_gateways, Gateway.prepare_all)
    _both(two_gateways, Gateway.prepare_all)
    sent: list[str] = []
    lock = threading.Lock()

    def send_order(_queue: str, _task: str, body: Mapping[str, object]) -> None:
        with lock:
            sent.append(str(body["job_id"]))

    for _ in range(PATIENTS):
        _both(two_gateways, lambda gateway: flow.relay_outbox(gateway.services, send_order))
    # The archive notes late that other tests' studies became stable, so that there may be more cases than these.
    cases = [case for uid in uids for case in two_gateways[0].cases(uid)]
    jobs = [job.job_id for case in cases for job in case.jobs]
    assert len(cases) == len(uids) == 2 * PATIENTS
    assert {case.revision for case in cases} == {1}
    states = Counter(case.state for case in cases)
    assert states == {CaseState.BASELINE.value: PATIENTS, CaseState.QUEUED.value: PATIENTS}
    assert sorted(job_id for job_id in sent if job_id in jobs) == sorted(jobs)
    assert len(jobs) == PATIENTS
    for uid in uids:
        case = two_gateways[0].case(uid)
        assert store.replay(case.events) is CaseState(case.state)


def _both(gateways: tuple[Gateway, Gateway], work: Callable[[Gateway], object]) -> None:
    barrier = threading.Barrier(len(gateways))

    def run(gateway: Gateway) -> None:
        barrier.wait()
        work(gateway)

    with ThreadPoolExecutor(len(gateways)) as threads:
        list(threads.map(run, gateways))
