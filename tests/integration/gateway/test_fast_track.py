"""The fast track on real archives: begun with the first whole FLAIR, followed by the whole study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from pydicom.dataset import Dataset

from demo.installation import System
from gateway import flow
from gateway.db.tables import Case
from gateway.flow.fast_track import Watch
from gateway.flow.operations import Person as Account
from gateway.jobs import store
from gateway.routes.model import RouteTable
from processing.domain.case import CaseState
from processing.domain.errors import InputRejected
from processing.domain.messages import FAST_TRACK_QUEUE, PIPELINE_QUEUE, JobOrder
from processing.domain.priority import Priority
from processing.domain.study import SeriesRole
from tests.integration.gateway.conftest import Gateway
from tests.integration.gateway.results import carry_out
from tests.integration.gateway.sending import send
from tests.unit.gateway.brain_studies import Person, study

OTTO = Account("otto", "operator")


@pytest.fixture
def fast(gateway: Gateway) -> Gateway:
    """A gateway whose only route is the fast track."""
    (route, *_) = gateway.services.routes.routes
    table = RouteTable(routes=(route.model_copy(update={"priority": Priority.FAST_TRACK}),))
    return Gateway(replace(gateway.services, routes=table), gateway.clock)


class Scanner:
    """Sends a patient's two studies: the prior is there, the current one comes series by series."""

    def __init__(self, archives: System, gateway: Gateway) -> None:
        self.archives, self.gateway = archives, gateway
        self.person = Person()
        _, prior = study(self.person, "20220301", "FLAIR", "T1")
        send(archives, prior)
        gateway.receive_and_prepare()
        self.study_uid, images = study(self.person, "20230405", "FLAIR", "T1")
        by_series: dict[str, list[Dataset]] = {}
        for image in images:
            by_series.setdefault(str(image.SeriesInstanceUID), []).append(image)
        self.flair, self.t1 = by_series.values()
        self.watch = Watch()

    def send(self, images: list[Dataset]) -> None:
        send(self.archives, images)
        flow.follow_changes(self.gateway.services)

    def begin(self) -> int:
        """Look twice, with the quiet time between; how many first looks this study has then.

        The archive still tells of other tests' studies, and those may begin as well.
        """
        flow.begin_early(self.gateway.services, self.watch)
        self.gateway.clock.forward(self.gateway.services.settings.first_series_quiet_s)
        flow.begin_early(self.gateway.services, self.watch)
        return sum(case.early for case in self.gateway.cases(self.study_uid))


def test_a_first_look_begins_with_the_whole_flair_and_the_whole_study_replaces_it(
    archives: System, fast: Gateway
) -> None:
    scanner = Scanner(archives, fast)
    scanner.send(scanner.flair[:5] + scanner.flair[9:])
    assert scanner.begin() == 0, "slices are missing"
    scanner.send(scanner.flair[5:9] + scanner.t1[:5])
    assert scanner.begin() == 1
    first, whole = fast.cases(scanner.study_uid)
    assert (first.early, first.state, whole.state) == (True, CaseState.COMPLETE.value, CaseState.RECEIVING.value)
    assert flow.prepare(fast.services, first.case_id)
    order = _order(fast, first.case_id)
    assert set(order.current.series) == set(order.require_prior().series) == {SeriesRole.FLAIR}
    assert order.priority is Priority.FAST_TRACK
    queues: list[str] = []

    def note(queue: str, _task: str, body: Mapping[str, object]) -> None:
        if body["case_id"] in {case.case_id for case in fast.cases(scanner.study_uid)}:
            queues.append(queue)

    flow.relay_outbox(fast.services, note)
    assert queues == [FAST_TRACK_QUEUE]

    scanner.send(scanner.t1[5:])
    first, whole = fast.cases(scanner.study_uid)
    assert first.state == CaseState.QUEUED.value, "what comes later stops no first look"
    assert flow.record_outcome(fast.services, carry_out(order, fast.services.research))
    with pytest.raises(InputRejected, match="first look"):
        flow.sign(fast.services, first.case_id, "reader", edit=0)
    assert first.case_id not in {case.case_id for case in _worklist(fast)}

    fast.receive_and_prepare()
    whole_order = fast.order(scanner.study_uid)
    assert set(whole_order.current.series) == {SeriesRole.FLAIR, SeriesRole.T1}
    flow.relay_outbox(fast.services, note)
    assert queues == [FAST_TRACK_QUEUE, PIPELINE_QUEUE]
    assert flow.replace_first_looks(fast.services) == 0
    assert flow.record_outcome(fast.services, carry_out(whole_order, fast.services.research))
    assert flow.replace_first_looks(fast.services) == 1
    first, whole = fast.cases(scanner.study_uid)
    assert (first.state, whole.state) == (CaseState.SUPERSEDED.value, CaseState.READY_FOR_REVIEW.value)


def test_a_study_is_on_the_fast_track_when_it_was_announced(archives: System, gateway: Gateway) -> None:
    scanner = Scanner(archives, gateway)
    scanner.send(scanner.flair)
    assert scanner.begin() == 0, "its route is routine"
    person = scanner.person
    flow.announce(
        gateway.services,
        OTTO,
        patient_id=person.patient_id,
        issuer=person.issuer,
        priority=Priority.FAST_TRACK,
        hours=1,
    )
    assert scanner.begin() == 1
    first, _ = gateway.cases(scanner.study_uid)
    assert (first.early, first.priority) == (True, "fast_track")


def test_an_announcement_runs_out(archives: System, gateway: Gateway) -> None:
    scanner = Scanner(archives, gateway)
    person = scanner.person
    flow.announce(
        gateway.services,
        OTTO,
        patient_id=person.patient_id,
        issuer=person.issuer,
        priority=Priority.FAST_TRACK,
        hours=1,
    )
    gateway.clock.forward(3601)
    scanner.send(scanner.flair)
    assert scanner.begin() == 0


def _order(gateway: Gateway, case_id: str) -> JobOrder:
    with gateway.services.sessions() as session:
        case = store.get_case(session, case_id)
        assert case is not None
        job = store.latest_job(case)
        assert job is not None
        return JobOrder.model_validate(job.order)


def _worklist(gateway: Gateway) -> list[Case]:
    with gateway.services.sessions() as session:
        return store.worklist(session)
