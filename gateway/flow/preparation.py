"""From a complete study to an order: select, find the prior, pseudonymise, order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from sqlalchemy import delete
from sqlalchemy.orm import Session

from gateway.cases.prior import EarlierStudy, PriorFound, PriorIncomplete, find_prior
from gateway.cases.route import route
from gateway.cases.select import Selection, SeriesCandidate, select_series
from gateway.clinical import ClinicalSeries, ClinicalStudy
from gateway.db.tables import Case, Series
from gateway.flow.identification import identify, question_of_issuer
from gateway.flow.services import Services
from gateway.flow.sight import has_patient_id
from gateway.flow.step import Lease, run_step
from gateway.flow.transfer import require_same_person, transfer
from gateway.jobs import store, submit
from gateway.log import get_logger
from gateway.pseudonymise.record import StudyRecord
from processing.domain.case import CaseEvent, CaseState
from processing.domain.errors import Defect, InputRejected, Transient
from processing.domain.messages import StudyOrder
from processing.domain.study import SeriesInput
from processing.pipelines.spec import PipelineSpec

log = get_logger(__name__)
ACTOR = "prepare"
_COMPLETE = (CaseState.COMPLETE,)


@dataclass(frozen=True)
class _Examined:
    """A study in the clinical archive and who it belongs to."""

    record: StudyRecord
    study: ClinicalStudy


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
        study_uid = lease.case(session, _COMPLETE).study_uid
    current = _examine(services, study_uid)
    if not any(series.modality == "MR" for series in current.study.images):
        _conclude(services, lease, CaseEvent.NOT_USABLE, "The study holds no MR images.")
        return
    study = current.study
    routed = route(services.specs, lambda inputs: _select(services, study, inputs))
    if routed.selection.chosen:
        record = identify(services, lease, _COMPLETE, current.record, study, routed.selection)
        current = _Examined(record, study)
    with services.sessions.begin() as session:
        study_date = lease.case(session, _COMPLETE).study_date_shifted
    if not study_date:
        _conclude(services, lease, CaseEvent.NOT_USABLE, "The study has no date, so it can't be compared over time.")
        return
    _note_series(services, lease, current, routed.selection)
    if routed.selection.unusable:
        raise InputRejected(routed.selection.sentence)
    if not routed.selection.usable:
        _conclude(services, lease, CaseEvent.NOT_USABLE, routed.selection.sentence)
        return
    examined: dict[str, _Examined] = {}
    others = _other_studies(services, lease)

    def select_of(other: EarlierStudy) -> Selection:
        lease.renew()
        found = _examine_prior(services, other)
        examined[other.case_id] = found
        return _select(services, found.study, routed.spec.inputs)

    decision = find_prior(study_date, others, select_of)
    if isinstance(decision, PriorIncomplete):
        _conclude(services, lease, CaseEvent.PRIOR_INCOMPLETE, decision.reason)
    elif isinstance(decision, PriorFound):
        prior = (examined[decision.case_id], decision)
        _order(services, lease, routed.spec, (current, routed.selection), prior, others)
    else:
        reason = question_of_issuer(services, current.record) or decision.reason
        _conclude(services, lease, CaseEvent.PRIOR_MISSING, reason)


def _examine(services: Services, study_uid: str) -> _Examined:
    try:
        record = services.vault.get(study_uid)
    except KeyError as error:
        raise Defect("The vault holds no entry for this study.") from error
    study = services.clinical.study(record.original_study_instance_uid)
    if study is None or not study.images:
        raise InputRejected("The clinical archive no longer holds the study.")
    if len(study.patient_ids) > 1:
        raise InputRejected("The study arrived under several patient IDs; nobody can tell whose it is.")
    if not has_patient_id(record) and not any(study.patient_ids):
        raise InputRejected("The images carry no patient ID, so they can't be told from another patient's.")
    return _Examined(record, study)


def _examine_prior(services: Services, other: EarlierStudy) -> _Examined:
    with services.sessions() as session:
        case = store.get_case(session, other.case_id)
        study_uid = case.study_uid if case is not None else ""
    return _examine(services, study_uid)


def _select(services: Services, study: ClinicalStudy, inputs: Sequence[SeriesInput]) -> Selection:
    by_uid = {series.series_instance_uid: series for series in study.series}

    def load_headers(candidate: SeriesCandidate) -> list[Dataset]:
        return services.clinical.headers(study, by_uid[candidate.series_instance_uid])

    return select_series([_candidate(services, series) for series in study.series], inputs, load_headers)


def _candidate(services: Services, series: ClinicalSeries) -> SeriesCandidate:
    header = None
    if series.modality == "MR" and series.instances:
        try:
            # The middle one: the outermost images of a stack are the likeliest to differ from the rest.
            header = services.clinical.header(series.instances[len(series.instances) // 2])
        except InputRejected:
            header = None
    return SeriesCandidate(
        series.series_instance_uid, series.series_number, series.modality, len(series.instances), header
    )


def _other_studies(services: Services, lease: Lease) -> list[EarlierStudy]:
    with services.sessions.begin() as session:
        return _others_of(session, lease.case(session, _COMPLETE))


def _others_of(session: Session, case: Case) -> list[EarlierStudy]:
    return [
        EarlierStudy(other.case_id, other.study_date_shifted, CaseState(other.state), other.received_at)
        for other in store.cases_of_patient(session, case.pseudonym)
        if other.study_uid != case.study_uid
    ]


def _note_series(services: Services, lease: Lease, examined: _Examined, selection: Selection) -> None:
    identity = examined.record.identity
    with services.sessions.begin() as session:
        case = lease.case(session, _COMPLETE)
        session.execute(delete(Series).where(Series.case_id == case.case_id))
        for choice in selection.choices:
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


def _conclude(services: Services, lease: Lease, event: CaseEvent, detail: str) -> None:
    with services.sessions.begin() as session:
        case = lease.case(session, _COMPLETE)
        store.record(session, case, event, actor=ACTOR, detail=detail, at=services.clock())
    log.info("study examined", case_id=lease.case_id, step=ACTOR)


def _order(
    services: Services,
    lease: Lease,
    spec: PipelineSpec,
    current: tuple[_Examined, Selection],
    prior: tuple[_Examined, PriorFound],
    others: Sequence[EarlierStudy],
) -> None:
    (current_study, selection), (prior_study, found) = current, prior
    require_same_person(current_study.record, prior_study.record)
    orders: list[StudyOrder] = []
    records: list[StudyRecord] = []
    for examined, chosen in ((current_study, selection), (prior_study, found.selection)):
        series = {role: candidate.series_instance_uid for role, candidate in chosen.chosen.items()}
        order, record = transfer(services, lease, examined.record, examined.study, series)
        orders.append(order)
        records.append(record)
    require_same_person(*records)
    with services.sessions.begin() as session:
        case = lease.case(session, _COMPLETE)
        if _earlier(case, _others_of(session, case)) != _earlier(case, others):
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


def _earlier(case: Case, others: Sequence[EarlierStudy]) -> set[tuple[str, bool]]:
    """Return what the choice of the prior rests on: which earlier studies there are, and which are being received."""
    return {
        (other.case_id, other.state is CaseState.RECEIVING)
        for other in others
        if other.study_date_shifted and other.study_date_shifted < case.study_date_shifted
    }
