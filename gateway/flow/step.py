"""How a step works on a case: under a lease, and with an answer for each way in which it can fail."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gateway.db.tables import Case
from gateway.flow.services import Services
from gateway.jobs import store
from gateway.log import get_logger
from processing.domain.case import TRANSITIONS, CaseEvent, CaseState
from processing.domain.errors import Defect, InputRejected, Transient

log = get_logger(__name__)


class LeaseLost(Defect):
    """The step was too slow: another process works on the case now, and this one must not write any more."""


class Lease:
    """The right to work on one case, for as long as it is renewed.

    Parameters
    ----------
    services : Services
    case_id : str
    owner : str
        Unique for this run of the step.
    """

    def __init__(self, services: Services, case_id: str, owner: str) -> None:
        self._services = services
        self.case_id = case_id
        self.owner = owner
        self._renewed_at = services.clock()

    def renew(self) -> None:
        """Extend the lease when a third of it is over; cheap enough to be called for every image.

        Raises
        ------
        LeaseLost
            If another process took the case over.
        """
        lease_s = self._services.settings.lease_s
        now = self._services.clock()
        if now - self._renewed_at < timedelta(seconds=lease_s / 3):
            return
        with self._services.sessions.begin() as session:
            if store.claim(session, self.case_id, self.owner, lease_s, now=now) is None:
                raise LeaseLost("The step lost its lease on the case.")
        self._renewed_at = now

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Extend the lease again and again while something is waited for that takes long and says nothing meanwhile.

        A lease that is lost meanwhile shows at the next `renew` or `case`.
        """
        over = threading.Event()

        def extend() -> None:
            while not over.wait(self._services.settings.lease_s / 6):
                try:
                    self.renew()
                except (LeaseLost, DBAPIError) as error:
                    log.warning("lease not extended", case_id=self.case_id, error=type(error).__name__)

        extending = threading.Thread(target=extend, daemon=True)
        extending.start()
        try:
            yield
        finally:
            over.set()
            extending.join()

    def case(self, session: Session, states: Collection[CaseState]) -> Case:
        """Return the case, locked, to write what the step found.

        Raises
        ------
        LeaseLost
            If another process took the case over, or it is no longer in one of the states that the step began in.
        """
        case = store.locked_case(session, self.case_id)
        if case is None or not store.holds(case, self.owner) or CaseState(case.state) not in states:
            raise LeaseLost("The case changed while the step worked on it.")
        return case


Work = Callable[[Services, Lease], None]


def run_step(
    services: Services,
    case_id: str,
    states: Collection[CaseState],
    name: str,
    work: Work,
    *,
    gives_up: bool = True,
) -> bool:
    """Run a step on a case, unless somebody else holds it or it is in none of the states.

    Parameters
    ----------
    services : Services
    case_id : str
    states : collection of CaseState
        In which the step may begin, and in which it may fail.
    name : str
        For the event log.
    work : callable
        Does the step. `InputRejected` and `Defect` send the case to quarantine with their reason; `Transient` has
        it tried again later, and sends it to quarantine after the last attempt.
    gives_up : bool
        Whether there is a last attempt. Without one the case waits as long as what it needs is away, and says so.

    Returns
    -------
    bool
        Whether the step ran to its end.
    """
    lease = Lease(services, case_id, uuid.uuid4().hex)
    with services.sessions.begin() as session:
        case = store.claim(session, case_id, lease.owner, services.settings.lease_s, now=services.clock())
        if case is None:
            return False
        if CaseState(case.state) not in states:
            store.release(session, case_id, lease.owner)
            return False
    try:
        work(services, lease)
    except LeaseLost:
        log.warning("step abandoned, the case changed meanwhile", step=name, case_id=case_id)
        return False
    except Transient as error:
        try_later(services, case_id, name, error.reason, states=states, owner=lease.owner, gives_up=gives_up)
        return False
    except DBAPIError:
        # Two steps wrote the same row, or the database was away: nothing was written, so the step can be repeated.
        busy = "The database was busy."
        try_later(services, case_id, name, busy, states=states, owner=lease.owner, gives_up=gives_up)
        return False
    except (InputRejected, Defect) as error:
        fail(services, case_id, name, error.reason, states=states, owner=lease.owner)
        return False
    finally:
        with services.sessions.begin() as session:
            store.release(session, case_id, lease.owner)
    return True


def fail(
    services: Services,
    case_id: str,
    actor: str,
    reason: str,
    *,
    states: Collection[CaseState] = tuple(CaseState),
    owner: str | None = None,
) -> bool:
    """Send a case to quarantine with a reason, if its state has a way there.

    Parameters
    ----------
    services : Services
    case_id, actor, reason : str
    states : collection of CaseState
        In which what failed had any business with the case. In another one the case went on without it.
    owner : str, optional
        The failed step's lease. Whoever has none yields to anybody's.

    Returns
    -------
    bool
        False when it has none, or the case is another step's by now; then nothing is changed.
    """
    with services.sessions.begin() as session:
        case = store.locked_case(session, case_id)
        if case is not None and not _concerns(services, case, states, owner):
            log.warning("a failure came too late to matter", step=actor, case_id=case_id)
            return False
        if case is None or (CaseState(case.state), CaseEvent.FAILED) not in TRANSITIONS:
            log.error("a failed step has no way to quarantine", step=actor, case_id=case_id)
            return False
        store.record(session, case, CaseEvent.FAILED, actor=actor, detail=reason, at=services.clock())
    log.warning("case quarantined", step=actor, case_id=case_id)
    return True


def _concerns(services: Services, case: Case, states: Collection[CaseState], owner: str | None) -> bool:
    """Whether a step's failure may be written into its case: a stale one must not undo what came after it."""
    if CaseState(case.state) not in states:
        return False
    if owner is not None:
        return store.holds(case, owner)
    return case.lease_owner is None or case.lease_until is None or case.lease_until <= services.clock()


def try_later(
    services: Services,
    case_id: str,
    actor: str,
    reason: str,
    *,
    states: Collection[CaseState],
    owner: str | None = None,
    gives_up: bool = True,
) -> None:
    """Put a case's step off, longer each time; after the last attempt the case goes to quarantine with the reason.

    Parameters as those of `fail` and `run_step`.
    """
    """Put a case's step off, longer each time; after the last attempt the case goes to quarantine with the reason."""
    now = services.clock()
    with services.sessions.begin() as session:
        case = store.locked_case(session, case_id)
        if case is None or not _concerns(services, case, states, owner):
            log.warning("a failure came too late to matter", step=actor, case_id=case_id)
            return
        case.reason = reason if not gives_up else case.reason
        case.attempts += 1
        failed = case.attempts
        case.not_before = now + timedelta(seconds=services.step_policy.wait_s(failed))
    log.info("step will be tried again", step=actor, case_id=case_id, attempt=failed)
    if gives_up and failed >= services.step_policy.max_attempts:
        fail(services, case_id, actor, f"Given up after {failed} attempts. {reason}", states=states, owner=owner)
