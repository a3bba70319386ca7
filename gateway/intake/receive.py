"""One file's way in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.orm import Session, sessionmaker

from gateway.db.tables import QuarantinedUpload
from gateway.intake.check import CheckedInstance, check_instance
from gateway.intake.quarantine import QuarantineCipher, keep
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
