"""Keeps in the audit trail whose identity was shown to whom.

Pages ask again every few seconds. What a session was already shown is not written again, as long as this process
lives; after a restart it is. An identity leaves only after the entry about it is stored.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Protocol

from sqlalchemy.orm import Session, sessionmaker

from gateway.access.accounts import SignedIn
from gateway.access.roles import Role
from gateway.audit import trail
from gateway.audit.trail import AuditAction, Subject
from gateway.db.tables import Case

_MOST_SESSIONS = 1_000


def keep(state: HasSessions, who: SignedIn, action: AuditAction, case: Case, detail: str = "") -> None:
    """Keep that a person did something to a case, in a transaction of its own."""
    with state.sessions.begin() as session:
        keep_in(session, who, action, case, detail)


def keep_in(session: Session, who: SignedIn, action: AuditAction, case: Case, detail: str = "") -> None:
    """Keep that a person did something to a case, in the transaction in which it is done."""
    subject = Subject(case.case_id, (case.pseudonym,))
    trail.append(session, action, actor=who.user_name, role=who.role.value, subject=subject, detail=detail)


class HasSessions(Protocol):
    """Whatever can open sessions that write."""

    @property
    def sessions(self) -> sessionmaker[Session]:
        """A factory of them."""


class Disclosures:
    """What each session has been shown.

    Parameters
    ----------
    sessions : sessionmaker
        That write.
    sees_identity : frozenset of Role
        Who is shown patients' names; to others nothing is disclosed but images.
    """

    def __init__(self, sessions: sessionmaker[Session], sees_identity: frozenset[Role]) -> None:
        self._sessions = sessions
        self._sees_identity = sees_identity
        self._shown: dict[tuple[str, str], set[str]] = {}
        self._lock = threading.Lock()

    def on_a_list(self, who: SignedIn, cases: Iterable[Case]) -> None:
        """Keep that lines with patients' names are about to be shown; one entry for all that are new."""
        if who.role not in self._sees_identity:
            return
        pseudonyms = self._new(who, "list", [case.pseudonym for case in cases])
        if pseudonyms:
            self._keep(who, AuditAction.IDENTITY_SHOWN, Subject(None, pseudonyms), "on a list")

    def of_case(self, who: SignedIn, case: Case, *, images: bool = False) -> None:
        """Keep that a case, or its images, are about to be shown."""
        kind = "images" if images else "case"
        if not images and who.role not in self._sees_identity:
            return
        if self._new(who, kind, [case.case_id]):
            action = AuditAction.IMAGES_SHOWN if images else AuditAction.IDENTITY_SHOWN
            self._keep(who, action, Subject(case.case_id, (case.pseudonym,)), "" if images else "on the case page")

    def _new(self, who: SignedIn, kind: str, wanted: list[str]) -> tuple[str, ...]:
        with self._lock:
            if len(self._shown) > _MOST_SESSIONS:
                self._shown.clear()
            return tuple(sorted(set(wanted) - self._shown.get((who.session_key, kind), set())))

    def _keep(self, who: SignedIn, action: AuditAction, subject: Subject, detail: str) -> None:
        with self._sessions.begin() as session:
            trail.append(session, action, actor=who.user_name, role=who.role.value, subject=subject, detail=detail)
        kind = "list" if subject.case_id is None else "images" if action is AuditAction.IMAGES_SHOWN else "case"
        new = subject.pseudonyms if subject.case_id is None else (subject.case_id,)
        with self._lock:
            self._shown.setdefault((who.session_key, kind), set()).update(new)
