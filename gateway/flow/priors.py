"""Where earlier studies come from: the clinical archive, and before it the PACS, which is asked in the background.

A case whose route looks in the PACS waits, visibly, while that is asked and sends. The search has an end: when the
PACS does not answer, the case goes on without it and says so.
"""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from gateway.cases.prior import ACTOR, EarlierStudy, PriorMissing, RuleOf
from gateway.clinical_study import ClinicalStudy
from gateway.db.tables import Case, Event, PriorSearch, ScheduledStudy
from gateway.flow.arrival import take_note
from gateway.flow.services import Services
from gateway.flow.sight import look_up
from gateway.jobs import store
from gateway.log import get_logger
from gateway.pseudonymise.identity import PatientIdentity, uid_under
from gateway.pseudonymise.record import StudyRecord
from gateway.retrieve.source import PacsStudy, PriorSource
from gateway.routes.model import PriorPlace, PriorRule
from processing.domain.case import CaseEvent, CaseState
from processing.domain.errors import InputRejected, Transient

log = get_logger(__name__)
SEARCHING = "The PACS is asked for earlier studies."
RECEIVING = "An earlier study comes from the PACS."
NONE_THERE = "The PACS holds none either."
ONLY_A_PRIOR = (
    "Fetched from the PACS to be compared with. It is not measured itself, unless an operator tries it again."
)
_AT_ONCE = 3
"""Searches: a study that the PACS takes long to send holds up no other patient's."""
_ASK_AGAIN = (CaseEvent.RETRIED.value, CaseEvent.IMAGES_RECEIVED.value)
"""Events after which the PACS is asked anew."""


def rule_of(services: Services) -> RuleOf:
    """Return how to find the rule of a case's route, with its dates shifted like the patient's."""

    def of_case(case: Case) -> PriorRule:
        rule = services.routes.prior_rule(case.route)
        if rule.after is None:
            return rule
        try:
            return shifted(rule, services.vault.get(case.study_uid).shift_days)
        except KeyError:
            return rule

    return of_case


def shifted(rule: PriorRule, shift_days: int) -> PriorRule:
    """Return a rule with its dates shifted like a patient's."""
    return rule if rule.after is None else rule.model_copy(update={"after": rule.after - timedelta(days=shift_days)})


def other_studies(session: Session, case: Case) -> list[EarlierStudy]:
    """Return the patient's other studies, at any time."""
    return [
        EarlierStudy(other.case_id, other.study_date_shifted, CaseState(other.state), other.received_at)
        for other in store.cases_of_patient(session, case.pseudonym)
        if other.study_uid != case.study_uid
    ]


def examine_prior(services: Services, other: EarlierStudy) -> tuple[StudyRecord, ClinicalStudy]:
    """Return an earlier study as vault and archive hold it; raises as `look_up`."""
    with services.sessions() as session:
        case = session.get(Case, other.case_id)
        study_uid = case.study_uid if case is not None else ""
    return look_up(services, study_uid)


def search_open(session: Session, services: Services, case: Case, rule: PriorRule) -> str:
    """Return what the search in the PACS is at, and begin it where the rule asks for one; empty when it is over."""
    if services.prior_source is None or PriorPlace.PACS not in rule.look_in:
        return ""
    search = session.get(PriorSearch, case.case_id)
    if search is None or (search.ended_at is not None and _asked_again(session, case, search)):
        begin_search(session, case, services.clock())
        return SEARCHING
    return (search.reason or SEARCHING) if search.ended_at is None else ""


def only_a_prior(session: Session, case: Case) -> bool:
    """Whether a study is here only because another one is compared with it.

    To measure it too would fetch its own earlier study, and so on through the patient's whole history.
    """
    searches = session.scalars(
        select(PriorSearch).join(Case, Case.case_id == PriorSearch.case_id).where(Case.pseudonym == case.pseudonym)
    )
    fetched = [search.fetched for search in searches if search.case_id != case.case_id]
    fetched += session.scalars(select(ScheduledStudy.fetched).where(ScheduledStudy.pseudonym == case.pseudonym))
    if not any(case.study_uid in uids for uids in fetched):
        return False
    retried = select(Event.event_id).where(Event.case_id == case.case_id, Event.event == CaseEvent.RETRIED.value)
    return session.scalar(retried.limit(1)) is None


def begin_search(session: Session, case: Case, now: datetime) -> None:
    """Let the PACS be asked for a case's earlier studies, also before the case itself is complete."""
    session.merge(
        PriorSearch(
            case_id=case.case_id,
            began_at=now,
            ended_at=None,
            attempts=0,
            not_before=now,
            fetched=[],
            more=False,
            reason="",
        )
    )


def search_further(session: Session, case: Case, unusable: Collection[str], now: datetime) -> bool:
    """Ask the PACS for the next study where those that were looked at can't be used; False when there is none."""
    search = session.get(PriorSearch, case.case_id)
    if search is None or not search.more or not unusable:
        return False
    passed = session.scalars(select(Case.study_uid).where(Case.case_id.in_(unusable)))
    search.fetched = list(dict.fromkeys([*search.fetched, *passed]))
    search.ended_at, search.not_before, search.attempts = None, now, 0
    return True


def why_missing(session: Session, case_id: str, decision: PriorMissing) -> str:
    """Return why a case has nothing to be compared with, with what the PACS said."""
    search = session.get(PriorSearch, case_id)
    return f"{decision.reason} {search.reason}".strip() if search is not None else decision.reason


def _asked_again(session: Session, case: Case, search: PriorSearch) -> bool:
    last = session.scalar(select(func.max(Event.at)).where(Event.case_id == case.case_id, Event.event.in_(_ASK_AGAIN)))
    return last is not None and last > search.began_at


def search_priors(services: Services) -> int:
    """Ask the PACS for the earlier studies of the cases that wait for it; return the number of cases."""
    source = services.prior_source
    if source is None:
        return 0
    now = services.clock()
    with services.sessions() as session:
        due = list(
            session.scalars(
                select(PriorSearch.case_id)
                .where(PriorSearch.ended_at.is_(None), PriorSearch.not_before <= now)
                .order_by(PriorSearch.began_at)
            )
        )
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="priors") as threads:
        return sum(threads.map(lambda case_id: _search_or_put_off(services, source, case_id), due))


def _search_or_put_off(services: Services, source: PriorSource, case_id: str) -> bool:
    if not _claim(services, case_id):
        return False
    try:
        outcome = _search(services, source, case_id)
    except Transient as error:
        _put_off(services, case_id, error.reason)
    except InputRejected as error:
        _end(services, case_id, _Outcome(f"The PACS could not be asked for earlier studies: {error.reason}"))
    else:
        _end(services, case_id, outcome)
    return True


@dataclass
class _Outcome:
    """What a search brought."""

    reason: str
    fetched: list[str] = field(default_factory=list)
    more: bool = False


def _claim(services: Services, case_id: str) -> bool:
    """Keep others from the same search for a while; `_renew` makes it longer."""
    now = services.clock()
    with services.sessions.begin() as session:
        taken = session.execute(
            update(PriorSearch)
            .where(PriorSearch.case_id == case_id, PriorSearch.ended_at.is_(None), PriorSearch.not_before <= now)
            .values(not_before=now + timedelta(seconds=services.settings.lease_s))
            .returning(PriorSearch.case_id)
        ).first()
    return taken is not None


class _Renewal:
    """Extends the claim on a search while images come."""

    def __init__(self, services: Services, case_id: str) -> None:
        self._services, self._case_id = services, case_id
        self._renewed_at = services.clock()

    def __call__(self) -> None:
        now, lease_s = self._services.clock(), self._services.settings.lease_s
        if now - self._renewed_at < timedelta(seconds=lease_s / 3):
            return
        self._renewed_at = now
        with self._services.sessions.begin() as session:
            search = session.get_one(PriorSearch, self._case_id)
            search.not_before = now + timedelta(seconds=lease_s)


def _search(services: Services, source: PriorSource, case_id: str) -> _Outcome:
    with services.sessions() as session:
        case = session.get_one(Case, case_id)
        search = session.get_one(PriorSearch, case_id)
        rule, modalities = services.routes.prior_rule(case.route), services.routes.modalities(case.route)
        here = {other.study_uid: other.study_date_shifted for other in store.cases_of_patient(session, case.pseudonym)}
        passed = list(search.fetched)
    if case.state == CaseState.SUPERSEDED.value or not case.study_date_shifted:
        return _Outcome("")
    try:
        record = services.vault.get(case.study_uid)
    except KeyError as error:
        raise InputRejected("The vault holds no entry for this study.") from error
    before = _true_date(case.study_date_shifted, record)
    held = of_patient(services, source.find_studies(record.patient_id, before, modalities), record.identity)
    dates = [(_true_date(day, record), uid) for uid, day in here.items() if day and uid != case.study_uid]
    dates += [(study.study_date, uid) for uid, study in held.items() if uid not in here]
    order = [uid for uid in rule.in_order(dates, before) if uid not in passed]
    outcome = _Outcome("" if held else NONE_THERE, passed)
    for place, uid in enumerate(order):
        if uid not in held or is_here(services, uid):
            return outcome
        if len(outcome.fetched) >= rule.fetch_at_most:
            outcome.reason = f"The PACS holds further studies; no more than {rule.fetch_at_most} are fetched."
            return outcome
        count = source.fetch(held[uid].study_instance_uid, modalities, _Renewal(services, case_id))
        outcome.fetched.append(uid)
        if count:
            take_note(services, [held[uid].study_instance_uid])
            outcome.more = any(other in held and not is_here(services, other) for other in order[place + 1 :])
            log.info("earlier study fetched", case_id=case_id, count=count)
            return outcome
    return outcome


def of_patient(services: Services, found: list[PacsStudy], identity: PatientIdentity) -> dict[str, PacsStudy]:
    """Return the studies that may be the patient's, by pseudonymous UID.

    Two issuers are two patients. Where one side names none, the images themselves will say it.
    """
    issuer = identity.issuer_of_patient_id.strip()
    keys = services.pseudonymiser.subkeys(identity)
    return {
        uid_under(keys, study.study_instance_uid): study
        for study in found
        if not issuer or not study.issuer_of_patient_id or study.issuer_of_patient_id == issuer
    }


def is_here(services: Services, study_uid: str) -> bool:
    """Whether a study has a case."""
    with services.sessions() as session:
        return session.scalar(select(Case.case_id).where(Case.study_uid == study_uid).limit(1)) is not None


def _true_date(day_shifted: str, record: StudyRecord) -> date:
    day = date(int(day_shifted[:4]), int(day_shifted[4:6]), int(day_shifted[6:8]))
    return day + timedelta(days=record.shift_days)


def _put_off(services: Services, case_id: str, reason: str) -> None:
    now, most = services.clock(), services.settings.prior_search_attempts
    with services.sessions.begin() as session:
        search = session.get_one(PriorSearch, case_id)
        search.attempts += 1
        failed = search.attempts
        search.not_before = now + timedelta(seconds=services.step_policy.wait_s(failed))
        search.reason = f"{SEARCHING} {reason} Attempt {failed} of {most} failed."
        case = store.locked_case(session, case_id)
        if case is not None and case.state == CaseState.WAITING_FOR_PRIOR.value:
            case.reason = search.reason
    log.info("search for priors put off", case_id=case_id, attempt=failed)
    if failed >= most:
        sentence = f"The PACS could not be asked for earlier studies ({failed} attempts): {reason}"
        _end(services, case_id, _Outcome(sentence))


def _end(services: Services, case_id: str, outcome: _Outcome) -> None:
    now = services.clock()
    with services.sessions.begin() as session:
        search = session.get_one(PriorSearch, case_id)
        search.ended_at, search.reason, search.more = now, outcome.reason, outcome.more
        search.fetched = outcome.fetched or search.fetched
        case = store.locked_case(session, case_id)
        if case is None or case.state != CaseState.WAITING_FOR_PRIOR.value:
            return
        arriving = [
            other
            for other in other_studies(session, case)
            if other.state is CaseState.RECEIVING and "" < other.study_date_shifted < case.study_date_shifted
        ]
        if arriving:
            case.reason = RECEIVING
            return
        store.record(session, case, CaseEvent.PRIOR_SEARCHED, actor=ACTOR, detail=outcome.reason, at=now)
