"""The fast track: while the patient is still on the table, measure on the first whole FLAIR series.

A study is on the fast track when its route says so, or when it was announced so (`announce`). As soon as its required
series stands still and is whole, its case is begun with that alone, and a new revision takes whatever still comes:
the whole study is measured like every other, and replaces the first look when it has a result. A first look is for
the people at the scanner; nobody signs it and nothing of it leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from gateway.cases.complete import what_is_missing
from gateway.cases.route import Routed
from gateway.db.tables import Case, ScheduledStudy
from gateway.flow import priors
from gateway.flow.examination import Examination, examine
from gateway.flow.operations import Person
from gateway.flow.prefetch import sealed_patient
from gateway.flow.services import Services
from gateway.flow.sight import look_up
from gateway.jobs import store
from gateway.log import get_logger
from gateway.pseudonymise.identity import PatientIdentity
from gateway.routes.model import PriorPlace, Route, RouteTable
from processing.dicom.unreadable import UNREADABLE
from processing.domain.case import TRANSITIONS, CaseEvent, CaseState
from processing.domain.errors import Defect, InputRejected, Transient
from processing.domain.priority import Priority

log = get_logger(__name__)
ACTOR = "fast track"
_WITH_A_RESULT = (
    *(CaseState.READY_FOR_REVIEW.value, CaseState.SIGNED.value),
    *(CaseState.DISPATCHING.value, CaseState.ARCHIVED.value),
)

_WHOLE = aliased(Case)
_REPLACED = (  # made once: to make an alias takes longer than the question itself, which is asked every second
    select(Case.case_id)
    .join(_WHOLE, _WHOLE.study_uid == Case.study_uid)
    .where(Case.early.is_(True), _WHOLE.revision > Case.revision, _WHOLE.state.in_(_WITH_A_RESULT))
    .where(Case.state != CaseState.SUPERSEDED.value)
)


@dataclass(frozen=True)
class _Seen:
    """How many images a series had, and since when it has so many."""

    count: int
    since: datetime


class Watch:
    """Remembers since when series stand still. What is forgotten with the process is seen anew within moments."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, _Seen]] = {}

    def stands_still(self, case_id: str, counts: dict[str, int], now: datetime, quiet_s: float) -> bool:
        """Note the number of images of each series; whether all have had so many for the quiet time."""
        before = self._seen.get(case_id, {})
        seen = {
            uid: before[uid] if uid in before and before[uid].count == count else _Seen(count, now)
            for uid, count in counts.items()
        }
        self._seen[case_id] = seen
        return bool(seen) and all(now - one.since >= timedelta(seconds=quiet_s) for one in seen.values())

    def keep_only(self, case_ids: Sequence[str]) -> None:
        """Forget every other case."""
        self._seen = {case_id: seen for case_id, seen in self._seen.items() if case_id in case_ids}


def announce(services: Services, who: Person, *, patient_id: str, issuer: str, priority: Priority, hours: float) -> str:
    """Note that a study of a patient is expected, and let its earlier studies be fetched meanwhile.

    Only the patient's pseudonym is kept; the patient ID, encrypted, until the PACS was asked.

    Returns
    -------
    str
        The patient's readable pseudonym.
    """
    identity = PatientIdentity(patient_id, issuer)
    now = services.clock()
    with services.sessions.begin() as session:
        session.add(
            ScheduledStudy(
                at=now,
                actor=who.user_name,
                pseudonym=services.pseudonymiser.pseudonym(identity),
                priority=priority.value,
                expires_at=now + timedelta(hours=hours),
                sealed_patient=sealed_patient(services, identity),
                attempts=0,
                not_before=now,
                fetched=[],
            )
        )
    log.info("study announced", step=ACTOR)
    return services.pseudonymiser.readable_name(identity)


def first_look(table: RouteTable) -> RouteTable:
    """Return the routes as they are for a first look: with what they require and nothing else."""
    return RouteTable(routes=tuple(_required_only(route) for route in table.routes))


def begin_early(services: Services, watch: Watch) -> int:
    """Begin every fast-track study whose required series is there; return the number of those."""
    now = services.clock()
    with services.sessions() as session:
        announced = _announced(session, now)
        by_route = any(route.priority is Priority.FAST_TRACK for route in services.routes.routes)
        if not announced and not by_route:
            return 0
        receiving = [
            session.get_one(Case, case_id) for case_id in store.due_cases(session, [CaseState.RECEIVING], now=now)
        ]
        begun = set(session.scalars(select(Case.study_uid).where(Case.early.is_(True))))
    expected = [case for case in receiving if by_route or case.pseudonym in announced]
    waiting = [case for case in expected if case.study_uid not in begun]
    watch.keep_only([case.case_id for case in waiting])
    return sum(_begin_or_pass(services, watch, case, announced) for case in waiting)


def replace_first_looks(services: Services) -> int:
    """Let first looks be superseded whose study has a result by now; return their number."""
    with services.sessions.begin() as session:
        rows = session.scalars(_REPLACED)
        replaced = 0
        for case_id in list(rows):
            case = store.locked_case(session, case_id)
            if case is None or (CaseState(case.state), CaseEvent.SUPERSEDED) not in TRANSITIONS:
                continue
            detail = "The whole study has been measured."
            store.record(session, case, CaseEvent.SUPERSEDED, actor=ACTOR, detail=detail, at=services.clock())
            replaced += 1
    return replaced


def _begin_or_pass(services: Services, watch: Watch, case: Case, announced: dict[str, Priority]) -> bool:
    """Begin one study; what is wrong with it is for the step that takes the whole study, and holds up no other."""
    try:
        return _begin(services, watch, case, announced)
    except Transient:
        if not services.clinical.answers():
            raise
    except (InputRejected, Defect, *UNREADABLE) as error:
        log.warning("no first look", step=ACTOR, case_id=case.case_id, error=type(error).__name__)
    return False


def _begin(services: Services, watch: Watch, case: Case, announced: dict[str, Priority]) -> bool:
    _, study = look_up(services, case.study_uid)
    examination = examine(services.clinical, study)
    routed = examination.route(first_look(services.routes), services.specs)
    if routed.route is None:
        return False
    wanted = min(announced.get(case.pseudonym, Priority.ROUTINE), routed.route.priority, key=lambda one: one.rank)
    _press_forward(services, case.case_id, routed.route, wanted)
    if wanted is not Priority.FAST_TRACK:
        return False
    if not _is_there(services, watch, case.case_id, examination, routed):
        return False
    return _split(services, case.case_id, routed.route)


def _is_there(services: Services, watch: Watch, case_id: str, examination: Examination, routed: Routed) -> bool:
    """Whether the required series stands still, is whole and can be measured."""
    counts = {candidate.series_instance_uid: candidate.instance_count for candidate in routed.selection.chosen.values()}
    quiet_s = services.settings.first_series_quiet_s
    if not watch.stands_still(case_id, counts, services.clock(), quiet_s) or not routed.selection.usable:
        return False
    required = routed.route.series.required if routed.route is not None else ()
    return not what_is_missing(examination.candidates, required, examination.places)


def _press_forward(services: Services, case_id: str, route: Route, wanted: Priority) -> None:
    """Let a study that just began to arrive go first, and its earlier studies be fetched meanwhile."""
    with services.sessions.begin() as session:
        case = store.locked_case(session, case_id)
        if case is None or case.state != CaseState.RECEIVING.value or wanted.rank >= Priority(case.priority).rank:
            return
        case.priority = wanted.value
        if services.prior_source is not None and PriorPlace.PACS in route.prior.look_in:
            priors.begin_search(session, case, services.clock())
    log.info("study pressed forward", case_id=case_id)


def _split(services: Services, case_id: str, route: Route) -> bool:
    """Begin the case with what is there, and open a revision for the whole study."""
    now = services.clock()
    with services.sessions.begin() as session:
        case = store.locked_case(session, case_id)
        if case is None or case.state != CaseState.RECEIVING.value:
            return False
        case.early = True
        roles = " and ".join(role.value for role in route.series.required)
        detail = f"A first look at the {roles} alone; revision {case.revision + 1} takes the whole study."
        store.record(session, case, CaseEvent.QUIET, actor=ACTOR, detail=detail, at=now)
        whole = store.new_case(
            session,
            study_uid=case.study_uid,
            revision=case.revision + 1,
            pseudonym=case.pseudonym,
            readable_name=case.readable_name,
            study_date_shifted=case.study_date_shifted,
            instance_count=case.instance_count,
            at=now,
        )
        # The workers of the fast track are for first looks.
        whole.priority, whole.route = Priority.URGENT.value, route.name
    log.info("first look begun", case_id=case_id)
    return True


def _announced(session: Session, now: datetime) -> dict[str, Priority]:
    """Return the pseudonyms of patients of whom a study is expected, with its priority."""
    rows = session.execute(
        select(ScheduledStudy.pseudonym, ScheduledStudy.priority).where(ScheduledStudy.expires_at > now)
    )
    found: dict[str, Priority] = {}
    for pseudonym, priority in rows:
        found[pseudonym] = min(Priority(priority), found.get(pseudonym, Priority.ROUTINE), key=lambda one: one.rank)
    return found


def _required_only(route: Route) -> Route:
    return route.model_copy(update={"series": route.series.model_copy(update={"wanted": ()})})
