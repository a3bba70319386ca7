"""A patient's accepted measurements over the years, and a tumour's growth from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from sqlalchemy.orm import Session

from gateway.db.tables import Case, Job, Review
from gateway.flow import release, time_points
from gateway.flow.services import Services
from gateway.jobs import store
from gateway.review import decisions, tumour_reading
from gateway.review.edits import lesions_with, standing_edits
from gateway.studies.conduct import hides_lesions
from gateway.timeline.measurements import Measurement, Value, lesion_values, tumour_values
from processing.domain.decision import Acceptance, Verdict
from processing.domain.errors import InputRejected
from processing.domain.growth import Growth, Part, TumourMeasurement, assess_growth
from processing.domain.imaging import Grid
from processing.domain.messages import JobOrder, JobOutcome
from processing.domain.tumour import TumourLabel, TumourVolumes
from processing.domain.versions import Ledger, agreement_factor, comparison_warning

_NO_PLACE = Grid.from_axes((1, 1, 1), origin_mm=(0, 0, 0), spacing_mm=(1, 1, 1), directions=np.eye(3))
"""A sum of volumes names no coordinates."""
_NO_DAY = date(1, 1, 1)


@dataclass(frozen=True, eq=False)
class _Accepted:
    case: Case
    job: Job
    review: Review
    signed_at: datetime
    order: JobOrder
    outcome: JobOutcome
    day: date | None


def timeline_of(services: Services, session: Session, case: Case, asked_by: str) -> tuple[Measurement, ...]:
    """Return a patient's measurements that a reader accepted and signed, the oldest first.

    Of a case that this person must read without its lesions nothing is returned.
    """
    ledger = release.ledger()
    accepted = _accepted(services, session, case, asked_by)
    return tuple(_measurement(session, one, accepted[:at], ledger) for at, one in enumerate(accepted))


def tumour_growth(services: Services, session: Session, case: Case, asked_by: str) -> Growth:
    """Compare a case's tumour, accepted or about to be, with the two accepted measurements before it, by true dates.

    Raises
    ------
    InputRejected
        If there are not three, in the words of `assess_growth`.
    """
    three = [*time_points.accepted_priors(session, case), case]
    if any(hides_lesions(session, one.case_id, asked_by) for one in three):
        raise InputRejected(time_points.READ_WITHOUT_FIRST)
    days = {one.case_id: study_day(services, one) for one in three}
    dated = [one for one in three if days[one.case_id] is not None]
    return _compared(session, case, [(one, days[one.case_id] or _NO_DAY) for one in dated])


def reported_growth(session: Session, case: Case) -> Growth | None:
    """Return the same by shifted dates, which tell the days between as well; None where nothing may be compared."""
    job = store.latest_job(case)
    if job is None or not time_points.is_followed(session, case, job):
        return None
    three = [*time_points.accepted_priors(session, case), case]
    try:
        return _compared(session, case, [(one, date.fromisoformat(one.study_date_shifted)) for one in three])
    except InputRejected:
        return None


def _compared(session: Session, case: Case, three: Sequence[tuple[Case, date]]) -> Growth:
    ledger = release.ledger()
    measured = [_of_tumour(session, one, day) for one, day in three]
    versions = [one.version for one in measured]
    comparable = {
        (earlier, later): ledger.comparable(case.pipeline, earlier, later) for earlier in versions for later in versions
    }
    # A change is judged by what the newest version repeats to: one that measures differently does not compare at all.
    limits = _factors(ledger, case.pipeline, measured[-1].version, measured[-1].volumes) if measured else {}
    return assess_growth(measured, limits=limits, comparable=comparable)


def measures_a_tumour(case: Case) -> bool:
    """Whether the case's result is a tumour's volumes."""
    job = store.latest_job(case)
    return job is not None and decisions.measures_a_tumour(job)


def original_study_uid(services: Services, case: Case) -> str:
    """Return the study's own UID, for whoever may know whose it is."""
    return services.vault.get(case.study_uid).original_study_instance_uid


def _accepted(services: Services, session: Session, case: Case, asked_by: str) -> list[_Accepted]:
    found = []
    for one in store.cases_of_patient(session, case.pseudonym):
        job = store.latest_job(one)
        review = decisions.review_of(session, job) if job is not None else None
        if job is None or review is None or review.signed_at is None or hides_lesions(session, one.case_id, asked_by):
            continue
        if review.acceptance == Acceptance.ACCEPTABLE.value:
            order, outcome = JobOrder.model_validate(job.order), JobOutcome.model_validate(job.outcome)
            found.append(_Accepted(one, job, review, review.signed_at, order, outcome, study_day(services, one)))
    return sorted(found, key=lambda one: (one.day or _NO_DAY, one.case.received_at))


def _measurement(session: Session, one: _Accepted, before: Sequence[_Accepted], ledger: Ledger) -> Measurement:
    earlier = {
        other.day.isoformat() if other.day is not None else "an undated study": other.order.version
        for other in before
        if other.order.pipeline == one.order.pipeline
    }
    warning = comparison_warning(ledger, one.order.pipeline, one.order.version, earlier)
    account = one.review.account
    return Measurement(
        case_id=one.case.case_id,
        study_uid=one.case.study_uid,
        day=one.day,
        pipeline=one.order.pipeline,
        version=one.order.version,
        signed_at=one.signed_at,
        reader=account.display_name if account is not None else "",
        rating=one.review.rating or 0,
        values=_values(session, one, ledger),
        warnings=(warning,) if warning else (),
        edition=one.review.edition,
    )


def _values(session: Session, one: _Accepted, ledger: Ledger) -> tuple[Value, ...]:
    verdicts = one.review.verdicts
    if one.outcome.tumour is not None:
        found = one.outcome.tumour
        refused = frozenset(label for label in TumourLabel if verdicts.get(str(int(label))) == Verdict.REJECTED.value)
        factors = _factors(ledger, one.order.pipeline, one.order.version, found.volumes)
        return tumour_values(found.volumes, found.diameters, refused=refused, factors=factors)
    lesions = lesions_with(one.outcome.lesions, standing_edits(session, one.review), _NO_PLACE)
    return lesion_values(lesion for lesion in lesions if verdicts.get(str(lesion.number)) == Verdict.ACCEPTED.value)


def _of_tumour(session: Session, case: Case, day: date) -> TumourMeasurement:
    """A tumour of which the reader rejected a part can't be compared as a whole."""
    job = store.latest_job(case)
    found = JobOutcome.model_validate(job.outcome).tumour if job is not None and job.outcome else None
    if job is None or found is None:
        raise InputRejected("A study of this patient has no measured tumour.")
    accepted = tumour_reading.accepted_so_far(session, job, decisions.review_of(session, job))
    return TumourMeasurement(day, JobOrder.model_validate(job.order).version, accepted, found.volumes, found.diameters)


def _factors(ledger: Ledger, pipeline: str, version: str, volumes: TumourVolumes) -> dict[Part, float]:
    """By which factor repeated measurements of each part differ at most, where that was measured."""
    factors = {part: agreement_factor(ledger, pipeline, version, part.value, part.of(volumes) * 1000) for part in Part}
    return {part: factor for part, factor in factors.items() if factor is not None}


def study_day(services: Services, case: Case) -> date | None:
    """Return the true date of a study; None where it has none or the vault does not say."""
    try:
        record = services.vault.get(case.study_uid)
    except KeyError:
        return None
    value = str(record.general_study.get("StudyDate", "") or "")
    try:
        return date(int(value[:4]), int(value[4:6]), int(value[6:8]))
    except ValueError:
        return None
