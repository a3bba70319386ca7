"""A patient is forgotten: in the clinical archive, the research archive, the vault and the database.

What was delivered to the PACS belongs to the hospital's record and is not Interval's to remove.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from gateway.audit import trail
from gateway.audit.trail import AuditAction, Subject
from gateway.clinical import header_of
from gateway.db.tables import Case, QuarantinedUpload
from gateway.flow.services import Services
from gateway.intake.quarantine import QuarantineCipher, content_of
from gateway.jobs import store
from gateway.log import get_logger
from gateway.originals import Originals
from gateway.pseudonymise.identity import PatientIdentity, pseudonym_under
from gateway.retention.due import held_pseudonyms
from gateway.retention.erase import Rows, erase_rows, rows_of
from processing.domain.errors import InputRejected, Transient

log = get_logger(__name__)


@dataclass(frozen=True)
class Erased:
    """What was, or would be, removed of a patient.

    Parameters
    ----------
    pseudonyms : frozenset of str
    cases : int
    studies : int
        In the database; the clinical archive may hold further ones.
    uploads : int
        Quarantined files that name the patient.
    """

    pseudonyms: frozenset[str]
    cases: int
    studies: int
    uploads: int


def pseudonyms_of(services: Services, identity: PatientIdentity) -> frozenset[str]:
    """Return the names that a patient has under every key that the gateway knows."""
    return frozenset(pseudonym_under(keys, identity) for keys in services.keys.all)


def what_is_known(services: Services, identity: PatientIdentity) -> Erased:
    """Return what `erase_patient` would remove; changes nothing."""
    with services.sessions() as session:
        rows = rows_of(session, pseudonyms_of(services, identity))
        return _summary(rows, len(_uploads_naming(services, session, identity)))


def erase_patient(services: Services, identity: PatientIdentity, *, actor: str) -> Erased:
    """Remove everything of a patient: also what arrived and was not looked at yet, and quarantined files.

    Raises
    ------
    InputRejected
        If a legal hold stands on the patient.
    Transient, Defect
        If an archive can't be reached, or a step works on a case of the patient; then it can be repeated.
    """
    with services.sessions() as session:
        pseudonyms = rows_of(session, pseudonyms_of(services, identity)).pseudonyms
        _require_free(services, session, pseudonyms)
    originals = _originals(services)
    for study_uid in services.clinical.study_uids_of_patient(identity.patient_id):
        originals.remove_of(study_uid, identity.patient_id, identity.issuer_of_patient_id)
    with services.sessions.begin() as session:
        uploads = _uploads_naming(services, session, identity)
        session.execute(delete(QuarantinedUpload).where(QuarantinedUpload.upload_id.in_(uploads)))
    rows = _erase(services, pseudonyms, actor)
    return _summary(rows, len(uploads))


def erase_pseudonym(services: Services, pseudonym: str, *, actor: str) -> Erased:
    """Remove everything of a patient who is known by pseudonym only, after a restore. Raises as `erase_patient`."""
    with services.sessions() as session:
        pseudonyms = rows_of(session, {pseudonym}).pseudonyms
        _require_free(services, session, pseudonyms)
    return _summary(_erase(services, pseudonyms, actor), 0)


def _erase(services: Services, pseudonyms: Collection[str], actor: str) -> Rows:
    with services.sessions() as session:
        rows = rows_of(session, pseudonyms)
    originals = _originals(services)
    for study_uid in rows.study_uids:
        try:
            record = services.vault.get(study_uid)
        except KeyError:
            continue
        originals.remove_of(record.original_study_instance_uid, record.patient_id, record.issuer_of_patient_id)
    for study_uid in rows.study_uids:
        services.copies.withdraw(study_uid)
    with services.sessions.begin() as session:
        _require_free(services, session, rows.pseudonyms)
        if session.get_bind().dialect.name == "sqlite":
            # Deleted rows would stand in the file until something else is written over them.
            session.execute(text("PRAGMA secure_delete = ON"))
        erase_rows(session, rows)
        subject = Subject(None, tuple(rows.pseudonyms))
        detail = f"patient erased, {len(rows.study_uids)} studies"
        trail.append(session, AuditAction.OPERATED, actor=actor, subject=subject, detail=detail, at=services.clock())
    _empty_write_ahead_log(services)
    log.info("patient erased", count=len(rows.study_uids))
    return rows


def _require_free(services: Services, session: Session, pseudonyms: Collection[str]) -> None:
    if held_pseudonyms(session) & set(pseudonyms):
        raise InputRejected("A legal hold stands on this patient: nothing is removed until it is lifted.")
    cases = session.scalars(select(Case.case_id).where(Case.pseudonym.in_(pseudonyms))).all()
    now = services.clock()
    for case_id in cases:
        case = store.locked_case(session, case_id)
        held_until = case.lease_until if case is not None and case.lease_owner is not None else None
        if held_until is not None and held_until > now:
            raise Transient("Interval works on a case of this patient at the moment; try again in a minute.")


def _originals(services: Services) -> Originals:
    settings = services.settings
    return Originals(settings.clinical_url, settings.clinical_user, settings.clinical_password)


def _uploads_naming(services: Services, session: Session, identity: PatientIdentity) -> list[int]:
    settings = services.settings
    cipher = QuarantineCipher(settings.pseudonym_key, settings.pseudonym_key_id, settings.retired_keys)
    uploads = session.scalars(select(QuarantinedUpload).execution_options(yield_per=10))
    return [upload.upload_id for upload in uploads if names_patient(content_of(upload, cipher), identity)]


def names_patient(content: bytes, identity: PatientIdentity) -> bool:
    """Whether a file that can't be used is this patient's.

    One that says its patient ID is the patient's whose ID it is: "12" stands in the bytes of many files. Of one that
    can't be read that far, the ID must stand in its bytes as a word of its own.
    """
    wanted = identity.patient_id.strip()
    try:
        header = header_of(content)
        said = str(header.get("PatientID") or "").strip()
        issuer = str(header.get("IssuerOfPatientID") or "").strip()
    except (InputRejected, ValueError, LookupError):  # what pydicom raises for text outside its character set
        said = issuer = ""
    if said:
        return (said, issuer) == (wanted, identity.issuer_of_patient_id.strip())
    return re.search(rb"(?<![0-9A-Za-z])" + re.escape(wanted.encode()) + rb"(?![0-9A-Za-z])", content) is not None


def _empty_write_ahead_log(services: Services) -> None:
    if services.engine.dialect.name == "sqlite":
        with services.engine.connect() as connection:
            connection.rollback()
            raw = connection.connection.dbapi_connection
            if raw is not None:
                raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _summary(rows: Rows, uploads: int) -> Erased:
    return Erased(rows.pseudonyms, len(rows.case_ids), len(rows.study_uids), uploads)
