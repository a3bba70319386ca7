"""A key rotation between a patient's two studies: the comparison and its delivery go on. Real servers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from demo.installation import System
from gateway import flow
from processing.domain.case import CaseState
from processing.domain.decision import Acceptance
from tests.integration.gateway.conftest import Gateway, close, settings_for
from tests.integration.gateway.results import carry_out
from tests.integration.gateway.sending import send
from tests.integration.gateway.test_delivery import READER, in_pacs, review
from tests.unit.gateway.brain_studies import Person, study


def _rotated(archives: System, gateway: Gateway, folder: Path) -> Gateway:
    """Return the same gateway, started again with a new key and the old one behind it."""
    new_key = folder / "new-key"
    new_key.write_text("c4Xh9_pUe6-WqT0zKb3mVy8GsJ5rAn1D", encoding="utf-8")
    before = settings_for(archives, gateway.services.settings.database_url)
    settings = before.model_copy(
        update={
            "pseudonym_key_file": new_key,
            "pseudonym_key_id": "key-2",
            "pseudonym_retired_keys": f"{before.pseudonym_key_id}={before.pseudonym_key_file}",
        }
    )
    services = replace(flow.build_services(settings), clock=gateway.clock)
    flow.require_known_keys(services)
    return Gateway(services, gateway.clock)


def test_the_prior_of_before_the_rotation_is_found_and_the_result_reaches_the_patient(
    archives: System, gateway: Gateway, tmp_path: Path
) -> None:
    person, newcomer = Person(), Person()
    prior_uid, prior = study(person, "20220301", "FLAIR")
    send(archives, prior)
    gateway.receive_and_prepare()
    old_pseudonym = gateway.case(prior_uid).pseudonym
    rotated = _rotated(archives, gateway, tmp_path)
    current_uid, current = study(person, "20230405", "FLAIR")
    other_uid, other = study(newcomer, "20230405", "FLAIR")
    send(archives, current + other)
    rotated.receive_and_prepare()
    # The old key still names the patient's studies, the new one a newcomer's.
    case = gateway.case(current_uid)
    assert (case.pseudonym, case.state) == (old_pseudonym, CaseState.PSEUDONYMISED.value)
    assert rotated.case(other_uid).state == CaseState.BASELINE.value
    assert gateway.cases(other_uid) == []
    order = gateway.order(current_uid)
    flow.relay_outbox(rotated.services, lambda *_: None)
    assert flow.record_outcome(rotated.services, carry_out(order, rotated.services.research))
    review(rotated, case.case_id, Acceptance.ACCEPTABLE)
    flow.sign(rotated.services, case.case_id, READER, edit=3)
    assert flow.dispatch(rotated.services, case.case_id)
    assert {str(one.PatientID) for one in in_pacs(archives, current_uid)} == {person.patient_id}
    close(rotated)
