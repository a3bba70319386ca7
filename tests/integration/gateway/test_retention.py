"""Research copies that go, and a patient who is forgotten, on real archives."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from demo.installation import System
from gateway import flow
from gateway.admin import forgotten, patients
from gateway.admin.backup import make_backup, note_backup
from gateway.audit.trail import verify
from gateway.db.engine import make_engine
from gateway.db.tables import Base, RemovedCopies
from gateway.flow import Services
from gateway.intake.quarantine import QuarantineCipher, keep
from gateway.jobs import store
from gateway.pseudonymise.identity import PatientIdentity
from gateway.review.second_reader import ReviewRefused
from processing.domain.case import CaseState
from processing.domain.errors import InputRejected
from tests.integration.gateway.conftest import Gateway, close, make_gateway, skip_earlier_studies
from tests.integration.gateway.sending import send
from tests.integration.gateway.test_delivery import Signed, in_pacs, signed_case
from tests.unit.gateway.brain_studies import Person, study

DAY = 86400.0


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, archives: System, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway on each kind of database."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'gateway.db'}"
    else:
        url = request.getfixturevalue("empty_postgres")
    built = make_gateway(archives, url)
    skip_earlier_studies(built, archives)
    yield built
    close(built)


@pytest.fixture
def empty_postgres(postgres_url: str) -> str:
    """The server's database without any table."""
    engine = make_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return postgres_url


def series_in_research(archives: System, gateway: Gateway, study_uid: str) -> set[str]:
    """Modalities of a study's series in the research archive, by its original UID."""
    pseudonymous = gateway.services.pseudonymiser.uid(study_uid)
    account = ("gateway", archives.secret("research-gateway"))
    with httpx.Client(base_url=archives.research_url, auth=account, trust_env=False) as client:
        found = client.post("/tools/find", json={"Level": "Series", "Query": {"StudyInstanceUID": pseudonymous}}).json()
        tags = [client.get(f"/series/{series}").json()["MainDicomTags"] for series in found]
    return {str(tag["Modality"]) for tag in tags}


def in_clinical(archives: System, study_uid: str) -> bool:
    account = ("gateway", archives.secret("clinical-gateway"))
    with httpx.Client(base_url=archives.clinical_url, auth=account, trust_env=False) as client:
        return bool(client.post("/tools/lookup", content=study_uid).json())


def archived(archives: System, gateway: Gateway) -> Signed:
    signed = signed_case(archives, gateway)
    assert flow.dispatch(gateway.services, signed.case_id)
    return signed


def test_research_copies_go_after_180_days_and_signed_results_stay(archives: System, gateway: Gateway) -> None:
    signed = archived(archives, gateway)
    gateway.clock.forward(179 * DAY)
    assert flow.remove_old_copies(gateway.services) == 0
    gateway.clock.forward(2 * DAY)
    assert series_in_research(archives, gateway, signed.study_uid) >= {"MR", "SEG", "SR"}
    # Other tests' studies in the shared archive may be among them.
    assert flow.remove_old_copies(gateway.services) >= 2, "the study's and its prior's"
    assert series_in_research(archives, gateway, signed.study_uid).isdisjoint({"MR"})
    assert series_in_research(archives, gateway, signed.study_uid) >= {"SEG", "SR"}
    assert in_clinical(archives, signed.study_uid), "originals are never touched"
    assert in_pacs(archives, signed.study_uid)
    assert flow.remove_old_copies(gateway.services) == 0
    with gateway.services.sessions() as session:
        assert verify(session).problem == ""
        assert session.query(RemovedCopies).count() >= 2
    with pytest.raises(ReviewRefused, match="retention time"):
        flow.reopen(gateway.services, signed.case_id, "reader", "A lesion was missed.")


def test_a_legal_hold_stops_that(archives: System, gateway: Gateway) -> None:
    signed = archived(archives, gateway)
    pseudonym = gateway.case(signed.study_uid).pseudonym
    flow.hold(gateway.services, pseudonym, actor="otto", reason="A letter of a lawyer about Ida Möller.")
    gateway.clock.forward(400 * DAY)
    flow.remove_old_copies(gateway.services)
    assert "MR" in series_in_research(archives, gateway, signed.study_uid)
    with pytest.raises(InputRejected, match="legal hold"):
        flow.erase_pseudonym(gateway.services, pseudonym, actor="otto")
    with gateway.services.sessions() as session:
        assert "Möller" not in str(session.execute(text("SELECT reason FROM legal_holds")).all())
    assert flow.lift_hold(gateway.services, pseudonym, actor="otto") == 1
    flow.remove_old_copies(gateway.services)
    assert "MR" not in series_in_research(archives, gateway, signed.study_uid)


def test_what_is_not_in_the_pacs_yet_stays_however_full_the_disk_is(archives: System, gateway: Gateway) -> None:
    waiting, done = signed_case(archives, gateway), archived(archives, gateway)
    gateway.clock.forward(2 * 3600)
    full = replace(gateway.services, settings=gateway.services.settings.model_copy(update={"emergency_free_mb": 2**40}))
    assert flow.make_room(full) >= 2
    assert series_in_research(archives, gateway, done.study_uid).isdisjoint({"MR"})
    assert "MR" in series_in_research(archives, gateway, waiting.study_uid)
    assert in_clinical(archives, done.study_uid)
    assert flow.dispatch(gateway.services, waiting.case_id)
    assert gateway.state(waiting.study_uid) is CaseState.ARCHIVED


def test_with_room_enough_nothing_goes_before_its_time(archives: System, gateway: Gateway) -> None:
    signed = archived(archives, gateway)
    gateway.clock.forward(2 * 3600)
    roomy = replace(gateway.services, settings=gateway.services.settings.model_copy(update={"emergency_free_mb": 0}))
    assert flow.make_room(roomy) == 0
    assert "MR" in series_in_research(archives, gateway, signed.study_uid)


def rows_with(services: Services, words: set[str]) -> set[str]:
    """Names of the tables in which one of the words stands anywhere."""
    found = set()
    with services.sessions() as session:
        for table in Base.metadata.sorted_tables:
            for row in session.execute(table.select()):
                said = json.dumps([str(value) for value in row])
                if any(word in said for word in words):
                    found.add(table.name)
    return found


def test_a_patient_is_forgotten_everywhere_and_no_other_one_is(
    archives: System, either: Gateway, tmp_path: Path
) -> None:
    gateway, services = either, either.services
    signed, other = archived(archives, gateway), archived(archives, gateway)
    identity = PatientIdentity(signed.person.patient_id, signed.person.issuer)
    namesake = Person(patient_id=signed.person.patient_id, issuer="ANOTHER HOSPITAL")
    namesake_uid, images = study(namesake, "20230405", "FLAIR")
    send(archives, images)
    gateway.receive_and_prepare()
    settings = services.settings
    cipher = QuarantineCipher(settings.pseudonym_key, settings.pseudonym_key_id, settings.retired_keys)
    with services.sessions.begin() as session:
        keep(session, b"about " + signed.person.patient_id.encode(), source="upload", reason="odd", cipher=cipher)
        keep(session, b"about somebody else", source="upload", reason="odd", cipher=cipher)
    made = make_backup(settings, tmp_path / "backups", images=False)
    note_backup(settings, made)
    case = gateway.case(signed.study_uid)
    (prior_uid,) = study_uids_of(services, case.pseudonym) - {case.study_uid}

    asked = Namespace(patient=identity.patient_id, issuer=identity.issuer_of_patient_id, by="otto", confirm=None)
    said = patients.erase(services, asked)
    assert f"--confirm {case.pseudonym}" in said[-1]
    assert in_clinical(archives, signed.study_uid), "without the confirmation nothing is done"
    with pytest.raises(InputRejected, match="confirmation"):
        patients.erase(services, Namespace(**(vars(asked) | {"confirm": "IV-SOMEBODYELSE"})))
    said = patients.erase(services, Namespace(**(vars(asked) | {"confirm": case.pseudonym})))
    assert said[0] == "Erased: 2 cases of 2 studies, 1 quarantined files."
    assert any(str(made.folder.resolve()) in line for line in said)
    assert forgotten.since(tmp_path / "backups", made.manifest.made_at) == {case.pseudonym}

    assert not in_clinical(archives, signed.study_uid)
    assert series_in_research(archives, gateway, signed.study_uid) == set()
    assert rows_with(services, {case.study_uid, prior_uid}) == set()
    assert rows_with(services, {case.pseudonym, case.case_id}) == {"audit_trail"}
    assert in_clinical(archives, other.study_uid)
    assert in_clinical(archives, namesake_uid), "the same patient ID of another issuer is another patient"
    assert gateway.state(other.study_uid) is CaseState.ARCHIVED
    with services.sessions() as session:
        assert verify(session).problem == ""
        with pytest.raises(DBAPIError, match="only"):
            session.execute(text("DELETE FROM audit_trail"))


def study_uids_of(services: Services, pseudonym: str) -> set[str]:
    """Pseudonymous UIDs of a patient's studies."""
    with services.sessions() as session:
        return {case.study_uid for case in store.cases_of_patient(session, pseudonym)}
