"""No case is routed to a version that the validation gate has not passed; an operator may permit it, with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.installation import System
from gateway import flow
from gateway.flow import release
from processing.domain.case import CaseState
from processing.pipelines.registry import SPECS
from tests.integration.gateway.conftest import Gateway
from tests.integration.gateway.sending import send
from tests.unit.gateway.brain_studies import Person, study


def test_a_version_that_has_not_passed_gets_no_case_until_an_operator_permits_it(
    archives: System, gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERVAL_COMPATIBILITY_FILE", str(tmp_path / "there is none"))
    person = Person()
    _, prior = study(person, "20220301", "FLAIR")
    current_uid, current = study(person, "20230405", "FLAIR")
    send(archives, current + prior)

    gateway.receive_and_prepare()

    case = gateway.case(current_uid)
    assert case.state == CaseState.NOT_ROUTED.value
    assert "has not been through the validation gate" in case.reason
    assert "operator" in case.reason

    spec = SPECS[0]
    reason = "needed for the reader study"
    release.permit_version(gateway.services, spec.name, spec.version, actor="otto", role="operator", reason=reason)
    flow.retry(gateway.services, case.case_id, "otto")
    gateway.prepare_all()
    assert gateway.state(current_uid) is CaseState.PSEUDONYMISED
    assert gateway.order(current_uid).version == spec.version
