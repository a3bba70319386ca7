"""A new key on a database with patients in it: they stay linked, what the old key sealed opens, none is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway import flow
from gateway.clinical_study import ClinicalStudy
from gateway.db.engine import upgrade
from gateway.db.tables import VaultEntry
from gateway.flow import Services
from gateway.flow.sight import identity_at_sight, record_at_sight
from gateway.intake.quarantine import QuarantineCipher, content_of, keep, kept_uploads
from gateway.pseudonymise.keys import WeakSecret
from gateway.pseudonymise.record import StudyRecord
from gateway.settings import Settings
from processing.domain.errors import Defect
from tests.unit.gateway.brain_studies import Person, encoded, series

OLD, NEW = "t7Qm-2fZ9x_LwP4vRk8sYb1NdC6hJg3E", "c4Xh9_pUe6-WqT0zKb3mVy8GsJ5rAn1D"


@dataclass
class Site:
    """One database and the keys that its gateway is started with."""

    folder: Path
    url: str
    started: list[Services]

    def start(self, **keys: str) -> Services:
        settings = Settings.model_validate(
            {
                "database_url": self.url,
                "clinical_url": "http://127.0.0.1:9",
                "research_url": "http://127.0.0.1:9",
                "clinical_password_file": self.folder / "old",
                "research_password_file": self.folder / "old",
                **keys,
            }
        )
        self.started.append(flow.build_services(settings))
        return self.started[-1]

    def before(self) -> Services:
        return self.start(pseudonym_key_file=str(self.folder / "old"))

    def rotated(self) -> Services:
        return self.start(
            pseudonym_key_file=str(self.folder / "new"),
            pseudonym_key_id="key-2",
            pseudonym_retired_keys=f"key-1={self.folder / 'old'}",
        )

    def without_the_old_key(self) -> Services:
        return self.start(pseudonym_key_file=str(self.folder / "new"), pseudonym_key_id="key-2")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    url = f"sqlite:///{tmp_path / 'site.db'}"
    upgrade(url)
    (tmp_path / "old").write_text(OLD, encoding="utf-8")
    (tmp_path / "new").write_text(NEW, encoding="utf-8")
    site = Site(tmp_path, url, [])
    yield site
    for services in site.started:
        services.clinical.close()
        services.engine.dispose()


def _see(services: Services, person: Person, study_uid: str) -> StudyRecord:
    """Take a study into the vault as the gateway does at its first sight."""
    image = series(person, study_uid, "20230405", slices=[0])[0]
    study = ClinicalStudy(study_uid, frozenset([person.patient_id]), ())
    identity, header = identity_at_sight(encoded(image), study)
    record = record_at_sight(header, identity, study_uid, services.pseudonymiser)
    with services.sessions.begin() as session:
        services.vault_in(session).put(record)
    return record


def test_existing_patients_stay_linked_and_new_ones_get_the_new_key(site: Site) -> None:
    known, newcomer = Person(), Person()
    first = _see(site.before(), known, "1.2.3.1")
    after = site.rotated()
    second = _see(after, known, "1.2.3.2")
    third = _see(after, newcomer, "1.2.3.3")
    assert (second.pseudonym, second.shift_days, second.key_id) == (first.pseudonym, first.shift_days, "key-1")
    assert third.key_id == "key-2"
    assert after.vault.get(first.study_instance_uid) == first
    # The same study once more is the same study, not another one under the new key.
    assert _see(after, known, "1.2.3.1").study_instance_uid == first.study_instance_uid


def test_a_second_rotation_keeps_both_generations(site: Site) -> None:
    known, later = Person(), Person()
    first = _see(site.before(), known, "1.2.3.1")
    second = _see(site.rotated(), later, "1.2.3.2")
    (site.folder / "newest").write_text(NEW[::-1], encoding="utf-8")
    newest = site.start(
        pseudonym_key_file=str(site.folder / "newest"),
        pseudonym_key_id="key-3",
        pseudonym_retired_keys=f"key-2={site.folder / 'new'},key-1={site.folder / 'old'}",
    )
    assert _see(newest, known, "1.2.3.4").pseudonym == first.pseudonym
    assert _see(newest, later, "1.2.3.5").pseudonym == second.pseudonym


def test_the_gateway_does_not_start_without_a_key_that_a_patient_lives_under(site: Site) -> None:
    known = Person()
    _see(site.before(), known, "1.2.3.1")
    after = site.rotated()
    flow.require_known_keys(after)
    # Seen again, the study's row is written anew under the new key; the old one is needed all the same.
    _see(after, known, "1.2.3.1")
    with pytest.raises(WeakSecret, match="not given: key-1"):
        flow.require_known_keys(site.without_the_old_key())
    with after.sessions() as session:
        assert {row.key_id for row in session.query(VaultEntry)} == {"key-1", "key-2"}


def test_quarantined_uploads_open_after_a_rotation(site: Site) -> None:
    before = site.before()
    with before.sessions.begin() as session:
        keep(session, b"no DICOM", source="test", reason="why", cipher=QuarantineCipher(OLD.encode(), "key-1"))
    rotated = QuarantineCipher(NEW.encode(), "key-2", [(OLD.encode(), "key-1")])
    with before.sessions.begin() as session:
        keep(session, b"later", source="test", reason="why", cipher=rotated)
    with before.sessions() as session:
        later, earlier = kept_uploads(session)
        assert (later.key_id, earlier.key_id) == ("key-2", "key-1")
        assert [content_of(upload, rotated) for upload in (later, earlier)] == [b"later", b"no DICOM"]
        with pytest.raises(Defect, match="was not given"):
            content_of(earlier, QuarantineCipher(NEW.encode(), "key-2"))
    with pytest.raises(WeakSecret, match="key-1"):
        flow.require_known_keys(site.without_the_old_key())
