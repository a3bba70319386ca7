"""One file's way in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.orm import Session, sessionmaker

from gateway.db.tables import QuarantinedUpload
from gateway.intake.check import CheckedInstance, check_instance
from gateway.intake.quarantine import QuarantineCipher, content_of, keep
from processing.domain.errors import InputRejected


class StoresInstances(Protocol):
    """The part of the clinical archive that is needed here."""

    def store(self, instances: Iterable[bytes]) -> None:
        """Store Part 10 files; returns only when they are durable."""
        ...


@dataclass(frozen=True)
class Received:
    """What became of one file: taken by the clinical archive, or kept in quarantine."""

    taken: CheckedInstance | None
    kept: QuarantinedUpload | None


class Intake:
    """Takes files one by one; an answer means that the file is durably here or there.

    Parameters
    ----------
    sessions : sessionmaker
    archive : StoresInstances
        The clinical archive.
    cipher : QuarantineCipher
    """

    def __init__(self, sessions: sessionmaker[Session], archive: StoresInstances, cipher: QuarantineCipher) -> None:
        self._sessions = sessions
        self._archive = archive
        self._cipher = cipher

    def take(self, content: bytes, *, source: str) -> Received:
        """Forward a good file to the clinical archive and keep any other in quarantine.

        Raises
        ------
        Transient
            If the archive can't be reached: the file is neither here nor there, and the sender must send again.
        """
        try:
            checked = check_instance(content)
            self._archive.store([content])
        except InputRejected as rejected:
            with self._sessions.begin() as session:
                return Received(
                    None, keep(session, content, source=source, reason=rejected.reason, cipher=self._cipher)
                )
        return Received(checked, None)

    def take_again(self, upload_id: int) -> Received:
        """Forward a quarantined file after all, or keep it with what is wrong with it now.

        Raises
        ------
        KeyError
            If there is no such upload.
        Transient
            If the archive can't be reached: the file stays where it is.
        Defect
            If it can't be decrypted.
        """
        with self._sessions() as session:
            content = content_of(_upload(session, upload_id), self._cipher)
        try:
            checked = check_instance(content)
            self._archive.store([content])
        except InputRejected as rejected:
            with self._sessions.begin() as session:
                upload = _upload(session, upload_id)
                upload.reason = rejected.reason
                return Received(None, upload)
        self.discard(upload_id)
        return Received(checked, None)

    def discard(self, upload_id: int) -> None:
        """Remove a quarantined file for good; raises KeyError when there is no such upload."""
        with self._sessions.begin() as session:
            session.delete(_upload(session, upload_id))


def _upload(session: Session, upload_id: int) -> QuarantinedUpload:
    upload = session.get(QuarantinedUpload, upload_id)
    if upload is None:
        raise KeyError(upload_id)
    return upload
