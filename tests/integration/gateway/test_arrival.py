"""What arrives, how often, when, and while nobody looks. Real clinical archive."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import SegmentationStorage

from demo.installation import System
from gateway import flow
from processing.dicom.provenance import MANUFACTURER
from processing.domain.case import CaseState
from tests.integration.gateway.conftest import Gateway
from tests.integration.gateway.sending import delete_study, send
from tests.unit.gateway.brain_studies import SLICES, Person, new_uid, series, study


def test_the_first_image_opens_a_case_with_its_identity_in_the_vault(archives: System, gateway: Gateway) -> None:
    person = Person()
    study_uid, images = study(person, "20230405", "FLAIR")
    send(archives, images[:1])
    flow.follow_changes(gateway.services)
    case = gateway.case(study_uid)
    assert (case.state, case.instance_count, case.revision) == (CaseState.RECEIVING.value, 1, 1)
    record = gateway.services.vault.get(case.study_uid)
    assert str(record.patient.PatientName) == person.name
    assert record.patient_id == person.patient_id
    assert record.original_study_instance_uid == study_uid
    assert case.pseudonym == record.pseudonym
    assert case.study_date_shifted < "20230405"
    assert len(case.study_date_shifted) == 8


def test_no_row_outside_the_vault_holds_the_identity(archives: System, gateway: Gateway) -> None:
    person = Person()
    study_uid, images = study(person, "20230405", "FLAIR")
    send(archives, images)
    gateway.receive_and_prepare()
    assert gateway.state(study_uid) is CaseState.BASELINE
    with gateway.services.engine.connect() as connection:
        dump = "\n".join(connection.connection.driver_connection.iterdump())  # type: ignore[union-attr]  # SQLite
    secrets = [person.patient_id, "Möller", person.birth_date, study_uid, str(images[0].SeriesInstanceUID), "20230405"]
    assert [secret for secret in secrets if secret in dump] == []


def test_a_study_is_complete_when_the_gateway_s_own_clock_says_so(archives: System, gateway: Gateway) -> None:
    study_uid, images = study(Person(), "20230405", "FLAIR")
    send(archives, images[:10])
    flow.follow_changes(gateway.services)
    gateway.clock.forward(15)
    send(archives, images[10:])
    flow.follow_changes(gateway.services)
    gateway.clock.forward(15)
    assert flow.settle(gateway.services) == 0
    gateway.clock.forward(5)
    assert flow.settle(gateway.services) == 1
    assert (gateway.state(study_uid), gateway.case(study_uid).instance_count) == (CaseState.COMPLETE, SLICES)


def test_images_that_no_change_told_of_yet_keep_a_study_open(archives: System, gateway: Gateway) -> None:
    study_uid, images = study(Person(), "20230405", "FLAIR")
    send(archives, images[:10])
    flow.follow_changes(gateway.services)
    gateway.clock.forward(60)
    send(archives, images[10:])
    assert flow.settle(gateway.services) == 0
    assert gateway.state(study_uid) is CaseState.RECEIVING
    gateway.clock.forward(60)
    assert flow.settle(gateway.services) == 1


@pytest.mark.parametrize("again", ["while receiving", "when done"])
def test_a_duplicate_send_changes_nothing(archives: System, gateway: Gateway, again: str) -> None:
    person = Person()
    _, prior = study(person, "20220301", "FLAIR")
    study_uid, images = study(person, "20230405", "FLAIR")
    send(archives, prior + images)
    flow.follow_changes(gateway.services)
    if again == "when done":
        gateway.receive_and_prepare()
    before = gateway.cases(study_uid)
    gateway.clock.forward(3)
    send(archives, images)
    flow.follow_changes(gateway.services)
    after = gateway.cases(study_uid)
    assert [(case.state, case.instance_count, case.last_image_at, len(case.events)) for case in after] == [
        (case.state, case.instance_count, case.last_image_at, len(case.events)) for case in before
    ]


def test_late_images_reopen_a_case_of_which_nothing_was_computed(archives: System, gateway: Gateway) -> None:
    person = Person()
    study_uid, images = study(person, "20230405", "T2")
    send(archives, images)
    gateway.receive_and_prepare()
    assert gateway.state(study_uid) is CaseState.NOT_ROUTED
    send(archives, series(person, study_uid, "20230405", "FLAIR", number=2))
    flow.follow_changes(gateway.services)
    assert [case.state for case in gateway.cases(study_uid)] == [CaseState.RECEIVING.value]
    gateway.receive_and_prepare()
    assert gateway.state(study_uid) is CaseState.BASELINE


def test_late_images_of_an_ordered_case_make_a_new_revision(archives: System, gateway: Gateway) -> None:
    person = Person()
    _, prior = study(person, "20220301", "FLAIR")
    study_uid, images = study(person, "20230405", "FLAIR")
    send(archives, prior + images)
    gateway.receive_and_prepare()
    first_order = gateway.order(study_uid)
    send(archives, series(person, study_uid, "20230405", "T1", number=2))
    gateway.receive_and_prepare()
    old, new = gateway.cases(study_uid)
    assert (old.revision, old.state) == (1, CaseState.SUPERSEDED.value)
    assert "revision 2 replaces this one" in old.reason
    assert (new.revision, new.state, new.instance_count) == (2, CaseState.PSEUDONYMISED.value, 2 * SLICES)
    assert gateway.order(study_uid).job_id != first_order.job_id
    sent: list[str] = []
    flow.relay_outbox(gateway.services, lambda _queue, _task, body: sent.append(body["job_id"]))
    assert sent == [gateway.order(study_uid).job_id]


def _own_result(images: list[Dataset], *, modality: str = "SEG") -> list[Dataset]:
    """One instance that claims to be written by Interval, in the patient's own study."""
    result = series(Person(), str(images[0].StudyInstanceUID), "20230405", slices=[0], number=900)[0]
    for keyword in ("PatientID", "PatientName", "IssuerOfPatientID", "PatientBirthDate", "PatientSex"):
        setattr(result, keyword, images[0][keyword].value)
    result.Modality = modality
    result.Manufacturer = MANUFACTURER
    if modality == "SEG":
        result.SOPClassUID = result.file_meta.MediaStorageSOPClassUID = SegmentationStorage
    return [result]


@pytest.mark.parametrize("modality", ["SEG", "MR"])
def test_interval_s_own_results_start_no_case_and_no_revision(
    archives: System, gateway: Gateway, modality: str
) -> None:
    person = Person()
    study_uid, images = study(person, "20230405", "FLAIR")
    send(archives, _own_result(images, modality=modality))
    flow.follow_changes(gateway.services)
    assert gateway.cases(study_uid) == []
    send(archives, images)
    gateway.receive_and_prepare()
    assert gateway.state(study_uid) is CaseState.BASELINE
    events = len(gateway.case(study_uid).events)
    send(archives, _own_result(images, modality=modality))
    gateway.receive_and_prepare()
    assert len(gateway.case(study_uid).events) == events
    assert gateway.case(study_uid).instance_count == SLICES


def test_a_purge_and_a_later_prefetch_of_the_same_images_change_nothing(archives: System, gateway: Gateway) -> None:
    study_uid, images = study(Person(), "20230405", "FLAIR")
    send(archives, images)
    gateway.receive_and_prepare()
    before = gateway.case(study_uid)
    delete_study(archives, study_uid)
    send(archives, images[:5])
    gateway.receive_and_prepare()
    flow.reconcile(gateway.services, timedelta(days=1))
    send(archives, images[5:])
    gateway.receive_and_prepare()
    (after,) = gateway.cases(study_uid)
    assert (after.state, len(after.events)) == (CaseState.BASELINE.value, len(before.events))


def test_an_image_of_another_kind_replaces_nothing_that_was_computed(archives: System, gateway: Gateway) -> None:
    person = Person()
    _, prior = study(person, "20220301", "FLAIR")
    study_uid, images = study(person, "20230405", "FLAIR")
    send(archives, prior + images)
    gateway.receive_and_prepare()
    send(archives, series(person, study_uid, "20230405", number=99, slices=[0], Modality="OT"))
    gateway.receive_and_prepare()
    (only,) = gateway.cases(study_uid)
    assert only.state == CaseState.PSEUDONYMISED.value


def test_mr_images_that_follow_others_are_taken(archives: System, gateway: Gateway) -> None:
    person, study_uid = Person(), new_uid()
    send(archives, series(person, study_uid, "20230405", number=99, Modality="OT"))
    gateway.receive_and_prepare()
    assert gateway.state(study_uid) is CaseState.NOT_ROUTED
    send(archives, series(person, study_uid, "20230405", number=1))
    gateway.receive_and_prepare()
    assert gateway.state(study_uid) is CaseState.BASELINE
