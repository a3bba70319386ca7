"""One study that the archive or the vault can't read, or that lies, holds up nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from sqlalchemy import delete, select

from demo.installation import System
from gateway import flow
from gateway.clinical import ClinicalArchive
from gateway.db.tables import Case, Event, VaultEntry
from gateway.receive.changes import write_cursor
from processing.domain.case import CaseState
from processing.domain.errors import Transient
from tests.integration.gateway.conftest import Gateway
from tests.integration.gateway.sending import send
from tests.unit.gateway.brain_studies import Person, study


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
    assert gateway.read_up_to() >= sent


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
    assert gateway.read_up_to() >= sent
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
