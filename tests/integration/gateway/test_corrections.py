"""A patient's data is corrected or merged in the clinical archive: what an operator confirms, and what follows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from io import BytesIO

import httpx
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from demo.installation import System
from gateway import flow
from gateway.db.tables import Case
from gateway.jobs import store
from processing.domain.case import CaseState
from processing.domain.decision import Acceptance
from processing.domain.errors import InputRejected, Transient
from tests.integration.gateway.conftest import Gateway
from tests.integration.gateway.results import carry_out
from tests.integration.gateway.sending import delete_study, send
from tests.integration.gateway.test_delivery import READER, Signed, in_pacs, review, signed_case
from tests.unit.gateway.brain_studies import Person, study

WHY = "misspelt at admission"


def _resend(archives: System, images: list[Dataset], **patient: str) -> None:
    """Correct the patient of a study in the clinical archive, as a PACS does: the same images, other data."""
    delete_study(archives, str(images[0].StudyInstanceUID))
    for image in images:
        for keyword, value in patient.items():
            setattr(image, keyword, value)
    send(archives, images)


def _take_over(gateway: Gateway, case_id: str, *, merge: bool = False) -> flow.CorrectionResult:
    return flow.take_over_patient(gateway.services, case_id, "otto", WHY, merge=merge)


def _research(archives: System, study_uid: str) -> list[Dataset]:
    """Return a header of each copy of a pseudonymous study in the research archive."""
    account = ("gateway", archives.secret("research-gateway"))
    with httpx.Client(base_url=archives.research_url, auth=account, trust_env=False) as client:
        copies = [line for line in client.post("/tools/lookup", content=study_uid).json() if line["Type"] == "Study"]
        firsts = [client.get(f"/studies/{copy['ID']}/instances").json()[0]["ID"] for copy in copies]
        return [dcmread(BytesIO(client.get(f"/instances/{first}/file").content)) for first in firsts]


def _stopped_delivery(archives: System, gateway: Gateway, **patient: str) -> Signed:
    signed = signed_case(archives, gateway)
    _resend(archives, signed.images, **patient)
    assert not flow.dispatch(gateway.services, signed.case_id)
    assert gateway.state(signed.study_uid) is CaseState.QUARANTINED
    return signed


def test_after_a_correction_the_stopped_delivery_reaches_the_corrected_patient(
    archives: System, gateway: Gateway
) -> None:
    signed = _stopped_delivery(archives, gateway, PatientName="Meier^Ida")
    assert _take_over(gateway, signed.case_id) == flow.CorrectionResult(studies=1, prepared_again=0)
    flow.retry(gateway.services, signed.case_id, "otto")
    assert flow.dispatch(gateway.services, signed.case_id)
    assert gateway.state(signed.study_uid) is CaseState.ARCHIVED
    assert {str(one.PatientName) for one in in_pacs(archives, signed.study_uid)} == {"Meier^Ida"}
    study_uid = gateway.case(signed.study_uid).study_uid
    with gateway.services.sessions() as session:
        (row,) = flow.corrections(session)
        said = (row.operation, row.actor, row.reason, row.changed)
        assert said == ("patient data corrected", "otto", WHY, "PatientName")
        assert row.study_uid == row.new_study_uid == study_uid
    with pytest.raises(InputRejected, match="holds already"):
        _take_over(gateway, signed.case_id)


def test_a_corrected_study_can_be_prepared_again_though_its_files_changed(archives: System, gateway: Gateway) -> None:
    person = Person()
    _, prior = study(person, "20220301", "FLAIR")
    study_uid, images = study(person, "20230405", "FLAIR")
    send(archives, prior + images)
    gateway.receive_and_prepare()
    _resend(archives, images, PatientName="Möller-Meier^Ida", PatientBirthDate="19710315")
    _resend(archives, prior, PatientName="Möller-Meier^Ida", PatientBirthDate="19710315")
    done = _take_over(gateway, gateway.case(study_uid).case_id)
    assert done == flow.CorrectionResult(studies=2, prepared_again=0)
    _, more = study(person, "20230405", "T2")
    for image in more:
        image.StudyInstanceUID, image.PatientName = study_uid, "Möller-Meier^Ida"
        image.PatientBirthDate = "19710315"
    send(archives, more)
    gateway.receive_and_prepare()
    assert [case.state for case in gateway.cases(study_uid)] == ["superseded", "pseudonymised"]


def test_a_corrected_sex_makes_the_measurements_anew(archives: System, gateway: Gateway) -> None:
    signed = _stopped_delivery(archives, gateway, PatientSex="M")
    study_uid = gateway.case(signed.study_uid).study_uid
    with gateway.services.sessions() as session:
        pseudonym = session.get_one(Case, signed.case_id).pseudonym
        others = [case.study_uid for case in store.cases_of_patient(session, pseudonym) if case.study_uid != study_uid]
    prior = gateway.services.vault.get(others[0])
    assert _take_over(gateway, signed.case_id) == flow.CorrectionResult(studies=1, prepared_again=1)
    assert gateway.state(signed.study_uid) is CaseState.RECEIVING
    # The prior still says another sex: that is for a person to look at.
    gateway.receive_and_prepare()
    assert "another sex" in gateway.case(signed.study_uid).reason
    # Nothing that was signed before is delivered by trying again.
    flow.retry(gateway.services, gateway.case(signed.study_uid).case_id, "otto")
    assert gateway.state(signed.study_uid) is CaseState.COMPLETE
    prior_files = gateway.services.clinical.study(prior.original_study_instance_uid)
    assert prior_files is not None
    contents: list[Dataset] = [
        dcmread(BytesIO(gateway.services.clinical.instance(one))) for one in prior_files.series[0].instances
    ]
    _resend(archives, contents, PatientSex="M")
    assert _take_over(gateway, _case_of(gateway, others[0])).studies == 1
    gateway.receive_and_prepare()
    assert gateway.state(signed.study_uid) is CaseState.PSEUDONYMISED
    assert [str(copy.PatientSex) for copy in _research(archives, study_uid)] == ["M"]


def _case_of(gateway: Gateway, study_uid: str) -> str:
    with gateway.services.sessions() as session:
        case = store.newest_revision(session, study_uid)
        assert case is not None
        return case.case_id


def test_a_merged_patient_s_studies_are_prepared_again_beside_the_surviving_patient_s(
    archives: System, gateway: Gateway
) -> None:
    retired = signed_case(archives, gateway)
    survivor = Person()
    _, earlier = study(survivor, "20190102", "FLAIR")
    send(archives, earlier)
    gateway.receive_and_prepare()
    before = gateway.case(retired.study_uid)
    _resend(archives, retired.images, PatientID=survivor.patient_id)
    # The prior of the signed comparison stays with the retired patient ID: the two are now two persons.
    assert not flow.dispatch(gateway.services, retired.case_id)
    with pytest.raises(InputRejected, match="as a merge"):
        _take_over(gateway, retired.case_id)
    assert _take_over(gateway, retired.case_id, merge=True).prepared_again == 1
    gateway.receive_and_prepare()
    now = gateway.case(retired.study_uid)
    assert now.state == CaseState.PSEUDONYMISED.value
    assert now.pseudonym != before.pseudonym
    assert now.readable_name != before.readable_name
    assert now.prior_case_id != before.prior_case_id
    copies = _research(archives, now.study_uid)
    assert [str(copy.PatientID) for copy in copies] == [now.pseudonym]
    # All the way to the PACS, under the surviving patient.
    order = gateway.order(retired.study_uid)
    flow.relay_outbox(gateway.services, lambda *_: None)
    assert flow.record_outcome(gateway.services, carry_out(order, gateway.services.research))
    review(gateway, now.case_id, Acceptance.ACCEPTABLE)
    flow.sign(gateway.services, now.case_id, READER, edit=3)
    assert flow.dispatch(gateway.services, now.case_id)
    assert {str(one.PatientID) for one in in_pacs(archives, retired.study_uid)} == {survivor.patient_id}


def test_a_merge_replaces_a_result_and_those_that_were_compared_with_it(archives: System, gateway: Gateway) -> None:
    person, survivor = Person(), Person()
    prior_uid, prior = study(person, "20220301", "FLAIR")
    current_uid, current = study(person, "20230405", "FLAIR")
    send(archives, prior + current)
    gateway.receive_and_prepare()
    assert gateway.state(current_uid) is CaseState.PSEUDONYMISED
    # Only the prior turns out to be another person's: the comparison with it must not stand.
    _resend(archives, prior, PatientID=survivor.patient_id)
    done = _take_over(gateway, gateway.case(prior_uid).case_id, merge=True)
    assert done == flow.CorrectionResult(studies=1, prepared_again=2)
    gateway.receive_and_prepare()
    assert [case.state for case in gateway.cases(current_uid)] == ["superseded", "baseline"]
    assert gateway.case(prior_uid).pseudonym == gateway.services.pseudonymiser.pseudonym(
        gateway.services.vault.get(gateway.case(prior_uid).study_uid).identity
    )


def test_nothing_is_taken_over_while_it_is_not_clear_whose_it_is(archives: System, gateway: Gateway) -> None:
    signed = signed_case(archives, gateway)
    with pytest.raises(InputRejected, match="holds already"):
        _take_over(gateway, signed.case_id)
    with pytest.raises(InputRejected, match="nothing is to be merged"):
        _take_over(gateway, signed.case_id, merge=True)
    with pytest.raises(InputRejected, match="no such case"):
        _take_over(gateway, "none")
    _, second = study(signed.person, "20230405", "T2")
    for image in second:
        image.StudyInstanceUID = signed.study_uid
    # One image in the middle is enough: an archive may have been corrected half-way.
    second[len(second) // 2].PatientName = "Meier^Ida"
    send(archives, second)
    with pytest.raises(InputRejected, match="do not agree"):
        _take_over(gateway, signed.case_id)
    for image in second:
        image.PatientID = "another"
    send(archives, second)
    with pytest.raises(InputRejected, match="several patient IDs"):
        _take_over(gateway, signed.case_id)
    delete_study(archives, signed.study_uid)
    with pytest.raises(InputRejected, match="no longer holds"):
        _take_over(gateway, signed.case_id)
    with gateway.services.sessions() as session:
        assert flow.corrections(session) == []


def test_a_step_at_work_is_waited_for(archives: System, gateway: Gateway) -> None:
    signed = signed_case(archives, gateway)
    _resend(archives, signed.images, PatientName="Meier^Ida")
    with gateway.services.sessions.begin() as session:
        assert store.claim(session, signed.case_id, "a step", 60, now=gateway.clock.now)
    with pytest.raises(Transient, match="in a minute"):
        _take_over(gateway, signed.case_id)
    with gateway.services.sessions() as session:
        assert flow.corrections(session) == []
    gateway.clock.forward(61)
    assert _take_over(gateway, signed.case_id).studies == 1


def test_a_trail_that_can_not_be_written_stops_the_change(archives: System, gateway: Gateway) -> None:
    signed = _stopped_delivery(archives, gateway, PatientName="Meier^Ida")
    before = gateway.services.vault.get(gateway.case(signed.study_uid).study_uid)

    class Interrupted(BaseException):
        pass

    told = []

    def clock() -> datetime:
        told.append(1)
        if len(told) > 1:
            raise Interrupted
        return gateway.clock.now

    with pytest.raises(Interrupted):
        flow.take_over_patient(replace(gateway.services, clock=clock), signed.case_id, "otto", WHY, merge=False)
    assert gateway.services.vault.get(before.study_instance_uid) == before
