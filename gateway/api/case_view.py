"""From the gateway's rows to what the worklist and the case page show."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from pydicom.uid import UID

from gateway.api.case_rows import CaseRows, result_of
from gateway.api.identities import Identities, Identity, WithoutNames
from gateway.api.review_view import no_review_yet, review_state
from gateway.api.schemas import (
    CaseDetail,
    CaseSummary,
    EventLine,
    LesionLine,
    ProgressLine,
    QualityLine,
    ReviewState,
    SeriesLine,
    StoredLine,
)
from gateway.api.schemas.tumour import FollowUp
from gateway.api.tumour_view import follow_up, tumour_state
from gateway.db.tables import Case
from gateway.flow import release
from gateway.jobs import store
from gateway.review.decisions import rejected
from gateway.review.edits import lesions_with
from gateway.review.images import ReviewImages
from gateway.review.order import Urgency, worklist_order
from gateway.review.visits import Comparison
from gateway.sealing import Seal
from processing.domain.case import CaseEvent, CaseState
from processing.domain.decision import Verdict
from processing.domain.imaging import Grid
from processing.domain.messages import JobOrder, JobOutcome
from processing.domain.priority import Priority
from processing.domain.result import Lesion, LesionChange, Outline
from processing.domain.study import SeriesRole
from processing.domain.tumour import TumourFindings
from processing.domain.versions import with_limits

_WITH_PROGRESS = frozenset({CaseState.QUEUED, CaseState.RUNNING})


def case_summary(case: Case, identities: Identities | WithoutNames) -> CaseSummary:
    """Return a line of the worklist, with the patient's identity from the vault."""
    return case_summaries([case], identities)[0]


def case_summaries(
    cases: Sequence[Case],
    identities: Identities | WithoutNames,
    notes: Mapping[str, list[str]] | None = None,
    without_findings: Collection[str] = (),
) -> list[CaseSummary]:
    """Return lines of the worklist, with all identities asked for at once.

    Of some cases the findings are left out: whoever asks has to read their images alone first.
    """
    found, said = identities.of([case.study_uid for case in cases]), notes or {}
    return [
        _summary(case, found[case.study_uid], said.get(case.case_id, []), hidden=case.case_id in without_findings)
        for case in cases
    ]


def _summary(case: Case, identity: Identity, notes: list[str], *, hidden: bool) -> CaseSummary:
    job = store.latest_job(case)
    outcome = result_of(job)
    state = CaseState(case.state)
    # Of what a second reader looks at blind, no list may give the findings away.
    withheld = hidden or state is CaseState.SECOND_READING or (job is not None and rejected(job.review))
    tumour = outcome.tumour if outcome is not None and not withheld else None
    compared = outcome is not None and outcome.tumour is None
    lesions = outcome.lesions if outcome is not None and compared and not withheld else None
    return CaseSummary(
        case_id=case.case_id,
        revision=case.revision,
        readable_name=case.readable_name,
        patient=identity.patient,
        study_date=identity.study_date,
        state=state,
        reason=case.reason,
        changed_at=case.changed_at,
        received_at=case.received_at,
        pipeline=case.pipeline,
        version=case.version,
        early=case.early,
        progress=ProgressLine(stage=job.stage, fraction=job.fraction) if job and state in _WITH_PROGRESS else None,
        new_lesions=_count(lesions, LesionChange.NEW),
        growing_lesions=_count(lesions, LesionChange.GROWING),
        disputed_lesions=None if lesions is None else sum(lesion.disputed for lesion in lesions),
        tumour_ml=tumour.volumes.whole_ml if tumour is not None else None,
        priority=Priority(case.priority),
        alarms=_alarms(outcome, tumour),
        notes=notes,
    )


def _alarms(outcome: JobOutcome | None, tumour: TumourFindings | None) -> list[str]:
    """Name what makes a result doubtful; the worklist is ordered by how much there is."""
    poor = [figure.name for figure in outcome.quality if not figure.acceptable] if outcome is not None else []
    return [*poor, *(alarm.words for alarm in (tumour.alarms if tumour is not None else ()))]


def _count(lesions: Sequence[Lesion] | None, change: LesionChange) -> int | None:
    return None if lesions is None else sum(lesion.change is change for lesion in lesions)


def in_worklist_order(lines: Iterable[CaseSummary]) -> list[CaseSummary]:
    """Return the lines, those that want a reader first."""
    by_id = {line.case_id: line for line in lines}
    urgencies = (
        Urgency(
            case_id=line.case_id,
            state=line.state,
            new_lesions=(line.new_lesions or 0) + (line.growing_lesions or 0),
            changed_at=line.changed_at,
            disputed_lesions=line.disputed_lesions or 0,
            priority=line.priority,
            alarms=len(line.alarms),
        )
        for line in by_id.values()
    )
    return [by_id[case_id] for case_id in worklist_order(urgencies)]


def case_detail(rows: CaseRows, identities: Identities | WithoutNames, images: ReviewImages, seal: Seal) -> CaseDetail:
    """Return everything that the case page shows, without pixels."""
    outcome = rows.result
    return CaseDetail(
        summary=_own_summary(rows, identities),
        prior_study_date=clinical_study_date(rows.prior, identities) if rows.prior is not None else None,
        series=_series(rows.case),
        lesions=lesion_lines(rows, images),
        lesions_hidden=rows.images_alone,
        quality=[
            QualityLine(name=figure.name, value=figure.value, unit=figure.unit, acceptable=figure.acceptable)
            for figure in (outcome.quality if outcome is not None else ())
        ],
        # The pipeline's sentences speak of findings too.
        warnings=[*outcome.warnings, *rows.notes] if outcome is not None and not rows.images_alone else [],
        tumour=(
            tumour_state(outcome.tumour, rows.review)
            if outcome is not None and outcome.tumour is not None and not rows.withheld
            else None
        ),
        follow_up=_follow_up(rows, identities),
        review=_open_or_signed(rows, seal) if outcome is not None else None,
        events=_events(rows.case),
        deliveries=[
            StoredLine(
                target=delivery.target,
                kind=delivery.kind,
                sop_class_uid=delivery.sop_class_uid,
                sop_class_name=UID(delivery.sop_class_uid).name,
                confirmed_at=delivery.confirmed_at,
            )
            for delivery in rows.deliveries
        ],
    )


def _follow_up(rows: CaseRows, identities: Identities | WithoutNames) -> FollowUp | None:
    if rows.result is None or rows.result.tumour is None:
        return None
    dates = [clinical_study_date(case, identities) for case, _accepted in rows.earlier]
    return follow_up(rows.earlier, dates, eye_first=rows.eye_first)


def _own_summary(rows: CaseRows, identities: Identities | WithoutNames) -> CaseSummary:
    case_id = rows.case.case_id
    notes = {case_id: list(rows.remarks)}
    return case_summaries([rows.case], identities, notes, {case_id} if rows.images_alone else ())[0]


def clinical_study_date(case: Case, identities: Identities | WithoutNames) -> str:
    """Return the true study date, YYYYMMDD; empty when the study has none."""
    return identities.of([case.study_uid])[case.study_uid].study_date


def _open_or_signed(rows: CaseRows, seal: Seal) -> ReviewState:
    if rows.review is not None and rows.job is not None:
        return review_state(rows.review, rows.job, seal, rows.asked_by, blind=rows.blind)
    return no_review_yet()


def _series(case: Case) -> list[SeriesLine]:
    return [
        SeriesLine(
            series_number=series.series_number,
            modality=series.modality,
            instance_count=series.instance_count,
            role=SeriesRole(series.role) if series.role is not None else None,
            reason=series.reason,
        )
        for series in sorted(case.series, key=lambda series: (series.series_number is None, series.series_number or 0))
    ]


def _events(case: Case) -> list[EventLine]:
    return [
        EventLine(
            at=event.at,
            event=CaseEvent(event.event),
            from_state=CaseState(event.from_state),
            to_state=CaseState(event.to_state),
            actor=event.actor,
            detail=event.detail,
        )
        for event in case.events
    ]


def lesion_lines(rows: CaseRows, images: ReviewImages) -> list[LesionLine]:
    """Return the lesions with the reader's outlines and verdicts; of a rejected result nobody is shown any."""
    outcome = rows.result
    if rows.job is None or outcome is None or rows.withheld or not (outcome.lesions or rows.drawn):
        return []
    order = JobOrder.model_validate(rows.job.order)
    grid = images.grid(Comparison(order, outcome))
    lesions = lesions_with(outcome.lesions, rows.drawn, grid)
    verdicts = rows.review.verdicts if rows.review is not None else {}
    return [
        LesionLine(
            number=lesion.number,
            change=lesion.change,
            volume_mm3=lesion.volume_mm3,
            prior_volume_mm3=lesion.prior_volume_mm3,
            centroid_index=_nearest_voxel(grid, lesion.centroid_mm),
            region=lesion.region,
            side=lesion.side,
            score=lesion.score,
            disputed=lesion.disputed,
            partial_volume_mm3=lesion.partial_volume_mm3 if lesion.outline is Outline.ALGORITHM else None,
            outline=lesion.outline,
            measured_mm3=lesion.measured_mm3,
            limits_of_agreement_mm3=lesion.limits_of_agreement_mm3,
            exceeds_measurement_error=lesion.exceeds_measurement_error,
            below_quantification=lesion.below_quantification,
            verdict=Verdict(verdicts[str(lesion.number)]) if str(lesion.number) in verdicts else None,
        )
        for lesion in with_limits(release.ledger(), order.pipeline, order.version, lesions)
    ]


def _nearest_voxel(grid: Grid, point_mm: tuple[float, float, float]) -> tuple[int, int, int]:
    """Return the voxel (z, y, x) nearest to an LPS point, inside the grid."""
    index = grid.lps_to_index(point_mm)
    z, y, x = (min(max(round(float(i)), 0), size - 1) for i, size in zip(index, grid.shape, strict=True))
    return z, y, x
