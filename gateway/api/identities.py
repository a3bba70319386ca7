"""Who the cases' patients are, for signed-in people: decrypted once, and again only when the vault's row changed."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pydantic import ValidationError
from sqlalchemy.orm import Session, sessionmaker

from gateway.api.schemas import Patient
from gateway.db.vault_rows import row_versions
from gateway.log import get_logger
from gateway.pseudonymise.vault import Vault, VaultRowUnreadable, study_row_key

log = get_logger(__name__)

_MOST_KEPT = 20_000
"""Of some hundred bytes each."""


@dataclass(frozen=True)
class Identity:
    """A study's patient and true date, YYYYMMDD; all empty where the vault does not say."""

    patient: Patient
    study_date: str


UNKNOWN = Identity(Patient(name="", patient_id="", birth_date="", sex=""), "")


class WithoutNames:
    """Study dates alone, for people whom the site does not show patients' names.

    Parameters
    ----------
    identities : Identities
    """

    def __init__(self, identities: Identities) -> None:
        self._identities = identities

    def of(self, study_uids: Collection[str]) -> Mapping[str, Identity]:
        """Return the studies' dates, without their patients."""
        found = self._identities.of(study_uids)
        return {uid: Identity(UNKNOWN.patient, identity.study_date) for uid, identity in found.items()}


class Identities:
    """Reads identities from the vault and keeps them in the memory of this process.

    A worklist is fetched every few seconds: decrypting a thousand rows each time takes longer than all the rest.

    Parameters
    ----------
    vault : Vault
    sessions : sessionmaker
        Read-only, of the vault's database.
    """

    def __init__(self, vault: Vault, sessions: sessionmaker[Session]) -> None:
        self._vault = vault
        self._sessions = sessions
        self._kept: dict[str, tuple[bytes, Identity]] = {}
        self._lock = threading.Lock()

    def of(self, study_uids: Collection[str]) -> Mapping[str, Identity]:
        """Return the identities of studies by their pseudonymous UIDs, every one of them.

        A study that was seen but not yet taken over, and one whose row can't be opened, is `UNKNOWN`: its line stands
        on the worklist under its readable name, and the others beside it stay whole.
        """
        with self._sessions() as session:
            versions = row_versions(session, [study_row_key(uid) for uid in study_uids])
        return {uid: self._identity(uid, versions.get(study_row_key(uid))) for uid in study_uids}

    def _identity(self, study_uid: str, version: bytes | None) -> Identity:
        if version is None:
            return UNKNOWN
        with self._lock:
            known = self._kept.get(study_uid)
        if known is not None and known[0] == version:
            return known[1]
        identity = self._read(study_uid)
        with self._lock:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[study_uid] = (version, identity)
        return identity

    def _read(self, study_uid: str) -> Identity:
        try:
            record = self._vault.get(study_uid)
        except KeyError:
            return UNKNOWN
        except (VaultRowUnreadable, ValidationError):
            log.exception("row of the vault does not open")
            return UNKNOWN
        patient = Patient(
            name=str(record.patient.get("PatientName") or ""),
            patient_id=str(record.patient.get("PatientID") or ""),
            birth_date=str(record.patient.get("PatientBirthDate") or ""),
            sex=str(record.patient.get("PatientSex") or ""),
        )
        return Identity(patient, str(record.general_study.get("StudyDate") or ""))
