"""Earlier studies that only the PACS holds: real archives; the PACS sends by C-MOVE, or is read by DICOMweb."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

import httpx
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage
from sqlalchemy import select

from demo.installation import Ports, System
from gateway import flow
from gateway.association import PacsNode
from gateway.cases.prior import NO_EARLIER_STUDY
from gateway.db.tables import PriorSearch, ScheduledStudy
from gateway.flow import operations, priors
from gateway.flow.identification import OTHER_ISSUER
from gateway.retrieve.c_move import CMoveSource
from gateway.retrieve.dicomweb import DicomWebSource
from gateway.retrieve.source import PriorSource
from gateway.routes.model import PriorRule, RouteTable
from processing.domain.case import CaseState
from processing.domain.priority import Priority
from tests.integration.gateway.conftest import Gateway
from tests.integration.gateway.sending import send
from tests.unit.gateway.brain_studies import SLICES, Person, encoded, study


def put_into_pacs(system: System, images: Iterable[Dataset]) -> None:
    with httpx.Client(base_url=system.pacs_url, auth=("demo", system.secret("pacs-demo")), trust_env=False) as client:
        for image in images:
            client.post("/instances", content=encoded(image)).raise_for_status()


def c_move(system: System, *, port: int | None = None, destination: str = "CLINICAL") -> CMoveSource:
    return CMoveSource(PacsNode("127.0.0.1", port or system.ports.pacs_dicom, "PACS", "INTERVAL"), destination)


def source_of(kind: str, system: System, gateway: Gateway) -> PriorSource:
    if kind == "c-move":
        return c_move(system)
    return DicomWebSource(
        f"{system.pacs_url}/dicom-web", "demo", system.secret("pacs-demo"), gateway.services.clinical.add
    )


def with_pacs(gateway: Gateway, source: PriorSource, rule: PriorRule | None = None) -> Gateway:
    """Return the same gateway with a PACS, and with another rule for priors where one is given."""
    (route,) = gateway.services.routes.routes
    table = RouteTable(routes=(route.model_copy(update={"prior": rule or route.prior}),))
    return Gateway(replace(gateway.services, prior_source=source, routes=table), gateway.clock)


def search(gateway: Gateway) -> None:
    """Let the PACS be asked until nothing is open, with the studies that come from it."""
    while flow.search_priors(gateway.services):
        gateway.receive_and_prepare()


@pytest.mark.parametrize("kind", ["c-move", "dicomweb"])
def test_the_earlier_study_is_fetched_and_compared_with(archives: System, gateway: Gateway, kind: str) -> None:
    gateway = with_pacs(gateway, source_of(kind, archives, gateway))
    person = Person()
    prior_uid, prior = study(person, "20220301", "FLAIR", "T1")
    current_uid, current = study(person, "20230405", "FLAIR")
    put_into_pacs(archives, prior)
    send(archives, current)

    gateway.receive_and_prepare()
    assert gateway.state(current_uid) is CaseState.WAITING_FOR_PRIOR
    assert gateway.case(current_uid).reason == priors.SEARCHING

    assert flow.search_priors(gateway.services)
    assert gateway.state(prior_uid) is CaseState.RECEIVING
    assert gateway.case(prior_uid).instance_count == 2 * SLICES
    assert gateway.case(current_uid).reason == priors.RECEIVING
    gateway.prepare_all()
    assert gateway.state(current_uid) is CaseState.WAITING_FOR_PRIOR

    gateway.receive_and_prepare()
    assert gateway.case(current_uid).prior_case_id == gateway.case(prior_uid).case_id
    assert gateway.state(current_uid) is CaseState.PSEUDONYMISED
    search(gateway)
    prior_case = gateway.case(prior_uid)
    assert (prior_case.state, prior_case.reason) == (CaseState.BASELINE.value, priors.ONLY_A_PRIOR)


@pytest.mark.parametrize("kind", ["c-move", "dicomweb"])
def test_a_pacs_is_asked_for_the_modalities_that_are_compared(archives: System, gateway: Gateway, kind: str) -> None:
    person = Person()
    put_into_pacs(archives, study(person, "20220301", "FLAIR")[1][:1])
    computed = study(person, "20220302", "FLAIR")[1][:1]
    computed[0].Modality, computed[0].SOPClassUID = "CT", CTImageStorage
    computed[0].file_meta.MediaStorageSOPClassUID = CTImageStorage
    put_into_pacs(archives, computed)
    source = source_of(kind, archives, gateway)
    for modalities, days in (({"MR"}, {1}), ({"CT"}, {2}), ({"CT", "MR"}, {1, 2})):
        found = source.find_studies(person.patient_id, date(2023, 4, 5), modalities)
        assert {study.study_date.day for study in found} == days


def test_what_the_pacs_does_not_hold_either_is_said(archives: System, gateway: Gateway) -> None:
    gateway = with_pacs(gateway, c_move(archives))
    current_uid, current = study(Person(), "20230405", "FLAIR")
    send(archives, current)
    gateway.receive_and_prepare()
    search(gateway)
    gateway.prepare_all()
    assert gateway.state(current_uid) is CaseState.BASELINE
    assert gateway.case(current_uid).reason == f"{NO_EARLIER_STUDY} {priors.NONE_THERE}"


def test_a_pacs_that_is_away_is_asked_again_until_the_end_and_by_an_operator(
    archives: System, gateway: Gateway
) -> None:
    away = with_pacs(gateway, c_move(archives, port=Ports.free().pacs_dicom))
    person = Person()
    prior_uid, prior = study(person, "20220301", "FLAIR")
    current_uid, current = study(person, "20230405", "FLAIR")
    put_into_pacs(archives, prior)
    send(archives, current)
    away.receive_and_prepare()
    most = away.services.settings.prior_search_attempts
    for attempt in range(1, most + 1):
        assert flow.search_priors(away.services)
        assert flow.search_priors(away.services) == 0
        if attempt < most:
            assert away.state(current_uid) is CaseState.WAITING_FOR_PRIOR
            assert f"can't be reached. Attempt {attempt} of {most} failed." in away.case(current_uid).reason
        away.clock.forward(3600)
    away.prepare_all()
    assert away.state(current_uid) is CaseState.BASELINE
    assert f"could not be asked for earlier studies ({most} attempts)" in away.case(current_uid).reason

    back = with_pacs(gateway, c_move(archives))
    flow.retry(back.services, back.case(current_uid).case_id, "operator")
    back.prepare_all()
    search(back)
    assert back.state(current_uid) is CaseState.PSEUDONYMISED
    assert back.case(current_uid).prior_case_id == back.case(prior_uid).case_id


def test_a_pacs_that_does_not_know_the_clinical_archive_is_an_end(archives: System, gateway: Gateway) -> None:
    gateway = with_pacs(gateway, c_move(archives, destination="ELSEWHERE"))
    person = Person()
    current_uid, current = study(person, "20230405", "FLAIR")
    put_into_pacs(archives, study(person, "20220301", "FLAIR")[1])
    send(archives, current)
    gateway.receive_and_prepare()
    for _ in range(gateway.services.settings.prior_search_attempts):
        search(gateway)
        gateway.clock.forward(3600)
    gateway.prepare_all()
    assert gateway.state(current_uid) is CaseState.BASELINE
    assert "could not be asked" in gateway.case(current_uid).reason


@pytest.mark.parametrize(
    ("rule", "chosen"),
    [
        (PriorRule(), "20220301"),
        (PriorRule(at_least_days=800), "20200301"),
    ],
    ids=["latest", "at least 800 days"],
)
def test_the_rule_says_which_one_is_fetched_and_no_other_is(
    archives: System, gateway: Gateway, rule: PriorRule, chosen: str
) -> None:
    gateway = with_pacs(gateway, c_move(archives), rule)
    person = Person()
    current_uid, current = study(person, "20230405", "FLAIR")
    held = {day: study(person, day, "FLAIR") for day in ("20180301", "20220301", "20240101")}
    held["20200301"] = study(person, "20200301", "FLAIR")
    for uid_and_images in held.values():
        put_into_pacs(archives, uid_and_images[1])
    send(archives, current)
    gateway.receive_and_prepare()
    flow.search_priors(gateway.services)
    fetched = [day for day, (uid, _) in held.items() if gateway.cases(uid)]
    assert fetched == [chosen]
    gateway.receive_and_prepare()
    search(gateway)
    assert [day for day, (uid, _) in held.items() if gateway.cases(uid)] == [chosen]
    assert gateway.case(current_uid).prior_case_id == gateway.case(held[chosen][0]).case_id


def test_a_study_that_is_here_is_compared_with_when_it_is_later_than_those_of_the_pacs(
    archives: System, gateway: Gateway
) -> None:
    gateway = with_pacs(gateway, c_move(archives))
    person = Person()
    far_uid, far = study(person, "20200301", "FLAIR")
    near_uid, near = study(person, "20220301", "FLAIR")
    current_uid, current = study(person, "20230405", "FLAIR")
    put_into_pacs(archives, far)
    send(archives, near)
    gateway.receive_and_prepare()
    with gateway.services.sessions.begin() as session:
        for row in session.scalars(select(PriorSearch)):
            row.ended_at = gateway.clock.now  # only the current study's search is looked at here
    send(archives, current)
    gateway.receive_and_prepare()
    search(gateway)
    gateway.prepare_all()
    assert gateway.case(current_uid).prior_case_id == gateway.case(near_uid).case_id
    assert gateway.cases(far_uid) == []


def test_an_operator_may_have_a_fetched_study_measured_too(archives: System, gateway: Gateway) -> None:
    gateway = with_pacs(gateway, c_move(archives))
    person = Person()
    far_uid, far = study(person, "20200301", "FLAIR")
    near_uid, near = study(person, "20220301", "FLAIR")
    put_into_pacs(archives, far + near)
    send(archives, study(person, "20230405", "FLAIR")[1])
    gateway.receive_and_prepare()
    search(gateway)
    assert gateway.cases(far_uid) == []
    flow.retry(gateway.services, gateway.case(near_uid).case_id, "operator")
    gateway.prepare_all()
    search(gateway)
    assert gateway.case(near_uid).prior_case_id == gateway.case(far_uid).case_id


def test_when_the_first_can_not_be_used_the_next_is_fetched(archives: System, gateway: Gateway) -> None:
    gateway = with_pacs(gateway, c_move(archives))
    person = Person()
    useless_uid, useless = study(person, "20220301", "T2")
    good_uid, good = study(person, "20200301", "FLAIR")
    current_uid, current = study(person, "20230405", "FLAIR")
    put_into_pacs(archives, useless + good)
    send(archives, current)
    gateway.receive_and_prepare()
    search(gateway)
    gateway.receive_and_prepare()
    assert gateway.state(useless_uid) is CaseState.NOT_ROUTED
    assert gateway.state(current_uid) is CaseState.PSEUDONYMISED
    assert gateway.case(current_uid).prior_case_id == gateway.case(good_uid).case_id


def test_another_issuer_s_study_is_not_fetched_and_an_absent_one_is_asked_about(
    archives: System, gateway: Gateway
) -> None:
    gateway = with_pacs(gateway, c_move(archives))
    person = Person()
    other_uid, other = study(Person(person.patient_id, issuer="OTHER"), "20220301", "FLAIR")
    nameless_uid, nameless = study(Person(person.patient_id, issuer=""), "20210301", "FLAIR")
    current_uid, current = study(person, "20230405", "FLAIR")
    put_into_pacs(archives, other + nameless)
    send(archives, current)
    gateway.receive_and_prepare()
    search(gateway)
    gateway.receive_and_prepare()
    assert gateway.cases(other_uid) == []
    assert gateway.cases(nameless_uid)
    case = gateway.case(current_uid)
    assert case.state == CaseState.BASELINE.value
    assert OTHER_ISSUER in case.question


def test_the_search_leaves_no_identity_in_the_database(archives: System, gateway: Gateway) -> None:
    gateway = with_pacs(gateway, c_move(archives))
    person = Person()
    prior_uid, prior = study(person, "20220301", "FLAIR")
    _, current = study(person, "20230405", "FLAIR")
    put_into_pacs(archives, prior)
    send(archives, current)
    gateway.receive_and_prepare()
    search(gateway)
    with gateway.services.engine.connect() as connection:
        dump = "\n".join(connection.connection.driver_connection.iterdump())  # type: ignore[union-attr]  # SQLite
    assert "prior_searches" in dump
    assert [word for word in (person.patient_id, prior_uid, "20220301", "20230405") if word in dump] == []


def test_an_announced_patient_s_earlier_study_comes_before_the_first_image(archives: System, gateway: Gateway) -> None:
    gateway = with_pacs(gateway, c_move(archives))
    services, person = gateway.services, Person()
    prior_uid, prior = study(person, "20220301", "FLAIR")
    put_into_pacs(archives, prior)
    flow.announce(
        services,
        operations.Person("tina", "technologist"),
        patient_id=person.patient_id,
        issuer=person.issuer,
        priority=Priority.FAST_TRACK,
        hours=4,
    )
    with services.sessions() as session:
        kept = session.scalars(select(ScheduledStudy).order_by(ScheduledStudy.scheduled_id.desc())).first()
        assert kept is not None
        assert kept.sealed_patient
        assert person.patient_id not in kept.sealed_patient
    assert flow.prefetch_priors(services) == 1
    with services.sessions() as session:
        assert session.get_one(ScheduledStudy, kept.scheduled_id).sealed_patient == "", "nobody needs it any more"
    assert flow.prefetch_priors(services) == 0
    gateway.receive_and_prepare()
    prior_case = gateway.case(prior_uid)
    assert prior_case.instance_count == SLICES
    assert (prior_case.state, prior_case.reason) == (CaseState.BASELINE.value, priors.ONLY_A_PRIOR)


def test_a_pacs_that_is_away_is_asked_again_for_an_announced_patient_until_that_expires(gateway: Gateway) -> None:
    nobody = CMoveSource(PacsNode("127.0.0.1", Ports.free().pacs_dicom, "PACS", "INTERVAL"), "CLINICAL")
    gateway = with_pacs(gateway, nobody)
    services = gateway.services
    who = operations.Person("tina", "technologist")
    flow.announce(services, who, patient_id="4711", issuer="", priority=Priority.URGENT, hours=1)
    assert flow.prefetch_priors(services) == 1
    assert flow.prefetch_priors(services) == 0, "it is waited before the next question"
    gateway.clock.forward(60)
    assert flow.prefetch_priors(services) == 1
    gateway.clock.forward(3600)
    assert flow.prefetch_priors(services) == 0
    with services.sessions() as session:
        assert [row.sealed_patient for row in session.scalars(select(ScheduledStudy))] == [""]
