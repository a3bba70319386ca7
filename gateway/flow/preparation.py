"""From a complete study to an order: route, find the prior, pseudonymise, order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete

from gateway.cases.complete import announced
from gateway.cases.prior import EarlierStudy, PriorFound, PriorIncomplete, find_prior
from gateway.cases.route import Routed
from gateway.cases.select import Selection
from gateway.clinical_study import ClinicalStudy
from gateway.db.tables import Case, Series
from gateway.flow import priors, release
from gateway.flow.examination import examine
from gateway.flow.fast_track import first_look
from gateway.flow.identification import OTHER_ISSUER, ask_about_issuer, identify
from gateway.flow.series_files import SeriesFiles
from gateway.flow.services import Services
from gateway.flow.sight import look_up
from gateway.flow.step import Lease, run_step
from gateway.flow.transfer import require_same_person, transfer
from gateway.jobs import store, submit
from gateway.log import get_logger
from gateway.pseudonymise.record import StudyRecord
from gateway.routes.model import Route
from processing.domain.case import CaseEvent, CaseState
from processing.domain.errors import InputRejected, Transient
from processing.domain.messages import StudyOrder
from processing.domain.priority import Priority
from processing.pipelines.spec import PipelineSpec

log = get_logger(__name__)
ACTOR = "prepare"
_COMPLETE = (CaseState.COMPLETE,)


@dataclass(frozen=True)
class _Current:
    """The study that is prepared: who it belongs to, what it holds, its route, and what was read of its files."""

    record: StudyRecord
    study: ClinicalStudy
    routed: Routed
    files: SeriesFiles


def prepare(services: Services, case_id: str) -> bool:
    """Take a complete study as far as it goes: to an order, or to a state that says why there is none.

    Returns
    -------
    bool
        False when somebody else works on the case, or it was put off or quarantined.
    """
    return run_step(services, case_id, _COMPLETE, ACTOR, _prepare)


def _prepare(services: Services, lease: Lease) -> None:
    with services.sessions.begin() as session:
        begun = lease.case(session, _COMPLETE)
    record, study = look_up(services, begun.study_uid)
    table = first_look(services.routes) if begun.early else services.routes
    files = SeriesFiles(services.clinical)
    routed = examine(services.clinical, study, files).route(table, services.specs)
    if routed.selection.chosen:
        record = identify(services, lease, _COMPLETE, record, study, routed.selection, files)
    current = _Current(record, study, routed, files)
    case = _note_examined(services, lease, current)
    last = case.last_image_at.astimezone(services.settings.zone)
    since = f"The last image came on {last:%Y-%m-%d} at {last:%H:%M}."
    if routed.route is None or routed.spec is None:
        _conclude(services, lease, CaseEvent.NOT_USABLE, routed.sentence)
    elif not case.study_date_shifted:
        _conclude(services, lease, CaseEvent.NOT_USABLE, "The study has no date, so it can't be compared over time.")
    elif routed.selection.unusable:
        raise InputRejected(f"{routed.sentence} {since}")
    elif not routed.selection.usable:
        _conclude(services, lease, CaseEvent.NOT_USABLE, f"{routed.sentence} {since}")
    elif refusal := release.why_closed(services, routed.spec):
        _conclude(services, lease, CaseEvent.NOT_USABLE, refusal)
    elif routed.spec.compares:
        _compare(services, lease, case, current, (routed.route, routed.spec))
    else:
        _measure_alone(services, lease, case, current, (routed.route, routed.spec))


def _measure_alone(
    services: Services, lease: Lease, case: Case, current: _Current, plan: tuple[Route, PipelineSpec]
) -> None:
    """Order a measurement of this study, which is compared with none."""
    with services.sessions.begin() as session:
        fetched = priors.only_a_prior(session, case)
    if fetched:
        _conclude(services, lease, CaseEvent.PRIOR_MISSING, priors.ONLY_A_PRIOR)
        return
    order, record = _across(services, lease, current, current.record, current.study, current.routed.selection)
    _, spec = plan
    with services.sessions.begin() as session:
        case = lease.case(session, _COMPLETE)
        at = services.clock()
        services.vault_in(session).put(record)
        case.prior_case_id = None
        store.record(session, case, CaseEvent.PSEUDONYMISED, actor=ACTOR, at=at)
        submit.place_order(session, case, pipeline=spec.name, version=spec.version, current=order, prior=None, at=at)
    log.info("job ordered", case_id=lease.case_id, pipeline=spec.name, version=spec.version)


def _compare(services: Services, lease: Lease, case: Case, current: _Current, plan: tuple[Route, PipelineSpec]) -> None:
    """Find the prior and order the comparison, or say why there is none yet."""
    route = plan[0]
    with services.sessions.begin() as session:
        fetched = priors.only_a_prior(session, case)
        searching = (
            "" if fetched else priors.search_open(session, services, lease.case(session, _COMPLETE), route.prior)
        )
        others = priors.other_studies(session, case)
    if fetched:
        _conclude(services, lease, CaseEvent.PRIOR_MISSING, priors.ONLY_A_PRIOR)
        return
    if searching:
        _conclude(services, lease, CaseEvent.PRIOR_INCOMPLETE, searching)
        return
    found: dict[str, tuple[StudyRecord, ClinicalStudy]] = {}

    def select_of(other: EarlierStudy) -> Selection:
        lease.renew()
        found[other.case_id] = priors.examine_prior(services, other)
        return examine(services.clinical, found[other.case_id][1], current.files).select(route.series.inputs)

    rule = priors.shifted(route.prior, current.record.shift_days)
    decision = find_prior(case.study_date_shifted, others, select_of, rule, route.series.required)
    if isinstance(decision, PriorIncomplete):
        _conclude(services, lease, CaseEvent.PRIOR_INCOMPLETE, decision.reason)
        return
    with services.sessions.begin() as session:
        further = priors.search_further(session, case, decision.unusable, services.clock())
        missing = "" if isinstance(decision, PriorFound) else priors.why_missing(session, case.case_id, decision)
    if further:
        _conclude(services, lease, CaseEvent.PRIOR_INCOMPLETE, priors.SEARCHING)
    elif isinstance(decision, PriorFound):
        prior = (*found[decision.case_id], decision)
        _order(services, lease, plan, current, prior, others)
    else:
        asked = OTHER_ISSUER if OTHER_ISSUER in case.question else missing
        _conclude(services, lease, CaseEvent.PRIOR_MISSING, asked)


def _note_examined(services: Services, lease: Lease, current: _Current) -> Case:
    """Keep what the study was taken for, and what a person is asked about it."""
    question = ask_about_issuer(services, current.record)
    identity, routed = current.record.identity, current.routed
    with services.sessions.begin() as session:
        case = lease.case(session, _COMPLETE)
        if routed.route is not None and not case.route:
            # Later it is an operator's: a case that stands back is not pressed forward again by its route.
            case.priority = min(routed.route.priority, Priority(case.priority), key=lambda one: one.rank).value
        case.route = routed.route.name if routed.route is not None else ""
        case.explanation = routed.explanation.model_dump(mode="json")
        case.question = " ".join(part for part in (question, _short(routed.selection)) if part)
        session.execute(delete(Series).where(Series.case_id == case.case_id))
        for choice in routed.selection.choices:
            candidate = choice.candidate
            session.add(
                Series(
                    case_id=case.case_id,
                    series_uid=services.pseudonymiser.uid(candidate.series_instance_uid, identity),
                    series_number=candidate.series_number,
                    modality=candidate.modality,
                    instance_count=candidate.instance_count,
                    role=choice.role.value if choice.role is not None else None,
                    reason=choice.reason,
                )
            )
    return case


def _short(selection: Selection) -> str:
    """Say which chosen series has fewer images than its header announces: it may be cut off at an end."""
    short = [
        f"The {choice.role.value} ({choice.candidate.name}) may be cut off: {announced(choice.candidate)}"
        for choice in selection.choices
        if choice.role is not None and announced(choice.candidate)
    ]
    return " ".join(short)


def _conclude(services: Services, lease: Lease, event: CaseEvent, detail: str) -> None:
    with services.sessions.begin() as session:
        case = lease.case(session, _COMPLETE)
        store.record(session, case, event, actor=ACTOR, detail=detail, at=services.clock())
    log.info("study examined", case_id=lease.case_id, step=ACTOR)


def _order(
    services: Services,
    lease: Lease,
    plan: tuple[Route, PipelineSpec],
    current: _Current,
    prior: tuple[StudyRecord, ClinicalStudy, PriorFound],
    others: Sequence[EarlierStudy],
) -> None:
    _, spec = plan
    prior_record, prior_study, found = prior
    require_same_person(current.record, prior_record)
    orders: list[StudyOrder] = []
    records: list[StudyRecord] = []
    for record, study, selection in (
        (current.record, current.study, current.routed.selection),
        (prior_record, prior_study, found.selection),
    ):
        order, transferred = _across(services, lease, current, record, study, selection)
        orders.append(order)
        records.append(transferred)
    require_same_person(*records)
    with services.sessions.begin() as session:
        case = lease.case(session, _COMPLETE)
        if _earlier(case, priors.other_studies(session, case)) != _earlier(case, others):
            raise Transient("The patient's earlier studies changed while this one was prepared.")
        at = services.clock()
        for record in records:
            services.vault_in(session).put(record)
        case.prior_case_id = found.case_id
        store.record(session, case, CaseEvent.PSEUDONYMISED, actor=ACTOR, detail=found.passed_over, at=at)
        submit.place_order(
            session, case, pipeline=spec.name, version=spec.version, current=orders[0], prior=orders[1], at=at
        )
    log.info("job ordered", case_id=lease.case_id, pipeline=spec.name, version=spec.version)


def _across(
    services: Services,
    lease: Lease,
    current: _Current,
    record: StudyRecord,
    study: ClinicalStudy,
    selection: Selection,
) -> tuple[StudyOrder, StudyRecord]:
    """Take the chosen series of a study across the border."""
    series = {role: candidate.series_instance_uid for role, candidate in selection.chosen.items()}
    return transfer(services, lease, record, study, series, current.files)


def _earlier(case: Case, others: Sequence[EarlierStudy]) -> set[tuple[str, bool]]:
    """Return what the choice of the prior rests on: which earlier studies there are, and which are being received."""
    return {
        (other.case_id, other.state is CaseState.RECEIVING)
        for other in others
        if other.study_date_shifted and other.study_date_shifted < case.study_date_shifted
    }
