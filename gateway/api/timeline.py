"""A patient's accepted measurements over the years: as a page, as a table and as FHIR."""

from __future__ import annotations

from datetime import date, datetime

from fastapi import APIRouter, HTTPException, Response, status

from gateway import flow
from gateway.api.case_rows import CaseRows
from gateway.api.cases import rows_of
from gateway.api.deps import ApiState, Reader, State
from gateway.api.disclosure import keep
from gateway.api.problems import problems
from gateway.api.schemas import Body, Patient
from gateway.audit.trail import AuditAction
from gateway.timeline import fhir, table
from gateway.timeline.measurements import Measurement, Quantity
from processing.domain.errors import InputRejected
from processing.domain.growth import Change, Growth
from processing.domain.growth_words import doubts_in_words

router = APIRouter(prefix="/cases/{case_id}", tags=["timeline"])

NO_TUMOUR = "This case measures no tumour."
READ_FIRST = "Read the images alone first: volumes are compared afterwards."
NAMES_A_PATIENT = "FHIR names the patient, and this site does not show patients' names to your role."

NOT_ACCEPTED = "This case has no measurement that a reader accepted and signed."


class ValueLine(Body):
    """One number, with the values between which another scan of the same state would lie."""

    quantity: Quantity
    value: float
    unit: str
    low: float | None
    high: float | None


class MeasurementLine(Body):
    """An accepted measurement of one visit."""

    case_id: str
    study_date: date | None
    pipeline: str
    version: str
    signed_at: datetime
    reader: str
    rating: int
    values: list[ValueLine]
    warnings: list[str]


class ChangeLine(Body):
    """How a quantity changed; the percentage is none where there was nothing before."""

    quantity: str
    unit: str
    since: date
    before: float
    after: float
    absolute: float
    percent: float | None
    low: float | None
    high: float | None
    direction: int | None
    """1 for more, -1 for less, 0 for no change beyond measurement error; none where that is not known."""


class GrowthView(Body):
    """A tumour over three time points, or in one sentence why not."""

    changes: list[ChangeLine]
    warnings: list[str]
    refusal: str


class TimelineView(Body):
    """A patient's accepted measurements, the oldest first. Research use, not a medical device."""

    patient: Patient
    measurements: list[MeasurementLine]
    growth: GrowthView | None
    """None where the case measures no tumour."""


@router.get("/growth", operation_id="getGrowth", responses=problems(401, 403, 404))
def get_growth(who: Reader, case_id: str, state: State) -> GrowthView:
    """Return a tumour over three time points, as soon as this one's outlines are accepted; or why not."""
    rows = rows_of(case_id, state, who)
    state.disclosures.of_case(who, rows.case)
    return _growth(state, rows, who.user_name) or GrowthView(changes=[], warnings=[], refusal=NO_TUMOUR)


@router.get("/timeline", operation_id="getTimeline", responses=problems(401, 403, 404))
def get_timeline(who: Reader, case_id: str, state: State) -> TimelineView:
    """Return what was measured and accepted of this case's patient."""
    rows = rows_of(case_id, state, who)
    case = rows.case
    state.disclosures.of_case(who, case)
    with state.read_sessions() as session:
        found = flow.timeline_of(state.services, session, case, who.user_name)
    patient = state.identities_for(who).of([case.study_uid])[case.study_uid].patient
    return TimelineView(
        patient=patient, measurements=[_line(one) for one in found], growth=_growth(state, rows, who.user_name)
    )


@router.get(
    "/timeline.csv",
    operation_id="exportTimeline",
    response_class=Response,
    responses=problems(401, 403, 404) | {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
def export_timeline(who: Reader, case_id: str, state: State) -> Response:
    """Return the same as a table without the patient's name; that it left is kept."""
    case = rows_of(case_id, state, who).case
    with state.read_sessions() as session:
        found = flow.timeline_of(state.services, session, case, who.user_name)
    keep(state, who, AuditAction.EXPORTED, case, "timeline as a table")
    return _attachment(table.table(found), "text/csv", "interval-timeline.csv")


@router.get(
    "/fhir",
    operation_id="exportFhir",
    response_class=Response,
    responses=problems(401, 403, 404, 409)
    | {200: {"content": {"application/fhir+json": {"schema": {"type": "string"}}}}},
)
def export_fhir(who: Reader, case_id: str, state: State) -> Response:
    """Return the case's accepted measurement as FHIR R4, with the patient; that it left is kept."""
    if who.role not in state.sees_identity:
        raise HTTPException(status.HTTP_403_FORBIDDEN, NAMES_A_PATIENT)
    case = rows_of(case_id, state, who).case
    with state.read_sessions() as session:
        found = flow.timeline_of(state.services, session, case, who.user_name)
    measurement = next((one for one in found if one.case_id == case_id), None)
    if measurement is None:
        raise HTTPException(status.HTTP_409_CONFLICT, NOT_ACCEPTED)
    patient = state.identities.of([case.study_uid])[case.study_uid].patient
    told = fhir.FhirPatient(patient.name, patient.patient_id, patient.birth_date, patient.sex)
    content = fhir.bundle(measurement, told, flow.original_study_uid(state.services, case))
    keep(state, who, AuditAction.EXPORTED, case, "measurement as FHIR")
    return _attachment(content, "application/fhir+json", "interval-measurement.json")


def _attachment(content: str, media_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(content, media_type=media_type, headers=headers)


def _line(one: Measurement) -> MeasurementLine:
    return MeasurementLine(
        case_id=one.case_id,
        study_date=one.day,
        pipeline=one.pipeline,
        version=one.version,
        signed_at=one.signed_at,
        reader=one.reader,
        rating=one.rating,
        values=[
            ValueLine(
                quantity=value.quantity,
                value=value.value,
                unit=value.quantity.unit,
                low=value.limits[0] if value.limits else None,
                high=value.limits[1] if value.limits else None,
            )
            for value in one.values
        ],
        warnings=list(one.warnings),
    )


def _growth(state: ApiState, rows: CaseRows, asked_by: str) -> GrowthView | None:
    case = rows.case
    if not flow.measures_a_tumour(case):
        return None
    if rows.images_alone:
        return GrowthView(changes=[], warnings=[], refusal=READ_FIRST)
    with state.read_sessions() as session:
        try:
            found = flow.tumour_growth(state.services, session, case, asked_by)
        except InputRejected as refused:
            return GrowthView(changes=[], warnings=[], refusal=refused.reason)
    return GrowthView(changes=_changes(found), warnings=list(doubts_in_words(found)), refusal="")


def _changes(found: Growth) -> list[ChangeLine]:
    lines = [_change(part.value, "mL", change) for part, changes in found.volumes.items() for change in changes]
    diameters = Quantity.DIAMETERS
    return lines + [_change(diameters.value, diameters.unit, change) for change in found.diameters if change]


def _change(quantity: str, unit: str, change: Change) -> ChangeLine:
    limits = change.limits
    return ChangeLine(
        quantity=quantity,
        unit=unit,
        since=change.since,
        before=change.before,
        after=change.after,
        absolute=change.absolute,
        percent=change.percent,
        low=limits[0] if limits else None,
        high=limits[1] if limits else None,
        direction=change.direction,
    )
