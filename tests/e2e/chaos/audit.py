"""What must be true after the chaos, looked at from outside. Each finding says what was lost or came twice."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pydicom
from redis import Redis

from demo.installation import System
from gateway.api.schemas import CaseSummary
from gateway.db.tables import Case
from processing.dicom.result import ObjectKind
from processing.domain.case import CaseEvent, CaseState, IllegalTransition, next_state
from processing.domain.messages import PIPELINE_QUEUE, JobOutcome
from tests.e2e.chaos.archives import Held, by_study, found_in_pacs, in_clinical, in_pacs, in_research
from tests.e2e.chaos.plan import Visit
from tests.e2e.chaos.rows import Rows, read_rows
from tests.e2e.chaos.studies import WrittenVisit

ENDS = frozenset(
    {
        CaseState.ARCHIVED,
        CaseState.READY_FOR_REVIEW,
        CaseState.BASELINE,
        CaseState.QUARANTINED,
        CaseState.REGISTRATION_FAILED,
        CaseState.NOT_ROUTED,
        CaseState.SUPERSEDED,
    }
)
"""States in which a case rests until somebody does something."""

_EXPLAINED = (CaseState.QUARANTINED, CaseState.NOT_ROUTED, CaseState.REGISTRATION_FAILED)
_RELEASED_ONCE = (ObjectKind.REPORT.value, ObjectKind.REJECTION.value)


@dataclass(frozen=True)
class _Study:
    """What was sent, and what became of it: every revision, the newest last."""

    written: WrittenVisit
    revisions: list[Case]

    @property
    def newest(self) -> Case:
        return self.revisions[-1]


def audit(
    system: System,
    database_url: str,
    visits: Mapping[Visit, WrittenVisit],
    worklist: Iterable[CaseSummary],
    signed: Iterable[str],
) -> list[str]:
    """Compare what was sent with what the worklist, the database and the archives hold.

    Parameters
    ----------
    system : System
        With every service running and every case at rest.
    database_url : str
    visits : mapping of Visit to WrittenVisit
        All of it was acknowledged to the scanner.
    worklist : iterable of CaseSummary
        With replaced revisions.
    signed : iterable of str
        Ids of the cases whose signature was confirmed to the reader.

    Returns
    -------
    list of str
        Findings; empty when all is well.
    """
    rows = read_rows(database_url)
    studies = {visit: _Study(written, _revisions(rows, worklist, written)) for visit, written in visits.items()}
    findings = [f"{study.written.name} is on no worklist" for study in studies.values() if not study.revisions]
    studies = {visit: study for visit, study in studies.items() if study.revisions}
    findings += _clinical(system, visits.values())
    for visit, study in studies.items():
        findings += _states(study, rows)
        findings += _comparison(visit, study, studies)
    findings += [finding for case in rows.cases.values() for finding in replay_findings(case, rows)]
    findings += _signatures(rows, signed)
    findings += _pacs(system, rows, studies.values())
    findings += _research(system, rows)
    findings += _queues(system, rows)
    return findings


def _revisions(rows: Rows, worklist: Iterable[CaseSummary], written: WrittenVisit) -> list[Case]:
    key = (written.patient_id, written.study_date)
    own = [line.case_id for line in worklist if (line.patient.patient_id, line.study_date) == key]
    return rows.revisions(own[0]) if own else []


def _clinical(system: System, visits: Iterable[WrittenVisit]) -> Iterator[str]:
    held = {one.sop_instance_uid for one in in_clinical(system)}
    for written in visits:
        lost = sum(_sop_instance_uid(path) not in held for path in (*written.files, *written.late_files))
        if lost:
            yield f"{written.name}: the clinical archive lost {lost} acknowledged images"


def _sop_instance_uid(path: Path) -> str:
    return str(pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID)


def _states(study: _Study, rows: Rows) -> Iterator[str]:
    name = study.written.name
    numbers = [case.revision for case in study.revisions]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"{name}: revisions {numbers}"
    for case in study.revisions[:-1]:
        if case.state != CaseState.SUPERSEDED.value:
            yield f"{name}: revision {case.revision} is '{case.state}' beside revision {study.newest.revision}"
    state = CaseState(study.newest.state)
    if state not in ENDS or state is CaseState.SUPERSEDED:
        yield f"{name}: stands still as '{state}'"
    if state in _EXPLAINED and not study.newest.reason:
        yield f"{name}: '{state}' without a reason"
    images = len(study.written.files) + len(study.written.late_files)
    if study.newest.instance_count != images:
        yield f"{name}: counted {study.newest.instance_count} of {images} images"
    delivered = Counter(
        case_id for case_id in _case_ids(study) for event in rows.events[case_id] if _delivered(event.event)
    )
    for case in study.revisions:
        if delivered[case.case_id] > 1 or (case.state == CaseState.ARCHIVED.value and not delivered[case.case_id]):
            yield f"{name}: revision {case.revision} was delivered {delivered[case.case_id]} times"


def _case_ids(study: _Study) -> list[str]:
    return [case.case_id for case in study.revisions]


def _delivered(event: str) -> bool:
    return event == CaseEvent.DELIVERED.value


def _comparison(visit: Visit, study: _Study, studies: Mapping[Visit, _Study]) -> Iterator[str]:
    """A first study is a baseline; every other one was compared with the one before it, or says that it should be."""
    name, case = study.written.name, study.newest
    if visit.number == 0:
        if case.state not in (CaseState.BASELINE.value, CaseState.QUARANTINED.value):
            yield f"{name}: a first study is '{case.state}'"
        return
    if case.state in (CaseState.BASELINE.value, CaseState.NOT_ROUTED.value):
        yield f"{name}: '{case.state}' though there is an earlier study"
    if case.state not in (CaseState.ARCHIVED.value, CaseState.READY_FOR_REVIEW.value):
        return
    before = studies.get(Visit(visit.patient, visit.number - 1))
    wanted = _case_ids(before) if before is not None else []
    if case.prior_case_id not in wanted and CaseState(case.state) is not CaseState.ARCHIVED:
        yield f"{name}: was not compared with the study before it"
    elif case.prior_case_id not in wanted and not case.reason:
        yield f"{name}: archived, compared with another study than the one before it, and does not say so"


def replay_findings(case: Case, rows: Rows) -> Iterator[str]:
    """Follow a case's events through the transition table, and say where they do not lead to its state."""
    state = CaseState.RECEIVING
    for event in rows.events[case.case_id]:
        if event.from_state != state.value:
            yield f"case {case.case_id}: '{event.event}' was logged from '{event.from_state}', but it was '{state}'"
            return
        try:
            state = next_state(state, CaseEvent(event.event))
        except IllegalTransition as illegal:
            yield f"case {case.case_id}: {illegal}"
            return
        if event.to_state != state.value:
            yield f"case {case.case_id}: '{event.event}' leads to '{state}', but '{event.to_state}' was logged"
    if state.value != case.state:
        yield f"case {case.case_id}: is '{case.state}', but its events lead to '{state}'"


def _signatures(rows: Rows, signed: Iterable[str]) -> Iterator[str]:
    kept = {CaseState.ARCHIVED.value, CaseState.SUPERSEDED.value, CaseState.QUARANTINED.value}
    for case_id in signed:
        if not any(event.event == CaseEvent.SIGNED.value for event in rows.events[case_id]):
            yield f"case {case_id}: a confirmed signature is gone"
        elif rows.cases[case_id].state not in kept:
            yield f"case {case_id}: was signed and is '{rows.cases[case_id].state}'"


def _pacs(system: System, rows: Rows, studies: Iterable[_Study]) -> Iterator[str]:
    held = by_study(in_pacs(system))
    known: set[str] = set()
    for study in studies:
        uid, name = study.written.study_instance_uid, study.written.name
        in_study = {one.sop_instance_uid for one in held.get(uid, [])}
        answered = found_in_pacs(system, uid)
        if len(answered) != len(set(answered)) or set(answered) != in_study:
            yield f"{name}: the PACS answers a C-FIND with {len(answered)} objects and holds {len(in_study)}"
        for case in study.revisions:
            sent = rows.deliveries[case.case_id]
            known |= {row.sop_instance_uid for row in sent}
            confirmed = {row.sop_instance_uid for row in sent if row.confirmed_at is not None}
            if lost := confirmed - in_study:
                yield f"{name}: the PACS lost {len(lost)} confirmed objects of revision {case.revision}"
            if case.state != CaseState.ARCHIVED.value:
                continue
            if unconfirmed := len(sent) - len(confirmed):
                yield f"{name}: archived with {unconfirmed} objects that the PACS did not confirm"
            kinds = Counter(row.kind for row in sent)
            if sum(kinds[kind] for kind in _RELEASED_ONCE) != 1:
                yield f"{name}: revision {case.revision} has {dict(kinds)} in the PACS instead of one report"
    unknown = {one.sop_instance_uid for objects in held.values() for one in objects} - known
    if unknown:
        yield f"the PACS holds {len(unknown)} objects that no case knows"


def _research(system: System, rows: Rows) -> Iterator[str]:
    """Every object is an image of a chosen series, or belongs to the outcome of a job."""
    held = in_research(system)
    outcomes = {
        job.job_id: JobOutcome.model_validate(job.outcome)
        for jobs in rows.jobs.values()
        for job in jobs
        if job.outcome is not None
    }
    results = {stored.sop_instance_uid for outcome in outcomes.values() for stored in outcome.objects}
    chosen = {
        (rows.cases[one.case_id].study_uid, one.series_uid) for s in rows.series.values() for one in s if one.role
    }
    orphans = [one for one in held if not _is_known(one, results, chosen)]
    if orphans:
        series = Counter((one.study_instance_uid, one.series_instance_uid) for one in orphans)
        whose = _whose(orphans, rows)
        yield f"the research archive holds {len(orphans)} orphans in {len(series)} series, of cases that are {whose}"
    present = {one.sop_instance_uid for one in held}
    for case_id, jobs in rows.jobs.items():
        for job in jobs:
            if job.job_id in outcomes and rows.cases[case_id].state != CaseState.SUPERSEDED.value:
                lost = {stored.sop_instance_uid for stored in outcomes[job.job_id].objects} - present
                if lost:
                    yield f"case {case_id}: the research archive lost {len(lost)} objects of its result"


def _is_known(one: Held, results: set[str], chosen: set[tuple[str, str]]) -> bool:
    return one.sop_instance_uid in results or (one.study_instance_uid, one.series_instance_uid) in chosen


def _whose(orphans: Iterable[Held], rows: Rows) -> str:
    states: dict[str, list[str]] = defaultdict(list)
    for case in sorted(rows.cases.values(), key=lambda case: case.revision):
        states[case.study_uid].append(case.state)
    return "; ".join(sorted({", ".join(states[one.study_instance_uid]) or "unknown" for one in orphans}))


def _queues(system: System, rows: Rows) -> Iterator[str]:
    if rows.unsent:
        yield f"{len(rows.unsent)} orders were never sent"
    with Redis(port=system.ports.redis) as redis:
        if waiting := redis.llen(PIPELINE_QUEUE):
            yield f"{waiting} orders wait in the queue though every case rests"
    health = httpx.get(f"{system.url}/api/health", timeout=30).json()
    if not health["ready"]:
        yield f"the service is not well: {health}"
