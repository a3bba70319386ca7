"""Keeps the vault's encrypted rows in the database."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, sessionmaker

from gateway.db.tables import QuarantinedUpload, VaultEntry

_NONCE_BYTES = 12
_ROWS_PER_QUERY = 500


def unknown_key_ids(session: Session, known: Collection[str]) -> frozenset[str]:
    """Return the key ids of rows that none of the known keys opens: of the vault and of quarantined uploads."""
    found: set[str] = set()
    for column in (VaultEntry.key_id, QuarantinedUpload.key_id):
        found.update(session.scalars(select(column).distinct()))
    return frozenset(found - set(known))


def row_versions(session: Session, row_keys: Sequence[str]) -> dict[str, bytes]:
    """Return something that differs each time a row is written: its nonce, by row key; rows that exist only."""
    found: dict[str, bytes] = {}
    for first in range(0, len(row_keys), _ROWS_PER_QUERY):
        wanted = row_keys[first : first + _ROWS_PER_QUERY]
        rows = session.execute(
            select(VaultEntry.row_key, func.substr(VaultEntry.ciphertext, 1, _NONCE_BYTES)).where(
                VaultEntry.row_key.in_(wanted)
            )
        )
        found.update((row_key, bytes(nonce)) for row_key, nonce in rows)
    return found


class VaultRows:
    """Rows of the vault in one session: they are written, or not, with the caller's transaction.

    A row that is read stays locked until the transaction ends, so that two processes can't both extend an old copy.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def save(self, row_key: str, key_id: str, ciphertext: bytes) -> None:
        """Write a row, in place of an earlier one with the same row key."""
        self._session.merge(VaultEntry(row_key=row_key, key_id=key_id, ciphertext=ciphertext))
        self._session.flush()

    def remove(self, row_key: str) -> None:
        """Delete a row, if it is there."""
        self._session.execute(delete(VaultEntry).where(VaultEntry.row_key == row_key))

    def load(self, row_key: str) -> tuple[str, bytes] | None:
        """Return (key id, ciphertext) of a row, or None."""
        row = self._session.scalar(select(VaultEntry).where(VaultEntry.row_key == row_key).with_for_update())
        return (row.key_id, row.ciphertext) if row is not None else None


class ReadOnlyVaultRows:
    """Rows of the vault for those who only read, each read in a session of its own.

    Parameters
    ----------
    sessions : sessionmaker
    """

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        self._sessions = sessions

    def save(self, row_key: str, key_id: str, ciphertext: bytes) -> None:  # noqa: ARG002 - as `VaultStore` has it
        """Refuse: what is written belongs into the transaction of the step that writes it."""
        raise PermissionError("this vault only reads")

    def remove(self, row_key: str) -> None:  # noqa: ARG002 - as `VaultStore` has it
        """Refuse, as `save` does."""
        raise PermissionError("this vault only reads")

    def load(self, row_key: str) -> tuple[str, bytes] | None:
        """Return (key id, ciphertext) of a row, or None."""
        with self._sessions() as session:
            row = session.get(VaultEntry, row_key)
            return (row.key_id, row.ciphertext) if row is not None else None
