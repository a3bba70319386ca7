"""From a signature to the PACS, with the PACS away, and with a patient who was corrected meanwhile. Real servers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.uid import (
    Comprehensive3DSRStorage,
    EncapsulatedPDFStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
    SpatialRegistrationStorage,
)

from demo.installation import System
from gateway import flow
from gateway.audit.trail import verify
from gateway.db.tables import Case, Delivery, User
from gateway.dispatch.target import Acknowledged, Target
from gateway.dispatch.targets import make_targets
from gateway.flow import Services
from gateway.jobs import store
from gateway.review import decisions
from processing.domain.case import CaseState
from processing.domain.decision import Acceptance, Verdict
from processing.domain.errors import InputRejected, Transient
from processing.domain.versions import Basis, Ledger, VersionEntry, VolumeLimits
from tests.integration.gateway.conftest import Gateway
from tests.integration.gateway.results import carry_out
from tests.integration.gateway.sending import delete_study, send
from tests.unit.gateway.brain_studies import Person, new_uid, study
from validation.gate import write_ledger

READER = "reader"
NOTHING_CLINICAL = frozenset({Comprehensive3DSRStorage, SecondaryCaptureImageStorage, EncapsulatedPDFStorage})


@dataclass(frozen=True)
class Signed:
    """A case that a reader signed."""

    person: Person
    study_uid: str
    case_id: str
    images: list[Dataset]


def signed_case(
    archives: System, gateway: Gateway, acceptance: Acceptance = Acceptance.ACCEPTABLE, name: str = "Möller^Ida"
) -> Signed:
    """Bring a patient's two studies all the way to a signature."""
    person = Person(name=name)
    _, prior = study(person, "20220301", "FLAIR")
    study_uid, images = study(person, "20230405", "FLAIR")
    send(archives, prior + images)
    gateway.receive_and_prepare()
    flow.relay_outbox(gateway.services, lambda *_: None)
    assert flow.record_outcome(gateway.services, carry_out(gateway.order(study_uid), gateway.services.research))
    case_id = gateway.case(study_uid).case_id
    review(gateway, case_id, acceptance)
    flow.sign(gateway.services, case_id, READER, edit=3)
    return Signed(person, study_uid, case_id, images)


def review(gateway: Gateway, case_id: str, acceptance: Acceptance) -> None:
    with gateway.services.sessions.begin() as session:
        if session.get(User, READER) is None:
            session.add(
                User(
                    user_name=READER, display_name="Dr. Rita Reader", role="reader", password_hash="-", failed_logins=0
                )
            )
            session.flush()
        case = store.locked_case(session, case_id)
        assert case is not None
        job = store.latest_job(case)
        assert job is not None
        decisions.change_verdict(session, case, job, 1, Verdict.ACCEPTED, reader=READER, edit=0)
        decisions.change_verdict(session, case, job, 2, Verdict.REJECTED, reader=READER, edit=1)
        decisions.change_assessment(
            session, case, job, acceptance=acceptance, rating=4, comment="Motion.", reader=READER, edit=2
        )


def in_pacs(archives: System, study_uid: str) -> list[Dataset]:
    with httpx.Client(
        base_url=archives.pacs_url, auth=("demo", archives.secret("pacs-demo")), trust_env=False
    ) as client:
        found = client.post("/tools/lookup", content=study_uid).json()
        files = [
            client.get(f"/instances/{line['ID']}/file").content
            for study_found in found
            for line in client.get(f"/studies/{study_found['ID']}/instances").json()
        ]
    return [dcmread(BytesIO(file)) for file in files]


def _towards(gateway: Gateway, port: int) -> Services:
    settings = gateway.services.settings.model_copy(update={"target_port": port})
    return replace(gateway.services, targets=make_targets(settings), settings=settings)


@dataclass
class Picky:
    """The real PACS behind a filter that knows only some SOP classes, and a count of what was sent."""

    proof = "read back"

    target: Target
    unknown: frozenset[str]
    sent: int = 0
    name: str = "pacs"

    def send(self, datasets: Sequence[Dataset], acknowledged: Acknowledged) -> frozenset[str]:
        known = [one for one in datasets if one.SOPClassUID not in self.unknown]
        self.sent += len(known)
        self.target.send(known, acknowledged)
        return frozenset(str(one.SOPClassUID) for one in datasets) & self.unknown

    def confirm(self, datasets: Sequence[Dataset]) -> frozenset[str]:
        return self.target.confirm(datasets)

    def request_commitment(self, transaction_uid: str, datasets: Sequence[Dataset]) -> bool:
        return self.target.request_commitment(transaction_uid, datasets)

    def echo(self) -> None:
        self.target.echo()


@dataclass
class Shelf:
    """A target that keeps what it is given as it came, and may be away."""

    proof = "read back"

    name: str
    away: bool = False
    held: dict[str, bytes] = field(default_factory=dict)

    def send(self, datasets: Sequence[Dataset], acknowledged: Acknowledged) -> frozenset[str]:
        self.echo()
        for dataset in datasets:
            written = BytesIO()
            dcmwrite(written, dataset, enforce_file_format=True)
            self.held[str(dataset.SOPInstanceUID)] = written.getvalue()
            acknowledged(str(dataset.SOPInstanceUID))
        return frozenset()

    def confirm(self, datasets: Sequence[Dataset]) -> frozenset[str]:
        self.echo()
        return frozenset({str(dataset.SOPInstanceUID) for dataset in datasets} & self.held.keys())

    def request_commitment(self, _transaction_uid: str, _datasets: Sequence[Dataset]) -> bool:
        return False

    def echo(self) -> None:
        if self.away:
            raise Transient("The PACS can't be reached.")


def the_pacs(gateway: Gateway) -> Target:
    (target,) = gateway.services.targets
    return target


def towards(gateway: Gateway, *targets: Target) -> Services:
    return replace(gateway.services, targets=targets)


@pytest.mark.parametrize("acceptance", list(Acceptance))
def test_a_signed_result_reaches_the_pacs_under_the_patient_s_own_study(
    archives: System, gateway: Gateway, acceptance: Acceptance
) -> None:
    signed = signed_case(archives, gateway, acceptance)
    assert gateway.state(signed.study_uid) is CaseState.SIGNED
    assert flow.dispatch(gateway.services, signed.case_id)
    assert gateway.state(signed.study_uid) is CaseState.ARCHIVED
    there = in_pacs(archives, signed.study_uid)
    with gateway.services.sessions() as session:
        deliveries = store.deliveries_of(session, signed.case_id)
    assert {row.sop_instance_uid for row in deliveries} == {str(one.SOPInstanceUID) for one in there}
    assert all(row.confirmed_at is not None for row in deliveries)
    assert {(str(one.PatientID), str(one.PatientName)) for one in there} == {(signed.person.patient_id, "Möller^Ida")}
    assert {str(one.StudyDate) for one in there} == {"20230405"}
    modalities = {str(one.Modality) for one in there}
    assert modalities >= {"SEG", "SR"} if acceptance is Acceptance.ACCEPTABLE else modalities == {"KO", "DOC"}
    assert not flow.dispatch(gateway.services, signed.case_id)


def test_what_is_signed_after_reopening_replaces_what_the_pacs_holds(archives: System, gateway: Gateway) -> None:
    signed = signed_case(archives, gateway)
    assert flow.dispatch(gateway.services, signed.case_id)
    first = {str(one.SOPInstanceUID): one for one in in_pacs(archives, signed.study_uid) if is_ours(one)}
    flow.reopen(gateway.services, signed.case_id, READER, "A lesion was missed.")
    assert gateway.state(signed.study_uid) is CaseState.READY_FOR_REVIEW
    with gateway.services.sessions.begin() as session:
        case = store.locked_case(session, signed.case_id)
        assert case is not None
        job = store.latest_job(case)
        assert job is not None
        opened = decisions.review_of(session, job)
        assert opened is not None
        edit = opened.edit
        decisions.change_verdict(session, case, job, 2, Verdict.ACCEPTED, reader=READER, edit=edit)
    flow.sign(gateway.services, signed.case_id, READER, edit=edit + 1)
    assert flow.dispatch(gateway.services, signed.case_id)
    assert gateway.state(signed.study_uid) is CaseState.ARCHIVED
    second = [one for one in in_pacs(archives, signed.study_uid) if is_ours(one) and one.SOPInstanceUID not in first]
    (withdrawal,) = [one for one in second if one.Modality == "KO"]
    named = {str(e.value) for e in withdrawal.iterall() if e.keyword == "ReferencedSOPInstanceUID"}
    assert named == set(first)
    (report,) = [one for one in second if one.Modality == "SR"]
    before = report.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert first[str(before.ReferencedSOPInstanceUID)].Modality == "SR"
    (segmentation,) = [one for one in second if one.Modality == "SEG"]
    assert len(segmentation.SegmentSequence) == 2
    with gateway.services.sessions() as session:
        assert verify(session).problem == ""


def is_ours(dataset: Dataset) -> bool:
    return str(dataset.get("Manufacturer", "")) == "Interval"


def test_nothing_is_lost_while_the_pacs_is_away(archives: System, gateway: Gateway) -> None:
    signed = signed_case(archives, gateway)
    flow.dispatch(_towards(gateway, 9), signed.case_id)
    case = gateway.case(signed.study_uid)
    assert (case.state, case.attempts, case.lease_owner) == (CaseState.DISPATCHING.value, 1, None)
    assert case.reason == "pacs: The PACS can't be reached."
    with gateway.services.sessions() as session:
        assert store.due_cases(session, [CaseState.DISPATCHING], now=gateway.clock.now) == []
        gateway.clock.forward(gateway.services.settings.retry_base_s)
        assert store.due_cases(session, [CaseState.DISPATCHING], now=gateway.clock.now) == [signed.case_id]
    assert flow.dispatch(gateway.services, signed.case_id)
    assert gateway.state(signed.study_uid) is CaseState.ARCHIVED


def test_a_pacs_may_be_away_for_long_and_a_retry_goes_on_from_the_signature(archives: System, gateway: Gateway) -> None:
    signed = signed_case(archives, gateway)
    nobody = _towards(gateway, 9)
    for _ in range(gateway.services.settings.max_step_attempts + 2):
        flow.dispatch(nobody, signed.case_id)
    case = gateway.case(signed.study_uid)
    assert case.state == CaseState.DISPATCHING.value
    assert "PACS" in case.reason
    assert flow.fail(gateway.services, signed.case_id, "dispatch", "The PACS refuses it.")
    flow.retry(gateway.services, signed.case_id, "operator")
    assert gateway.state(signed.study_uid) is CaseState.SIGNED
    assert flow.dispatch(gateway.services, signed.case_id)
    assert (gateway.state(signed.study_uid), gateway.case(signed.study_uid).reason) == (CaseState.ARCHIVED, "")
    with pytest.raises(InputRejected, match="nothing to try again"):
        flow.retry(gateway.services, signed.case_id, "operator")


def test_every_target_gets_the_same_however_late(
    archives: System, gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = signed_case(archives, gateway)
    near, far = Shelf("near"), Shelf("far", away=True)
    flow.dispatch(towards(gateway, near, far), signed.case_id)
    assert gateway.state(signed.study_uid) is CaseState.DISPATCHING
    # Meanwhile the reader is called otherwise, the ledger says more of the version, an earlier study of the patient
    # turns out to have been measured by one that does not compare, and the site's clock is set to another zone.
    case = gateway.case(signed.study_uid)
    limits = VolumeLimits(low_mm3=0, high_mm3=None, factor=1.2, difference_mm3=9, lesions=9)
    today = gateway.clock.now.date()
    entry = VersionEntry(version=case.version, basis=Basis.FIRST, decided=today, limits=(limits,))
    write_ledger(Ledger(pipelines={case.pipeline: (entry,)}), tmp_path / "ledger.yaml")
    monkeypatch.setenv("INTERVAL_COMPATIBILITY_FILE", str(tmp_path / "ledger.yaml"))
    with gateway.services.sessions.begin() as session:
        session.get_one(User, READER).display_name = "Dr. Rita Otherwise"
        prior = session.get_one(Case, case.prior_case_id)
        prior.pipeline, prior.version, prior.state = case.pipeline, "0.0.1", CaseState.ARCHIVED.value
    far.away = False
    gateway.clock.forward(gateway.services.settings.retry_base_s)
    later = towards(gateway, near, far)
    settings = later.settings.model_copy(update={"time_zone": "Asia/Kolkata"})
    assert flow.dispatch(replace(later, settings=settings), signed.case_id)
    assert gateway.state(signed.study_uid) is CaseState.ARCHIVED
    assert far.held
    assert {uid for uid in near.held.keys() | far.held if near.held.get(uid) != far.held.get(uid)} == set()


def test_a_dispatch_that_was_interrupted_sends_nothing_twice(archives: System, gateway: Gateway) -> None:
    signed = signed_case(archives, gateway)

    class Interrupted(BaseException):
        pass

    class DiesAfterSending(Picky):
        def send(self, datasets: Sequence[Dataset], acknowledged: Acknowledged) -> frozenset[str]:
            super().send(datasets, acknowledged)
            raise Interrupted

    with pytest.raises(Interrupted):
        flow.dispatch(towards(gateway, DiesAfterSending(the_pacs(gateway), frozenset())), signed.case_id)
    once = {str(one.SOPInstanceUID) for one in in_pacs(archives, signed.study_uid)}
    assert once
    assert flow.dispatch(gateway.services, signed.case_id)
    assert {str(one.SOPInstanceUID) for one in in_pacs(archives, signed.study_uid)} == once


def test_what_the_pacs_does_not_take_is_left_out_and_said(archives: System, gateway: Gateway) -> None:
    signed = signed_case(archives, gateway)
    picky = Picky(the_pacs(gateway), frozenset({SegmentationStorage, SpatialRegistrationStorage}))
    assert flow.dispatch(towards(gateway, picky), signed.case_id)
    case = gateway.case(signed.study_uid)
    assert case.state == CaseState.ARCHIVED.value
    assert case.events[-1].detail.endswith("(read back), the PACS does not take Segmentation, Spatial Registration")
    there = in_pacs(archives, signed.study_uid)
    assert {str(one.Modality) for one in there}.isdisjoint({"SEG", "REG"})
    with gateway.services.sessions() as session:
        deliveries = store.deliveries_of(session, signed.case_id)
    assert {row.sop_instance_uid for row in deliveries} == {str(one.SOPInstanceUID) for one in there}


def test_a_pacs_that_takes_neither_report_nor_pictures_archives_nothing(archives: System, gateway: Gateway) -> None:
    signed = signed_case(archives, gateway)
    picky = Picky(
        the_pacs(gateway),
        frozenset({SegmentationStorage, *NOTHING_CLINICAL}),
    )
    assert not flow.dispatch(towards(gateway, picky), signed.case_id)
    case = gateway.case(signed.study_uid)
    assert case.state == CaseState.QUARANTINED.value
    assert "no Comprehensive 3D SR" in case.reason


def test_what_the_pacs_holds_already_is_not_sent_again(archives: System, gateway: Gateway) -> None:
    signed = signed_case(archives, gateway)
    first = Picky(the_pacs(gateway), NOTHING_CLINICAL)
    flow.dispatch(towards(gateway, first), signed.case_id)
    flow.retry(gateway.services, signed.case_id, "operator")
    second = Picky(the_pacs(gateway), frozenset())
    assert flow.dispatch(towards(gateway, second), signed.case_id)
    assert first.sent > 0
    assert first.sent + second.sent == len(in_pacs(archives, signed.study_uid))


def test_a_patient_who_was_corrected_meanwhile_stops_the_delivery(archives: System, gateway: Gateway) -> None:
    signed = signed_case(archives, gateway)
    delete_study(archives, signed.study_uid)
    for image in signed.images:
        image.PatientName = "Meier^Ida"
    send(archives, signed.images)
    assert not flow.dispatch(gateway.services, signed.case_id)
    case = gateway.case(signed.study_uid)
    assert case.state == CaseState.QUARANTINED.value
    assert "changed since" in case.reason
    assert in_pacs(archives, signed.study_uid) == []


def test_results_that_come_back_from_the_pacs_start_nothing(archives: System, gateway: Gateway) -> None:
    signed = signed_case(archives, gateway)
    assert flow.dispatch(gateway.services, signed.case_id)
    send(archives, in_pacs(archives, signed.study_uid))
    gateway.receive_and_prepare()
    (only,) = gateway.cases(signed.study_uid)
    assert only.state == CaseState.ARCHIVED.value


def test_late_images_make_a_new_revision_beside_the_archived_one(archives: System, gateway: Gateway) -> None:
    signed = signed_case(archives, gateway)
    assert flow.dispatch(gateway.services, signed.case_id)
    _, more = study(signed.person, "20230405", "T2")
    for image in more:
        image.StudyInstanceUID = signed.study_uid
    send(archives, more)
    gateway.receive_and_prepare()
    old, new = gateway.cases(signed.study_uid)
    assert (old.state, new.state) == (CaseState.SUPERSEDED.value, CaseState.PSEUDONYMISED.value)


def test_a_signature_that_stands_in_quarantine_is_not_lost_to_late_images(archives: System, gateway: Gateway) -> None:
    signed = signed_case(archives, gateway)
    flow.dispatch(_towards(gateway, 9), signed.case_id)
    assert flow.fail(gateway.services, signed.case_id, "dispatch", "The PACS refuses it.")
    _, more = study(signed.person, "20230405", "T2")
    for image in more:
        image.StudyInstanceUID = signed.study_uid
    send(archives, more)
    gateway.receive_and_prepare()
    old, new = gateway.cases(signed.study_uid)
    assert (old.case_id, old.state) == (signed.case_id, CaseState.SUPERSEDED.value)
    assert "replaces this one" in old.reason
    assert (new.state, new.revision) == (CaseState.PSEUDONYMISED.value, 2)
    with gateway.services.sessions() as session:
        kept = decisions.review_of(session, old.jobs[-1])
        assert kept is not None
        assert kept.signed_at is not None


def test_only_what_is_released_now_must_have_arrived(archives: System, gateway: Gateway) -> None:
    signed = signed_case(archives, gateway)
    left_behind = {"kind": "SEG", "sop_class_uid": "1.2.840.10008.5.1.4.1.1.66.4", "case_id": signed.case_id}
    with gateway.services.sessions.begin() as session:
        session.add(Delivery(target=the_pacs(gateway).name, sop_instance_uid=new_uid(), **left_behind))
        session.add(Delivery(target="another", sop_instance_uid=new_uid(), **left_behind))
    assert flow.dispatch(gateway.services, signed.case_id)
    assert gateway.state(signed.study_uid) is CaseState.ARCHIVED


def test_signing_needs_a_complete_review_and_changes_nothing_without(archives: System, gateway: Gateway) -> None:
    person = Person()
    _, prior = study(person, "20220301", "FLAIR")
    study_uid, images = study(person, "20230405", "FLAIR")
    send(archives, prior + images)
    gateway.receive_and_prepare()
    case_id = gateway.case(study_uid).case_id
    with pytest.raises(InputRejected):
        flow.sign(gateway.services, case_id, READER, edit=0)
    with pytest.raises(InputRejected):
        flow.sign(gateway.services, "no-such-case", READER, edit=0)
    assert gateway.state(study_uid) is CaseState.PSEUDONYMISED
