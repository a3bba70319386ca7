"""What arrives, how often, when, and while nobody looks. Real clinical archive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import SegmentationStorage
from sqlalchemy import delete, select

from demo.installation import System
from gateway import flow
from gateway.clinical import ClinicalArchive
from gateway.db.tables import Case, ChangesCursor, Event, VaultEntry
from gateway.receive.changes import read_cursor, write_cursor
from processing.dicom.provenance import MANUFACTURER
from processing.domain.case import CaseState
from processing.domain.errors import Transient
from tests.integration.gateway.conftest import Gateway
from tests.integration.gateway.sending import delete_study, send
from tests.unit.gateway.brain_studies import SLICES, Person, new_uid, series, study


def _cursor(gateway: Gateway) -> int | None:
    with gateway.services.sessions() as session:
        return read_cursor(session)


def _read_up_to(gateway: Gateway) -> int:
    """The last change that was read. More follow by themselves: the archive calls a series stable a moment later."""
    cursor = _cursor(gateway)
    assert cursor is not None
    return cursor


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


def test_nothing_is_missed_that_arrives_while_the_gateway_is_down(archives: System, gateway: Gateway) -> None:
    uids = []
    for _ in range(3):
        study_uid, images = study(Person(), "20230405", "FLAIR")
        send(archives, images[:1])
        uids.append(study_uid)
    sent = gateway.services.clinical.last_change()
    flow.follow_changes(gateway.services)
    assert [gateway.state(study_uid) for study_uid in uids] == [CaseState.RECEIVING] * 3
    assert _read_up_to(gateway) >= sent


def test_a_gateway_that_knows_nothing_looks_at_the_whole_archive(archives: System, gateway: Gateway) -> None:
    study_uid, images = study(Person(), "20230405", "FLAIR")
    send(archives, images[:1])
    with gateway.services.sessions.begin() as session:
        session.delete(session.get_one(ChangesCursor, "clinical"))
    sent = gateway.services.clinical.last_change()
    assert flow.follow_changes(gateway.services) >= 1
    assert gateway.state(study_uid) is CaseState.RECEIVING
    assert _read_up_to(gateway) >= sent


def test_an_archive_that_counts_from_the_beginning_again_is_noticed(archives: System, gateway: Gateway) -> None:
    study_uid, images = study(Person(), "20230405", "FLAIR")
    send(archives, images[:1])
    with gateway.services.sessions.begin() as session:
        write_cursor(session, 10_000_000)
    sent = gateway.services.clinical.last_change()
    flow.follow_changes(gateway.services)
    assert gateway.state(study_uid) is CaseState.RECEIVING
    assert sent <= _read_up_to(gateway) < 10_000_000


@pytest.mark.parametrize("recent", [None, timedelta(days=2)])
def test_reconciliation_finds_what_the_changes_did_not_tell(
    archives: System, gateway: Gateway, recent: timedelta | None
) -> None:
    study_uid, images = study(Person(), "20230405", "FLAIR")
    send(archives, images[:1])
    with gateway.services.sessions.begin() as session:
        write_cursor(session, gateway.services.clinical.last_change())
    flow.follow_changes(gateway.services)
    assert gateway.cases(study_uid) == []
    flow.reconcile(gateway.services, recent)
    assert gateway.state(study_uid) is CaseState.RECEIVING


class Killed(BaseException):
    """Stands for the end of the process at this very line."""


def test_changes_and_cursor_are_one_transaction(archives: System, gateway: Gateway) -> None:
    study_uid, images = study(Person(), "20230405", "FLAIR")
    send(archives, images[:1])
    before = _cursor(gateway)

    def dies() -> datetime:
        raise Killed

    with pytest.raises(Killed):
        flow.follow_changes(replace(gateway.services, clock=dies))
    assert _cursor(gateway) == before
    assert gateway.cases(study_uid) == []
    with pytest.raises(KeyError):
        gateway.services.vault.get(gateway.services.pseudonymiser.uid(study_uid))
    flow.follow_changes(gateway.services)
    assert gateway.state(study_uid) is CaseState.RECEIVING


def test_a_study_that_the_vault_contradicts_holds_up_nobody(archives: System, gateway: Gateway) -> None:
    contradicted_uid, images = study(Person(), "20230405", "FLAIR")
    send(archives, images)
    flow.follow_changes(gateway.services)
    record = gateway.services.vault.get(gateway.case(contradicted_uid).study_uid)
    other_uid, other_images = study(Person(), "20230405", "FLAIR")
    send(archives, other_images)
    with gateway.services.sessions.begin() as session:
        for case in session.scalars(select(Case)):
            session.execute(delete(Event).where(Event.case_id == case.case_id))
            session.delete(case)
        write_cursor(session, 0)
        session.execute(delete(VaultEntry))
        wrong = record.model_copy(update={"shift_days": record.shift_days + 1})
        gateway.services.vault_in(session).put(wrong)
    flow.reconcile(gateway.services)
    gateway.receive_and_prepare()
    assert gateway.state(other_uid) is CaseState.BASELINE
    assert gateway.cases(contradicted_uid)


def test_while_the_archive_is_away_the_cursor_stays(gateway: Gateway) -> None:
    before = _cursor(gateway)
    with ClinicalArchive("http://127.0.0.1:9", "gateway", "no-matter-what") as nobody:
        away = replace(gateway.services, clinical=nobody)
        with pytest.raises(Transient, match="can't be reached"):
            flow.follow_changes(away)
    assert _cursor(gateway) == before


@pytest.mark.filterwarnings("ignore:Invalid value for VR IS")
def test_a_series_number_that_is_no_number_holds_up_nobody(archives: System, gateway: Gateway) -> None:
    """Orthanc takes any text for a number."""
    odd_uid, odd = study(Person(), "20230405", "FLAIR")
    for image in odd:
        image[0x00200011] = RawDataElement(Tag(0x00200011), "IS", 4, b"--5 ", 0, False, True)
    other_uid, other = study(Person(), "20230405", "FLAIR")
    send(archives, odd + other)
    sent = gateway.services.clinical.last_change()
    gateway.receive_and_prepare()
    assert [gateway.state(uid) for uid in (odd_uid, other_uid)] == [CaseState.BASELINE] * 2
    assert _read_up_to(gateway) >= sent


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


class Spoilt(ClinicalArchive):
    """The archive with a disk fault: it answers 500 to whatever the test names."""

    broken: frozenset[str] = frozenset()

    def _request(self, method: str, path: str, **request: Any) -> httpx.Response:
        asked = path + str(request.get("content", b""))
        if any(word in asked for word in self.broken):
            raise Transient("The clinical archive answered 500.")
        return super()._request(method, path, **request)


@pytest.fixture
def spoilt(archives: System) -> Iterator[Spoilt]:
    with Spoilt(archives.clinical_url, "gateway", archives.secret("clinical-gateway")) as archive:
        yield archive


@pytest.mark.parametrize("unreadable", ["an image", "the study"])
def test_what_the_archive_can_t_read_holds_up_nobody_else(
    archives: System, gateway: Gateway, spoilt: Spoilt, unreadable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad_uid, bad = study(Person(), "20230405", "FLAIR")
    good_uid, good = study(Person(), "20230405", "FLAIR")
    send(archives, bad + good)
    found = gateway.services.clinical.study(bad_uid)
    assert found is not None
    faulty = frozenset(found.series[0].instances if unreadable == "an image" else [bad_uid])
    normal = gateway.services
    monkeypatch.setattr(gateway, "services", replace(normal, clinical=spoilt))
    spoilt.broken = faulty
    sent = normal.clinical.last_change()
    gateway.receive_and_prepare()
    assert gateway.state(good_uid) is CaseState.BASELINE
    assert _read_up_to(gateway) >= sent
    assert gateway.case(bad_uid).attempts <= 1

    if unreadable == "the study":
        for _ in range(normal.settings.max_step_attempts):
            gateway.clock.forward(1000)
            flow.settle(gateway.services)
        case = gateway.case(bad_uid)
        assert case.state == CaseState.QUARANTINED.value
        assert case.reason.startswith("Given up after 8 attempts. The clinical archive answered 500.")


def test_an_archive_that_is_away_altogether_costs_no_study_an_attempt(
    archives: System, gateway: Gateway, spoilt: Spoilt
) -> None:
    study_uid, images = study(Person(), "20230405", "FLAIR")
    send(archives, images)
    flow.follow_changes(gateway.services)
    gateway.clock.forward(60)
    spoilt.broken = frozenset({"/"})
    away = replace(gateway.services, clinical=spoilt)
    for step in (flow.settle, flow.follow_changes, flow.reconcile):
        with pytest.raises(Transient):
            step(away)
    assert (gateway.state(study_uid), gateway.case(study_uid).attempts) == (CaseState.RECEIVING, 0)


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_an_address_in_a_uid_leads_nowhere(archives: System, gateway: Gateway) -> None:
    """Orthanc takes any text for a UID."""
    address = "../../../../system"
    _, images = study(Person(), "20230405", "FLAIR")
    for image in images:
        image.StudyInstanceUID = address
    send(archives, images)
    gateway.receive_and_prepare()
    case = gateway.case(address)
    assert case.state == CaseState.QUARANTINED.value
    assert "UID is missing or is not a UID" in case.reason
