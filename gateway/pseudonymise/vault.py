"""The encrypted memory of who is who.

A row is encrypted with AES-256-GCM under the vault subkey of its key id; the row key and the key id are bound to it
as associated data, so a row that is moved to another place does not open. Where rows are kept is the caller's.
"""

from __future__ import annotations

import json
import os
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.pseudonymise.identity import PatientIdentity, pseudonym_under
from gateway.pseudonymise.keys import KeyRing, SubKeys
from gateway.pseudonymise.record import StudyRecord
from processing.domain.errors import Defect, InputRejected

_NONCE_BYTES = 12


class VaultStore(Protocol):
    """Where encrypted rows are kept; a row key is at most 128 ASCII characters."""

    def save(self, row_key: str, key_id: str, ciphertext: bytes) -> None:
        """Write a row, in place of an earlier one with the same row key."""

    def remove(self, row_key: str) -> None:
        """Delete a row, if it is there."""

    def load(self, row_key: str) -> tuple[str, bytes] | None:
        """Return (key id, ciphertext) of a row, or None."""


class VaultRowUnreadable(Defect):
    """A row does not open: its key is not known, or it was changed or moved."""


class Vault:
    """Study records by their pseudonymous study UID, and which key each patient lives under.

    Parameters
    ----------
    store : VaultStore
    keys : KeyRing
    """

    def __init__(self, store: VaultStore, keys: KeyRing) -> None:
        self._store = store
        self._keys = keys

    def put(self, record: StudyRecord) -> None:
        """Keep a study's record; what is known of the study already stays known.

        Raises
        ------
        NotCleanable
            If the vault holds the study as another patient's.
        VaultRowUnreadable
        """
        row_key = study_row_key(record.study_instance_uid)
        if self._store.load(row_key) is not None:
            record = self.get(record.study_instance_uid).merged_with(record)
        self._write_record(record)

    def get(self, study_instance_uid: str) -> StudyRecord:
        """Return the record of a study by its pseudonymous UID.

        Raises
        ------
        KeyError
            If the vault does not hold it.
        VaultRowUnreadable
        """
        content = self._read(study_row_key(study_instance_uid))
        if content is None:
            raise KeyError("the vault does not hold this study")
        return StudyRecord.model_validate_json(content)

    def replace(self, record: StudyRecord, by: StudyRecord) -> None:
        """Write a record in place of one that the vault holds; only for corrections, which keep an audit trail."""
        if by.study_instance_uid != record.study_instance_uid:
            if self._store.load(study_row_key(by.study_instance_uid)) is not None:
                raise InputRejected("the vault holds this study under the other patient already")
            self._store.remove(study_row_key(record.study_instance_uid))
        self._write_record(by)

    def check(self, row_key: str) -> None:
        """Open a row and say nothing of what is in it. Raises VaultRowUnreadable when its key is not known."""
        self._read(row_key)

    def key_of(self, identity: PatientIdentity) -> SubKeys:
        """Return the key that a patient was first met with, or the current one for a new patient."""
        for keys in self._keys.all:
            if self._store.load(_patient_row(pseudonym_under(keys, identity))) is not None:
                return keys
        return self._keys.current

    def _write_record(self, record: StudyRecord) -> None:
        self._write(study_row_key(record.study_instance_uid), record.model_dump_json().encode(), self._keys.current)
        # Under the key that named the patient: that a key is still needed shows in the rows' key ids alone.
        named_by = self._keys.find(record.key_id)
        if named_by is None:
            raise VaultRowUnreadable("a patient lives under a key that the gateway was not given")
        patient = json.dumps({"pseudonym": record.pseudonym, "key_id": record.key_id}).encode()
        self._write(_patient_row(record.pseudonym), patient, named_by)

    def _write(self, row_key: str, content: bytes, keys: SubKeys) -> None:
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = nonce + AESGCM(keys.vault).encrypt(nonce, content, _bound(row_key, keys.key_id))
        self._store.save(row_key, keys.key_id, ciphertext)

    def _read(self, row_key: str) -> bytes | None:
        row = self._store.load(row_key)
        if row is None:
            return None
        key_id, ciphertext = row
        keys = self._keys.find(key_id)
        if keys is None:
            raise VaultRowUnreadable("a row of the vault needs a key that the gateway was not given")
        nonce, sealed = ciphertext[:_NONCE_BYTES], ciphertext[_NONCE_BYTES:]
        try:
            return AESGCM(keys.vault).decrypt(nonce, sealed, _bound(row_key, key_id))
        except (InvalidTag, ValueError) as error:
            raise VaultRowUnreadable("a row of the vault does not open: it was changed, moved or cut") from error


def study_row_key(study_instance_uid: str) -> str:
    """Return under which key a study's row is kept, by its pseudonymous UID."""
    return f"study/{study_instance_uid}"


def _patient_row(pseudonym: str) -> str:
    return f"patient/{pseudonym}"


def _bound(row_key: str, key_id: str) -> bytes:
    return f"interval/vault/v1|{row_key}|{key_id}".encode()
