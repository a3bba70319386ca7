"""Where a site asks for faces to be removed, nothing leaves the clinical zone with one. Real servers and program."""

from __future__ import annotations

from dataclasses import replace

import httpx

from demo.installation import System
from gateway.defacing import Defacer
from processing.domain.case import CaseState
from tests.integration.gateway.conftest import Gateway
from tests.integration.gateway.sending import send
from tests.unit.gateway.brain_studies import Person, study


def test_a_study_whose_face_can_not_be_removed_stays_in_the_clinical_zone(archives: System, gateway: Gateway) -> None:
    asked_for = Gateway(replace(gateway.services, defacer=Defacer()), gateway.clock)
    person = Person()
    prior_uid, prior = study(person, "20220301", "FLAIR")
    current_uid, current = study(person, "20230405", "FLAIR")
    send(archives, prior + current)
    asked_for.receive_and_prepare()
    case = asked_for.case(current_uid)
    assert case.state == CaseState.QUARANTINED.value
    assert case.reason == "The face can't be removed: The slices are too thick to find the face in them."
    account = ("gateway", archives.secret("research-gateway"))
    with httpx.Client(base_url=archives.research_url, auth=account, trust_env=False) as client:
        for study_uid in (case.study_uid, asked_for.case(prior_uid).study_uid):
            assert client.post("/tools/lookup", content=study_uid).json() == []
