"""Storage commitment with the demo PACS, which is an Orthanc, and with PACS that forget, refuse or stay silent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest
from pydicom.dataset import Dataset

from demo.installation import System
from gateway import flow
from gateway.association import PacsNode
from gateway.commitment import CommitmentListener, CommitmentReport, request_commitment
from gateway.db.tables import Case, Consignment, Delivery
from gateway.dispatch import consignments
from gateway.dispatch.target import Acknowledged, Target
from gateway.dispatch.targets import make_targets
from gateway.flow import Services
from gateway.jobs import store
from gateway.routes.model import RouteTable
from processing.domain.case import CaseState
from processing.domain.errors import InputRejected, Transient
from tests.integration.gateway.conftest import Gateway
from tests.integration.gateway.test_delivery import Signed, in_pacs, signed_case

DEADLINE_S = 60


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.05)


@contextmanager
def listening(archives: System, take: Callable[[CommitmentReport], object]) -> Iterator[None]:
    listener = CommitmentListener("INTERVAL", ["PACS"], take)
    listener.start("127.0.0.1", archives.ports.reports)
    try:
        yield
    finally:
        listener.stop()


def rows(services: Services, case_id: str) -> tuple[list[Delivery], list[Consignment]]:
    with services.sessions() as session:
        return store.deliveries_of(session, case_id), list(consignments.of_case(session, case_id).values())


def test_a_result_is_archived_when_the_pacs_promised_to_keep_it(archives: System, gateway: Gateway) -> None:
    signed = signed_case(archives, gateway)
    reports: list[CommitmentReport] = []
    settings = gateway.services.settings.model_copy(update={"commitment_port": archives.ports.reports})
    services = towards(gateway, *make_targets(settings))
    with listening(archives, reports.append):
        assert flow.dispatch(services, signed.case_id)
        until(lambda: bool(reports), "the report")
    case = gateway.case(signed.study_uid)
    assert case.state == CaseState.DISPATCHING.value, "sent and acknowledged is not archived"
    assert "promised" in case.reason
    deliveries, (consignment,) = rows(gateway.services, signed.case_id)
    assert all(row.acknowledged_at is not None and row.confirmed_at is None for row in deliveries)
    assert consignment.transaction_uid == reports[0].transaction_uid
    assert reports[0].committed == {row.sop_instance_uid for row in deliveries}

    assert not flow.take_report(gateway.services, replace(reports[0], transaction_uid="2.25.4711")), "nobody asked"
    assert flow.take_report(gateway.services, reports[0])
    assert not flow.take_report(gateway.services, reports[0]), "said before"
    assert flow.dispatch(services, signed.case_id)
    case = gateway.case(signed.study_uid)
    assert (case.state, case.reason) == (CaseState.ARCHIVED.value, "")
    assert case.events[-1].detail == f"pacs: {len(deliveries)} objects (storage commitment)"


@dataclass
class Keeps:
    """The real PACS, with storage commitment as the test plays it."""

    proof = "read back"

    target: Target
    knows_commitment: bool = True
    asked: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    name: str = "pacs"
    away: bool = False
    holds: bool = True

    def send(self, datasets: Sequence[Dataset], acknowledged: Acknowledged) -> frozenset[str]:
        if self.away:
            raise Transient("The PACS can't be reached.")
        self.sent += [str(one.SOPInstanceUID) for one in datasets]
        return self.target.send(datasets, acknowledged)

    def confirm(self, datasets: Sequence[Dataset]) -> frozenset[str]:
        return self.target.confirm(datasets) if self.holds else frozenset()

    def request_commitment(self, transaction_uid: str, datasets: Sequence[Dataset]) -> bool:
        self.asked.append(transaction_uid)
        return self.knows_commitment

    def echo(self) -> None:
        if self.away:
            raise Transient("The PACS can't be reached.")
        self.target.echo()


def towards(gateway: Gateway, *targets: Target) -> Services:
    return replace(gateway.services, targets=targets)


def the_pacs(gateway: Gateway) -> Target:
    (target,) = make_targets(gateway.services.settings)
    return target


def test_what_the_pacs_does_not_promise_to_keep_is_sent_again(archives: System, gateway: Gateway) -> None:
    signed = signed_case(archives, gateway)
    pacs = Keeps(the_pacs(gateway))
    services = towards(gateway, pacs)
    assert flow.dispatch(services, signed.case_id)
    deliveries, _ = rows(services, signed.case_id)
    lost, *kept = [row.sop_instance_uid for row in deliveries]
    assert flow.take_report(services, CommitmentReport(pacs.asked[0], frozenset(kept), frozenset({lost})))
    case = gateway.case(signed.study_uid)
    assert case.state == CaseState.DISPATCHING.value
    assert flow.dispatch(services, signed.case_id)
    assert "does not promise to keep 1" in gateway.case(signed.study_uid).reason
    gateway.clock.forward(services.settings.retry_base_s)
    assert flow.dispatch(services, signed.case_id)
    assert pacs.sent.count(lost) == 2, "also when it still shows what it does not promise to keep"
    assert all(pacs.sent.count(uid) == 1 for uid in kept)
    assert flow.take_report(services, CommitmentReport(pacs.asked[1], frozenset({lost}), frozenset()))
    assert flow.dispatch(services, signed.case_id)
    assert gateway.state(signed.study_uid) is CaseState.ARCHIVED


def test_a_pacs_that_stays_silent_is_asked_once_more_and_then_read_back(archives: System, gateway: Gateway) -> None:
    signed = signed_case(archives, gateway)
    pacs = Keeps(the_pacs(gateway))
    services = towards(gateway, pacs)
    for asked in (1, 2):
        assert flow.dispatch(services, signed.case_id)
        assert len(pacs.asked) == asked
        assert flow.dispatch(services, signed.case_id)
        assert len(pacs.asked) == asked, "it has time to answer"
        gateway.clock.forward(services.settings.commitment_wait_s)
    assert flow.dispatch(services, signed.case_id)
    assert gateway.state(signed.study_uid) is CaseState.ARCHIVED
    assert gateway.case(signed.study_uid).events[-1].detail.endswith("objects (read back)")
    assert len(pacs.sent) == len(set(pacs.sent)), "nothing was sent twice"


def test_a_target_that_is_away_does_not_stop_the_other(archives: System, gateway: Gateway) -> None:
    signed = signed_case(archives, gateway)
    near = Keeps(the_pacs(gateway), knows_commitment=False)
    far = Keeps(the_pacs(gateway), knows_commitment=False, name="far", away=True)
    services = towards(gateway, far, near)
    assert flow.dispatch(services, signed.case_id)
    there = {str(one.SOPInstanceUID) for one in in_pacs(archives, signed.study_uid)}
    assert there
    case = gateway.case(signed.study_uid)
    assert (case.state, case.reason) == (CaseState.DISPATCHING.value, "far: The PACS can't be reached.")
    _, (to_far, to_near) = rows(services, signed.case_id)
    assert (to_far.state, to_near.state) == ("waiting", "archived")
    far.away = False
    assert flow.dispatch(services, signed.case_id)
    assert far.sent == [], "it waits for its own time"
    gateway.clock.forward(services.settings.retry_base_s)
    assert flow.dispatch(services, signed.case_id)
    assert gateway.state(signed.study_uid) is CaseState.ARCHIVED
    assert set(near.sent) == there
    assert len(near.sent) == len(there), "the near one was left alone"
    with gateway.services.sessions() as session:
        names = {(row.target, row.confirmed_by) for row in store.deliveries_of(session, signed.case_id)}
    assert names == {("far", "read back"), ("pacs", "read back")}


def test_a_route_names_the_targets_of_its_results(archives: System, gateway: Gateway) -> None:
    signed = signed_case(archives, gateway)
    with gateway.services.sessions() as session:
        name = session.get_one(Case, signed.case_id).route
    route = gateway.services.routes.find(name)
    assert route is not None
    table = RouteTable(routes=(route.model_copy(update={"targets": ("pacs",)}),))
    pacs = Keeps(the_pacs(gateway), knows_commitment=False)
    other = Keeps(the_pacs(gateway), knows_commitment=False, name="other")
    assert flow.dispatch(replace(towards(gateway, other, pacs), routes=table), signed.case_id)
    assert gateway.state(signed.study_uid) is CaseState.ARCHIVED
    assert (len(pacs.sent) > 0, other.sent) == (True, [])


def test_while_a_target_is_away_other_cases_do_not_wait_for_it_one_by_one(archives: System, gateway: Gateway) -> None:
    first, second = signed_case(archives, gateway), signed_case(archives, gateway)
    pacs = Keeps(the_pacs(gateway), knows_commitment=False, away=True)
    services = towards(gateway, pacs)

    def tried(signed: Signed) -> int:
        return rows(services, signed.case_id)[1][0].attempts

    pacs.away = False
    pacs.knows_commitment = True
    assert flow.dispatch(services, second.case_id)
    with services.sessions.begin() as session:
        row = consignments.of_case(session, second.case_id)["pacs"]
        consignments.expect_no_report(row)
    pacs.away = True
    assert flow.dispatch(services, first.case_id)
    assert flow.dispatch(services, second.case_id)
    assert (tried(first), tried(second)) == (1, 0)
    assert "can't be reached" in gateway.case(second.study_uid).reason


def test_one_refusing_target_sends_the_case_to_quarantine_when_the_others_are_done(
    archives: System, gateway: Gateway
) -> None:
    signed = signed_case(archives, gateway)

    class Refuses(Keeps):
        def send(self, datasets: Sequence[Dataset], acknowledged: Acknowledged) -> frozenset[str]:
            raise InputRejected("The PACS refuses Interval.")

    near = Keeps(the_pacs(gateway), knows_commitment=False)
    refusing = Refuses(the_pacs(gateway), name="far")
    # What the near PACS holds is not what the far one holds, though the same Orthanc plays both.
    refusing.holds = False
    assert not flow.dispatch(towards(gateway, refusing, near), signed.case_id)
    case = gateway.case(signed.study_uid)
    assert (case.state, case.reason) == (CaseState.QUARANTINED.value, "far: The PACS refuses Interval.")
    assert set(near.sent) == {str(one.SOPInstanceUID) for one in in_pacs(archives, signed.study_uid)}
    flow.retry(gateway.services, signed.case_id, "operator")
    mended = Keeps(the_pacs(gateway), knows_commitment=False, name="far")
    assert flow.dispatch(towards(gateway, mended, near), signed.case_id)
    assert gateway.state(signed.study_uid) is CaseState.ARCHIVED


def test_a_listener_takes_reports_from_targets_only(archives: System) -> None:
    taken: list[CommitmentReport] = []
    listener = CommitmentListener("INTERVAL", ["PACS"], taken.append)
    port = listener.start("127.0.0.1", 0)
    try:
        stranger = PacsNode("127.0.0.1", port, "INTERVAL", "STRANGER")
        with pytest.raises(InputRejected, match=r"(?i)calling AE"):
            request_commitment(stranger, "2.25.1", [])
        wrong = PacsNode("127.0.0.1", port, "OTHER", "PACS")
        with pytest.raises(InputRejected, match=r"(?i)called AE"):
            request_commitment(wrong, "2.25.1", [])
    finally:
        listener.stop()
    assert taken == []
