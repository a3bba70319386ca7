"""From images in the clinical archive to an order, and the bad input that does not get there. Real archives."""

from __future__ import annotations

import json

import pytest

from demo.installation import System
from gateway import flow
from gateway.flow.identification import OTHER_ISSUER
from gateway.jobs import store
from processing.domain.case import CaseState
from processing.domain.study import SeriesRole
from tests.integration.gateway.conftest import Gateway
from tests.integration.gateway.sending import delete_study, send
from tests.unit.gateway.brain_studies import SLICES, Person, new_uid, series, study
from tests.unit.gateway.enhanced_study import enhanced_series


def test_two_studies_of_a_patient_become_a_pseudonymous_order(archives: System, gateway: Gateway) -> None:
    person = Person()
    prior_uid, prior = study(person, "20220301", "FLAIR", "T1")
    current_uid, current = study(person, "20230405", "FLAIR", "T2", "T1")
    send(archives, current + prior)

    gateway.receive_and_prepare()

    assert gateway.state(prior_uid) is CaseState.BASELINE
    case, order = gateway.case(current_uid), gateway.order(current_uid)
    assert case.state == CaseState.PSEUDONYMISED.value
    assert case.prior_case_id == gateway.case(prior_uid).case_id
    assert (order.case_id, order.attempt, order.pipeline) == (case.case_id, 1, "ms_longitudinal")
    assert SeriesRole.FLAIR in order.current.series
    assert SeriesRole.FLAIR in order.require_prior().series
    _assert_no_identity(json.dumps(order.model_dump(mode="json")), person, current + prior)
    for ordered, whole in ((order.current, current), (order.require_prior(), prior)):
        for series_uid in ordered.series.values():
            headers = gateway.services.research.retrieve_headers(ordered.study_instance_uid, series_uid)
            assert len(headers) == SLICES
            assert {str(header.PatientID) for header in headers} == {case.pseudonym}
            _assert_no_identity(headers[0].to_json(), person, whole)


def _assert_no_identity(text: str, person: Person, images: list) -> None:  # type: ignore[type-arg]  # datasets
    originals = {str(image[keyword].value) for image in images for keyword in ("SOPInstanceUID", "SeriesInstanceUID")}
    originals |= {person.patient_id, "Möller", "M\\u00f6ller", person.birth_date, person.issuer, "rztin"}
    assert [word for word in originals if word in text] == []


def test_multi_frame_images_are_ordered_like_classic_ones(archives: System, gateway: Gateway) -> None:
    person = Person()
    prior_uid, current_uid = new_uid(), new_uid()
    send(archives, [enhanced_series(person, prior_uid, "20220301"), enhanced_series(person, current_uid, "20230405")])
    gateway.receive_and_prepare()
    order = gateway.order(current_uid)
    (header,) = gateway.services.research.retrieve_headers(
        order.current.study_instance_uid, order.current.series[SeriesRole.FLAIR]
    )
    assert int(header.NumberOfFrames) == SLICES
    assert SeriesRole.FLAIR in order.require_prior().series


def test_only_the_chosen_series_leave_the_clinical_zone(archives: System, gateway: Gateway) -> None:
    person = Person()
    _, prior = study(person, "20220301", "FLAIR")
    current_uid, current = study(person, "20230405", "FLAIR", "FLAIR")
    send(archives, prior + current)
    gateway.receive_and_prepare()
    order = gateway.order(current_uid)
    there = gateway.services.research.search_series(order.current.study_instance_uid)
    assert {str(line.SeriesInstanceUID) for line in there} == set(order.current.series.values())
    case = gateway.case(current_uid)
    assert sorted((line.role is None, bool(line.reason)) for line in case.series) == [(False, True), (True, True)]


def test_a_study_without_a_usable_series_is_not_routed_and_says_what_is_missing(
    archives: System, gateway: Gateway
) -> None:
    study_uid, images = study(Person(), "20230405", "T1", "T2")
    send(archives, images)
    gateway.receive_and_prepare()
    case = gateway.case(study_uid)
    assert case.state == CaseState.NOT_ROUTED.value
    assert case.reason.startswith(
        "The study has no usable FLAIR series of the brain. The last image came on 2024-05-01"
    )
    assert len(case.series) == 2


def test_a_study_of_another_modality_is_not_routed(archives: System, gateway: Gateway) -> None:
    study_uid = new_uid()
    send(archives, series(Person(), study_uid, "20230405", Modality="CT"))
    gateway.receive_and_prepare()
    case = gateway.case(study_uid)
    assert case.state == CaseState.NOT_ROUTED.value
    assert "No route fits this study (ms-follow-up: the study's modality fits none" in case.reason


def test_a_patient_without_a_prior_is_a_baseline_until_an_earlier_study_arrives(
    archives: System, gateway: Gateway
) -> None:
    person = Person()
    current_uid, current = study(person, "20230405", "FLAIR")
    send(archives, current)
    gateway.receive_and_prepare()
    assert gateway.state(current_uid) is CaseState.BASELINE
    assert "No earlier study" in gateway.case(current_uid).reason

    _, same_id_elsewhere = study(Person(person.patient_id, issuer="OTHER"), "20220301", "FLAIR")
    send(archives, same_id_elsewhere)
    gateway.receive_and_prepare()
    assert gateway.state(current_uid) is CaseState.BASELINE

    prior_uid, prior = study(person, "20220301", "FLAIR")
    send(archives, prior)
    gateway.receive_and_prepare()
    assert gateway.state(current_uid) is CaseState.PSEUDONYMISED
    assert gateway.case(current_uid).prior_case_id == gateway.case(prior_uid).case_id


def test_a_prior_that_is_still_received_is_waited_for(archives: System, gateway: Gateway) -> None:
    person = Person()
    current_uid, current = study(person, "20230405", "FLAIR")
    prior_uid, prior = study(person, "20220301", "FLAIR")
    send(archives, current)
    flow.follow_changes(gateway.services)
    gateway.clock.forward(gateway.services.settings.quiet_time_s)
    send(archives, prior[:4])
    flow.follow_changes(gateway.services)
    flow.settle(gateway.services)
    gateway.prepare_all()
    assert gateway.state(prior_uid) is CaseState.RECEIVING
    assert gateway.state(current_uid) is CaseState.WAITING_FOR_PRIOR
    send(archives, prior[4:])
    gateway.receive_and_prepare()
    assert gateway.state(current_uid) is CaseState.PSEUDONYMISED


@pytest.mark.parametrize("spoilt", ["prior", "current"])
def test_missing_slices_are_found_before_anything_is_sent(archives: System, gateway: Gateway, spoilt: str) -> None:
    person = Person()
    prior_uid, prior = study(person, "20220301", "FLAIR")
    current_uid, current = study(person, "20230405", "FLAIR")
    send(archives, [image for n, image in enumerate(prior) if spoilt != "prior" or n not in (7, 8)])
    send(archives, [image for n, image in enumerate(current) if spoilt != "current" or n not in (7, 8)])
    gateway.receive_and_prepare()
    case = gateway.case(prior_uid if spoilt == "prior" else current_uid)
    assert case.state == CaseState.QUARANTINED.value
    assert "2 slices are missing" in case.reason
    assert case.series[0].role is None
    if spoilt == "prior":
        waiting = gateway.case(current_uid)
        assert waiting.state == CaseState.BASELINE.value
        assert "2 slices are missing" in waiting.reason
        send(archives, prior[7:9])
        gateway.receive_and_prepare()
        assert gateway.state(current_uid) is CaseState.PSEUDONYMISED


def test_the_missing_slices_arrive_and_the_case_goes_on(archives: System, gateway: Gateway) -> None:
    study_uid, images = study(Person(), "20230405", "FLAIR")
    send(archives, images[:7] + images[8:])
    gateway.receive_and_prepare()
    assert gateway.state(study_uid) is CaseState.QUARANTINED
    send(archives, images[7:8])
    gateway.receive_and_prepare()
    assert gateway.state(study_uid) is CaseState.BASELINE


def test_mixed_orientations_are_quarantined(archives: System, gateway: Gateway) -> None:
    study_uid, images = study(Person(), "20230405", "FLAIR")
    for image in images[10:]:
        image.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    send(archives, images)
    gateway.receive_and_prepare()
    case = gateway.case(study_uid)
    assert case.state == CaseState.QUARANTINED.value
    assert "different orientations" in case.reason


@pytest.mark.parametrize("spoilt", ["prior", "current"])
def test_short_pixel_data_is_quarantined(archives: System, gateway: Gateway, spoilt: str) -> None:
    person = Person()
    prior_uid, prior = study(person, "20220301", "FLAIR")
    current_uid, current = study(person, "20230405", "FLAIR")
    image = (prior if spoilt == "prior" else current)[5]
    image.PixelData = image.PixelData[:100]
    send(archives, prior + current)
    gateway.receive_and_prepare()
    assert gateway.state(prior_uid) is CaseState.BASELINE
    case = gateway.case(current_uid)
    assert case.state == CaseState.QUARANTINED.value
    assert "pixel data is shorter" in case.reason
    assert case.jobs == []


def test_the_same_patient_id_with_another_birth_date_is_quarantined(archives: System, gateway: Gateway) -> None:
    person = Person()
    _, prior = study(Person(person.patient_id, birth_date="19440101"), "20220301", "FLAIR")
    current_uid, current = study(person, "20230405", "FLAIR")
    send(archives, prior + current)
    gateway.receive_and_prepare()
    case = gateway.case(current_uid)
    assert case.state == CaseState.QUARANTINED.value
    assert "another birth date" in case.reason
    assert "1944" not in case.reason
    assert case.jobs == []


def test_images_without_a_patient_id_are_quarantined(archives: System, gateway: Gateway) -> None:
    uids = []
    for date in ("20220301", "20230405"):
        study_uid, images = study(Person(""), date, "FLAIR")
        send(archives, images)
        uids.append(study_uid)
    gateway.receive_and_prepare()
    cases = [gateway.case(study_uid) for study_uid in uids]
    assert {case.state for case in cases} == {CaseState.QUARANTINED.value}
    assert all("no patient ID" in case.reason for case in cases)
    assert cases[0].pseudonym != cases[1].pseudonym


def test_the_compared_images_say_whose_study_it_is_not_the_first_one_received(
    archives: System, gateway: Gateway
) -> None:
    person = Person()
    _, prior = study(person, "20220301", "FLAIR")
    current_uid, current = study(person, "20230405", "FLAIR")
    first = series(Person(person.patient_id, issuer=""), current_uid, "20230405", "T2", number=1, slices=[0])
    send(archives, prior + first)
    flow.follow_changes(gateway.services)
    before = gateway.case(current_uid)
    send(archives, current)
    gateway.receive_and_prepare()
    case = gateway.case(current_uid)
    assert case.state == CaseState.PSEUDONYMISED.value
    assert (case.pseudonym, case.readable_name) != (before.pseudonym, before.readable_name)
    assert gateway.services.vault.get(case.study_uid).identity.issuer_of_patient_id == person.issuer


@pytest.mark.parametrize("absent", ["prior", "current"])
def test_an_absent_issuer_is_asked_about(archives: System, gateway: Gateway, absent: str) -> None:
    person = Person()
    nameless = Person(person.patient_id, issuer="")
    _, prior = study(nameless if absent == "prior" else person, "20220301", "FLAIR")
    current_uid, current = study(nameless if absent == "current" else person, "20230405", "FLAIR")
    send(archives, prior + current)
    gateway.receive_and_prepare()
    assert (gateway.state(current_uid), gateway.case(current_uid).reason) == (CaseState.BASELINE, OTHER_ISSUER)


def test_an_absent_issuer_is_asked_about_beside_another_prior_and_when_it_arrives_later(
    archives: System, gateway: Gateway
) -> None:
    person = Person()
    _, prior = study(person, "20210301", "FLAIR")
    current_uid, current = study(person, "20230405", "FLAIR")
    send(archives, prior + current)
    gateway.receive_and_prepare()
    assert gateway.state(current_uid) is CaseState.PSEUDONYMISED
    assert gateway.case(current_uid).question == ""
    send(archives, study(Person(person.patient_id, issuer=""), "20220301", "FLAIR")[1])
    gateway.receive_and_prepare()
    assert gateway.state(current_uid) is CaseState.PSEUDONYMISED
    assert gateway.case(current_uid).question == OTHER_ISSUER

    later_uid, later = study(person, "20240101", "FLAIR")
    send(archives, later)
    gateway.receive_and_prepare()
    assert gateway.state(later_uid) is CaseState.PSEUDONYMISED
    assert gateway.case(later_uid).question == OTHER_ISSUER


def test_a_study_under_two_patient_ids_is_quarantined(archives: System, gateway: Gateway) -> None:
    study_uid, images = study(Person(), "20230405", "FLAIR")
    send(archives, images)
    send(archives, series(Person(), study_uid, "20230405", "T1"))
    gateway.receive_and_prepare()
    case = gateway.case(study_uid)
    assert case.state == CaseState.QUARANTINED.value
    assert "several patient IDs" in case.reason


def test_a_study_that_was_deleted_meanwhile_is_quarantined(archives: System, gateway: Gateway) -> None:
    study_uid, images = study(Person(), "20230405", "FLAIR")
    send(archives, images)
    gateway.receive()
    delete_study(archives, study_uid)
    gateway.prepare_all()
    case = gateway.case(study_uid)
    assert case.state == CaseState.QUARANTINED.value
    assert "no longer holds the study" in case.reason


def test_a_quarantined_case_can_be_tried_again_and_stores_nothing_twice(archives: System, gateway: Gateway) -> None:
    person = Person()
    _, prior = study(person, "20220301", "FLAIR")
    current_uid, current = study(person, "20230405", "FLAIR")
    send(archives, prior + current)
    gateway.receive_and_prepare()
    first = gateway.order(current_uid)
    assert flow.fail(gateway.services, gateway.case(current_uid).case_id, "test", "Stopped by a test.")
    flow.retry(gateway.services, gateway.case(current_uid).case_id, "operator")
    gateway.prepare_all()
    second = gateway.order(current_uid)
    assert gateway.state(current_uid) is CaseState.PSEUDONYMISED
    assert (second.current, second.prior) == (first.current, first.prior)
    assert second.job_id != first.job_id
    headers = gateway.services.research.retrieve_headers(
        second.current.study_instance_uid, second.current.series[SeriesRole.FLAIR]
    )
    assert len(headers) == SLICES


def test_every_event_leads_to_the_state(archives: System, gateway: Gateway) -> None:
    person = Person()
    _, prior = study(person, "20220301", "FLAIR")
    current_uid, current = study(person, "20230405", "FLAIR")
    send(archives, current)
    gateway.receive_and_prepare()
    send(archives, prior)
    gateway.receive_and_prepare()
    case = gateway.case(current_uid)
    assert store.replay(case.events).value == case.state == CaseState.PSEUDONYMISED.value
    assert [event.event for event in case.events] == [
        *("images received", "no further images", "no prior found"),
        *("prior found", "pseudonymised"),
    ]
