"""What a study lacks is waited for and said; other images are told from the same ones. Real clinical archive."""

from __future__ import annotations

from dataclasses import replace

import pytest

from demo.installation import System
from gateway import flow
from gateway.routes.model import Completeness, RouteTable
from processing.domain.case import CaseEvent, CaseState
from tests.integration.gateway.conftest import Gateway
from tests.integration.gateway.sending import delete_study, send
from tests.unit.gateway.brain_studies import SLICES, Person, new_uid, series, study


@pytest.fixture
def patient_gateway(gateway: Gateway) -> Gateway:
    """A gateway that waits for a quarter of an hour for what is missing."""
    settings = gateway.services.settings.model_copy(update={"longest_wait_s": 900.0})
    return Gateway(replace(gateway.services, settings=settings), gateway.clock)


def test_a_missing_series_is_waited_for_and_named(archives: System, patient_gateway: Gateway) -> None:
    gateway, person = patient_gateway, Person()
    study_uid, images = study(person, "20230405", "T2")
    send(archives, images)
    gateway.receive()
    case = gateway.case(study_uid)
    assert case.state == CaseState.RECEIVING.value
    assert case.reason == (
        "Waiting: No FLAIR series of the brain has come. The last image came on 2024-05-01 at 12:00."
    )
    gateway.clock.forward(600)
    flow.settle(gateway.services)
    assert gateway.state(study_uid) is CaseState.RECEIVING
    send(archives, series(person, study_uid, "20230405", "FLAIR", number=2))
    flow.follow_changes(gateway.services)
    assert gateway.case(study_uid).reason == ""
    gateway.receive_and_prepare()
    assert gateway.state(study_uid) is CaseState.BASELINE


def test_missing_slices_are_waited_for_without_a_retry(archives: System, patient_gateway: Gateway) -> None:
    gateway = patient_gateway
    study_uid, images = study(Person(), "20230405", "FLAIR")
    send(archives, images[:7] + images[9:])
    gateway.receive()
    assert gateway.state(study_uid) is CaseState.RECEIVING
    assert "The FLAIR (series 1) is not whole: 2 slices are missing" in gateway.case(study_uid).reason
    send(archives, images[7:9])
    gateway.receive_and_prepare()
    assert gateway.state(study_uid) is CaseState.BASELINE


def test_fewer_images_than_the_header_announces_are_waited_for_and_then_asked_about(
    archives: System, patient_gateway: Gateway
) -> None:
    gateway = patient_gateway
    study_uid = new_uid()
    send(archives, series(Person(), study_uid, "20230405", "FLAIR", ImagesInAcquisition=str(SLICES + 4)))
    gateway.receive()
    assert f"{SLICES} of {SLICES + 4} images that its header announces are here" in gateway.case(study_uid).reason
    gateway.clock.forward(900)
    flow.settle(gateway.services)
    gateway.prepare_all()
    case = gateway.case(study_uid)
    assert case.state == CaseState.BASELINE.value
    assert case.question.startswith("The FLAIR (series 1) may be cut off: ")


@pytest.mark.parametrize(
    ("kind", "slices", "state", "reason"),
    [
        ("T2", range(SLICES), CaseState.NOT_ROUTED, "no usable FLAIR series"),
        ("FLAIR", [n for n in range(SLICES) if n != 5], CaseState.QUARANTINED, "1 slice is missing"),
    ],
)
def test_a_study_that_never_completes_says_what_is_missing_and_since_when(
    archives: System, patient_gateway: Gateway, kind: str, slices: list[int], state: CaseState, reason: str
) -> None:
    gateway, study_uid = patient_gateway, new_uid()
    send(archives, series(Person(), study_uid, "20230405", kind, slices=slices))
    gateway.receive()
    assert gateway.state(study_uid) is CaseState.RECEIVING
    gateway.clock.forward(900)
    flow.settle(gateway.services)
    gateway.prepare_all()
    case = gateway.case(study_uid)
    assert case.state == state.value
    assert reason in case.reason
    assert case.reason.endswith("The last image came on 2024-05-01 at 12:00.")
    assert any("nothing more came" in event.detail for event in case.events)


def test_a_study_that_fits_no_route_is_not_waited_for(archives: System, patient_gateway: Gateway) -> None:
    gateway, study_uid = patient_gateway, new_uid()
    send(archives, series(Person(), study_uid, "20230405", BodyPartExamined="KNEE"))
    gateway.receive_and_prepare()
    case = gateway.case(study_uid)
    assert case.state == CaseState.NOT_ROUTED.value
    assert "No route fits this study (ms-follow-up: the body part fits none of" in case.reason


def test_a_route_has_its_own_times(archives: System, gateway: Gateway) -> None:
    (route,) = gateway.services.routes.routes
    slow = route.model_copy(update={"complete": Completeness(quiet_time_s=300)})
    gateway = Gateway(replace(gateway.services, routes=RouteTable(routes=(slow,))), gateway.clock)
    study_uid, images = study(Person(), "20230405", "FLAIR")
    send(archives, images)
    gateway.receive()
    assert gateway.state(study_uid) is CaseState.RECEIVING
    gateway.clock.forward(300)
    flow.settle(gateway.services)
    assert gateway.state(study_uid) is CaseState.COMPLETE


def test_as_many_other_images_are_not_the_same_images(archives: System, gateway: Gateway) -> None:
    person = Person()
    study_uid, images = study(person, "20230405", "FLAIR")
    send(archives, images)
    gateway.receive_and_prepare()
    delete_study(archives, study_uid)
    send(archives, series(person, study_uid, "20230405", "FLAIR"))
    flow.follow_changes(gateway.services)
    case = gateway.case(study_uid)
    assert case.state == CaseState.RECEIVING.value
    assert case.events[-1].detail == f"{SLICES} more images"


def test_the_same_images_filed_anew_change_nothing(archives: System, gateway: Gateway) -> None:
    study_uid, images = study(Person(), "20230405", "FLAIR")
    send(archives, images)
    gateway.receive_and_prepare()
    before = gateway.case(study_uid)
    delete_study(archives, study_uid)
    send(archives, images)
    flow.follow_changes(gateway.services)
    assert gateway.case(study_uid).changed_at == before.changed_at
    assert gateway.state(study_uid) is CaseState.BASELINE


@pytest.mark.parametrize("when", ["before", "after"])
def test_images_of_another_modality_leave_an_event_and_change_nothing(
    archives: System, gateway: Gateway, when: str
) -> None:
    person = Person()
    study_uid, images = study(person, "20230405", "FLAIR")
    others = series(person, study_uid, "20230405", number=9, Modality="CT", slices=range(3))
    send(archives, images + (others if when == "before" else []))
    gateway.receive_and_prepare()
    if when == "after":
        send(archives, others)
        flow.follow_changes(gateway.services)
    case = gateway.case(study_uid)
    assert case.state == CaseState.BASELINE.value
    assert "No earlier study" in case.reason
    (event,) = [event for event in case.events if event.event == CaseEvent.IMAGES_IGNORED.value]
    assert event.detail == "3 images of another modality: nothing is measured on them."
    flow.follow_changes(gateway.services)
    assert len(gateway.case(study_uid).events) == len(case.events)
