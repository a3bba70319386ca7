"""What an operator may change in the vault, and the trail that each change leaves.

A hospital corrects a name, or finds that two patient IDs are one person. Neither may happen to a record by the way:
until an operator confirms it here, the difference keeps results from being released.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pydicom import Dataset

from gateway.pseudonymise.identity import PatientIdentity, Pseudonymiser
from gateway.pseudonymise.record import PATIENT_MODULE, StudyRecord, module_json
from gateway.pseudonymise.vault import Vault
from processing.domain.errors import InputRejected


class Operation(StrEnum):
    """What was done to a record."""

    CORRECTION = "patient data corrected"
    MERGE = "patient merged"


@dataclass(frozen=True)
class AuditEntry:
    """One change of one record; it holds no identity.

    Parameters
    ----------
    operation : Operation
    study_instance_uid, new_study_instance_uid : str
        Pseudonymous, before and after; equal but for a merge of patients who lived under different keys.
    pseudonym, new_pseudonym : str
        Before and after; equal but for a merge.
    actor : str
        User name of the operator.
    reason : str
        In the operator's words.
    changed : tuple of str
        Keywords of the attributes that changed, without their values.
    """

    operation: Operation
    study_instance_uid: str
    new_study_instance_uid: str
    pseudonym: str
    new_pseudonym: str
    actor: str
    reason: str
    changed: tuple[str, ...]


class AuditTrail(Protocol):
    """Where entries are kept, in the same transaction as the vault's rows; it only grows."""

    def append(self, entry: AuditEntry) -> None:
        """Keep an entry."""


def correct_patient(
    vault: Vault, studies: Collection[str], patient: Dataset, trail: AuditTrail, *, actor: str, reason: str
) -> None:
    """Take over a patient's corrected data (name, birth date, sex, ...) into the records of studies.

    Parameters
    ----------
    vault : Vault
    studies : collection of str
        Pseudonymous UIDs of the patient's studies.
    patient : Dataset
        The Patient module as the clinical archive has it now; the patient ID and its issuer are the same as before.
    trail : AuditTrail
    actor, reason : str

    Raises
    ------
    InputRejected
        If a study is of another patient, or nobody or no reason is named.
    KeyError
        If the vault does not hold a study.
    """
    _require_account(actor, reason)
    records = [vault.get(study) for study in studies]
    identity = _identity_of(patient)
    if any(record.identity != identity for record in records):
        raise InputRejected("the corrected data is of another patient ID; that would be a merge of patients")
    for record in records:
        # The files in the archive were changed too: their digests are taken anew when they are next prepared.
        corrected = record.model_copy(update={"patient_module": module_json(patient, PATIENT_MODULE), "digests": {}})
        _write(vault, trail, Operation.CORRECTION, record, corrected, actor, reason)


def merge_patients(
    vault: Vault,
    studies: Collection[str],
    patient: Dataset,
    pseudonymiser: Pseudonymiser,
    trail: AuditTrail,
    *,
    actor: str,
    reason: str,
) -> list[StudyRecord]:
    """Give studies of a retired patient ID to the patient that they were found to be of.

    The studies take the surviving patient's pseudonym and date shift, and their UIDs where the two lived under
    different keys. What was computed under the retired pseudonym is refused at release as another patient's: the
    studies have to be prepared again.

    Parameters
    ----------
    vault : Vault
    studies : collection of str
        Pseudonymous UIDs of the studies under the retired patient ID.
    patient : Dataset
        The surviving patient's module as the clinical archive has it now.
    pseudonymiser : Pseudonymiser
    trail : AuditTrail
    actor, reason : str

    Returns
    -------
    list of StudyRecord
        As the vault holds the studies now, in the same order.

    Raises
    ------
    InputRejected
        If nobody or no reason is named, or the studies are the patient's already.
    KeyError
        If the vault does not hold a study.
    """
    _require_account(actor, reason)
    records = [vault.get(study) for study in studies]
    identity = _identity_of(patient)
    if any(record.identity == identity for record in records):
        raise InputRejected("a study is the surviving patient's already")
    keys = pseudonymiser.subkeys(identity)
    merged_records = []
    for record in records:
        merged = record.model_copy(
            update={
                "study_instance_uid": pseudonymiser.uid(record.original_study_instance_uid, identity),
                "digests": {},
                "patient_id": identity.patient_id,
                "issuer_of_patient_id": identity.issuer_of_patient_id,
                "patient_module": module_json(patient, PATIENT_MODULE),
                "pseudonym": pseudonymiser.pseudonym(identity),
                "key_id": keys.key_id,
                "shift_days": pseudonymiser.shift_days(identity),
                "release_key": hmac.digest(keys.release, identity.message, "sha256").hex(),
            }
        )
        if merged.key_id != record.key_id:
            # Every UID is another one under the other key; preparing the study again fills these.
            unknown: dict[str, str] = {}
            maps = dict.fromkeys(("series", "instances", "frames_of_reference", "other_uids"), unknown)
            merged = merged.model_copy(update=maps)
        _write(vault, trail, Operation.MERGE, record, merged, actor, reason)
        merged_records.append(merged)
    return merged_records


def _write(
    vault: Vault,
    trail: AuditTrail,
    operation: Operation,
    before: StudyRecord,
    after: StudyRecord,
    actor: str,
    reason: str,
) -> None:
    old, new = before.patient, after.patient
    changed = tuple(keyword for keyword in PATIENT_MODULE if old.get(keyword) != new.get(keyword))
    # The entry comes first: a change that left no trace would be worse than a trace of a change that failed.
    trail.append(
        AuditEntry(
            *(operation, before.study_instance_uid, after.study_instance_uid, before.pseudonym, after.pseudonym),
            *(actor, reason, changed),
        )
    )
    vault.replace(before, after)


def _identity_of(patient: Dataset) -> PatientIdentity:
    return PatientIdentity(
        str(patient.get("PatientID", "") or "").strip(), str(patient.get("IssuerOfPatientID", "") or "").strip()
    )


def _require_account(actor: str, reason: str) -> None:
    if not actor.strip() or not reason.strip():
        raise InputRejected("a change in the vault needs a name and a reason")
