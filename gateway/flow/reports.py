"""The report's words: a draft from the findings, the reader's own in its place, and what must be said beside them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.db.tables import Case, Job
from gateway.flow import follow_up, release
from gateway.flow.services import Services
from gateway.jobs import store
from gateway.review import decisions
from gateway.review.edits import lesions_with, standing_edits
from gateway.review.second_reader import ReviewRefused
from processing.domain.case import CaseState
from processing.domain.decision import Acceptance, Verdict
from processing.domain.imaging import Grid
from processing.domain.messages import JobOrder, JobOutcome
from processing.domain.report import Comparison, draft_report
from processing.domain.result import Lesion
from processing.domain.tumour_report import draft_tumour_report
from processing.domain.versions import comparison_warning, with_limits
from processing.pipelines.registry import find_spec

_SIGNED_STATES = (CaseState.SIGNED.value, CaseState.DISPATCHING.value, CaseState.ARCHIVED.value)
_NO_PLACE = Grid.from_axes((1, 1, 1), origin_mm=(0, 0, 0), spacing_mm=(1, 1, 1), directions=np.eye(3))
"""The words name no coordinates."""


@dataclass(frozen=True)
class ReportWords:
    """The words as they stand.

    Parameters
    ----------
    draft : str
        From the findings as they are now.
    words : str
        The reader's own, or the draft.
    edited : bool
    outdated : bool
        Whether the findings changed after the reader wrote.
    """

    draft: str
    words: str
    edited: bool
    outdated: bool

    @property
    def basis(self) -> str:
        """Tells the findings of now from others."""
        return hashlib.sha256(self.draft.encode()).hexdigest()


def report_words(services: Services, session: Session, case: Case, job: Job) -> ReportWords:
    """Return the report's words for a case with a result."""
    review = decisions.review_of(session, job)
    draft = _draft(services, session, case, job)
    own = ""
    # Words without a basis are the draft as it was signed: once the case is open again, the draft stands anew.
    if review is not None and (review.signed_at is not None or review.report_basis):
        own = services.seal.open(review.report, f"{job.job_id}/report")
    basis = ReportWords(draft, draft, edited=False, outdated=False).basis
    outdated = bool(own) and review is not None and review.signed_at is None and review.report_basis != basis
    edited = bool(own) and review is not None and bool(review.report_basis)
    return ReportWords(draft, own or draft, edited=edited, outdated=outdated)


def words_to_sign(services: Services, session: Session, case: Case, job: Job) -> str:
    """Return the words that are signed, sealed; none of a rejected result, which shows no finding.

    Raises
    ------
    ReviewRefused
        If the findings changed after the reader wrote.
    """
    review = decisions.review_of(session, job)
    if job.outcome is None or (review is not None and review.acceptance == Acceptance.UNACCEPTABLE.value):
        return ""
    words = report_words(services, session, case, job)
    if words.outdated:
        raise ReviewRefused("The report's words were written before the findings changed. Look at them again.")
    return services.seal.close(words.words, f"{job.job_id}/report")


def notes_of(session: Session, case: Case) -> tuple[str, ...]:
    """Return what a reader must know of earlier measurements of the patient by other versions of the pipeline."""
    earlier = session.scalars(
        select(Case)
        .where(
            Case.pseudonym == case.pseudonym,
            Case.pipeline == case.pipeline,
            Case.version != case.version,
            Case.study_date_shifted < case.study_date_shifted,
            Case.state.in_(_SIGNED_STATES),
        )
        .order_by(Case.study_date_shifted)
    )
    priors = {_days_before(one, case): one.version for one in earlier}
    warning = comparison_warning(release.ledger(), case.pipeline, case.version, priors)
    return (warning,) if warning else ()


def _days_before(earlier: Case, case: Case) -> str:
    """Name an earlier study without its date; all dates of a patient are shifted alike, so the distance is true."""
    first, then = (date.fromisoformat(one.study_date_shifted) for one in (earlier, case))
    return f"the study {(then - first).days} days before"


def _draft(services: Services, session: Session, case: Case, job: Job) -> str:
    order, outcome = JobOrder.model_validate(job.order), JobOutcome.model_validate(job.outcome)
    notes = (*outcome.warnings, *notes_of(session, case))
    if outcome.tumour is not None:
        accepted = [label for label in outcome.tumour.parts if not _is_rejected(session, job, int(label))]
        return draft_tumour_report(
            outcome.tumour,
            accepted,
            tuple(order.current.series),
            notes,
            growth=follow_up.reported_growth(session, case),
            language=services.settings.report_language,
        )
    earlier = order.require_prior()
    used = tuple(role for role in order.current.series if role in earlier.series)
    spec = find_spec(order.pipeline)
    prior = store.get_case(session, case.prior_case_id) if case.prior_case_id else None
    comparison = Comparison(
        current=_study_date(services, case),
        prior=_study_date(services, prior) if prior is not None else None,
        used=used,
        missing=tuple(item.role for item in spec.inputs if item.role not in used),
    )
    lesions = with_limits(release.ledger(), order.pipeline, order.version, _not_rejected(session, job, outcome))
    return draft_report(lesions, comparison, notes, services.settings.report_language)


def _not_rejected(session: Session, job: Job, outcome: JobOutcome) -> list[Lesion]:
    review = decisions.review_of(session, job)
    lesions = lesions_with(outcome.lesions, standing_edits(session, review), _NO_PLACE)
    return [lesion for lesion in lesions if not _is_rejected(session, job, lesion.number)]


def _is_rejected(session: Session, job: Job, number: int) -> bool:
    review = decisions.review_of(session, job)
    return review is not None and review.verdicts.get(str(number)) == Verdict.REJECTED.value


def _study_date(services: Services, case: Case) -> date | None:
    try:
        record = services.vault.get(case.study_uid)
    except KeyError:
        return None
    value = str(record.general_study.get("StudyDate", "") or "")
    try:
        return date(int(value[:4]), int(value[4:6]), int(value[6:8]))
    except ValueError:
        return None
