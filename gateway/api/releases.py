"""Versions and the validation gate: how they stand, what an operator permits, and ratings of reference cases."""

from __future__ import annotations

from datetime import date, datetime

from fastapi import APIRouter, HTTPException, status
from pydantic import Field
from sqlalchemy.orm import Session

from gateway.api.deps import ApiState, Operator, Reader, ReaderOrOperator, State
from gateway.api.problems import problems
from gateway.api.schemas import Body
from gateway.db.tables import Review
from gateway.flow import release
from gateway.release import monitoring, ratings
from gateway.release.standing import Standing
from gateway.review.edits import standing_edits
from gateway.review.visits import ImageKind, ReviewImage
from processing.domain.decision import Acceptance
from processing.domain.errors import InputRejected, Transient
from processing.domain.messages import JobOrder
from processing.domain.study import SeriesRole

router = APIRouter(prefix="/releases", tags=["releases"])

UNKNOWN_SCANNER = "unknown scanner"


class VersionStanding(Body):
    """How an installed version stands with the validation gate."""

    pipeline: str
    version: str
    passed: bool
    """Whether the gate let it pass."""
    routed: bool
    """Whether cases are routed to it: it passed, or an operator permitted it."""
    basis: str
    """Why it passed or did not, in words; empty where the gate was never asked."""
    decided: date | None
    incompatible_with_earlier: bool
    """Whether its volumes must not be compared with those of the version before."""
    refusal: str
    permitted_by: str
    permitted_at: datetime | None
    permit_reason: str


class VersionStandings(Body):
    """Every installed version."""

    versions: list[VersionStanding]


class PermitRequest(Body):
    """An operator's word that cases may be routed to a version that the gate has not passed."""

    reason: str = Field(min_length=10, max_length=500)
    """Kept and shown; it should name nobody."""


class ReferenceMark(Body):
    """Which reference case a study is."""

    dataset: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)
    case: str = Field(min_length=1, max_length=64)


class WaitingResult(Body):
    """A result of a reference case: the case that shows it, and what names the result."""

    case_id: str
    job_id: str


class ToRate(Body):
    """Results that wait for the reader, in an order of the reader's own; which version made them is not said."""

    waiting: list[WaitingResult]


class BlindRating(Body):
    """A reader's judgement of a result, as on the case page."""

    acceptance: Acceptance
    rating: int = Field(ge=1, le=5)
    comment: str = Field(default="", max_length=2000)


class RatingLine(Body):
    """One reader's blind judgement of one version's result, as `python -m validation gate --ratings` reads it."""

    dataset: str
    case: str
    pipeline: str
    version: str
    rater: str
    acceptable: bool
    rating: int


class ChartPoint(Body):
    """One result."""

    at: datetime
    value: float


class ChartLine(Body):
    """One figure of one version on one scanner; limits are of the mean of the latest results."""

    figure: str
    unit: str
    version: str
    scanner: str
    points: list[ChartPoint]
    centre: float | None
    low: float | None
    high: float | None
    recent: float | None
    alert: str


class Monitoring(Body):
    """How versions do in use."""

    alerts: list[str]
    charts: list[ChartLine]


@router.get("", operation_id="listVersions", responses=problems(401, 403))
def list_versions(_: ReaderOrOperator, state: State) -> VersionStandings:
    """Return how every installed version stands."""
    with state.read_sessions() as session:
        found = release.standings(state.services, session)
        return VersionStandings(versions=[_line(one) for one in found])


@router.get("/monitoring", operation_id="getMonitoring", responses=problems(401, 403))
def get_monitoring(_: ReaderOrOperator, state: State) -> Monitoring:
    """Return how versions do in use, by scanner, over time; what drifts comes first. It holds no identity."""
    with state.read_sessions() as session:
        uses = monitoring.results_in_use(session, _Scanners(state).name, _added)
    drawn = monitoring.charts(uses)
    return Monitoring(
        alerts=[chart.alert for chart in drawn if chart.alert],
        charts=[
            ChartLine(
                **{name: value for name, value in vars(chart).items() if name != "points"},
                points=[ChartPoint(at=at, value=value) for at, value in chart.points],
            )
            for chart in drawn
        ],
    )


def _added(session: Session, review: Review) -> int:
    return sum(drawn.added for drawn in standing_edits(session, review))


class _Scanners:
    """Names scanners by what the research archive holds; when it is away once, it is not asked again and again."""

    def __init__(self, state: ApiState) -> None:
        self._images, self._away = state.images, False

    def name(self, order: JobOrder) -> str:
        if self._away or SeriesRole.FLAIR not in order.current.series:
            return UNKNOWN_SCANNER
        image = ReviewImage("current", ImageKind.SERIES, 0, SeriesRole.FLAIR, order.current, ())
        try:
            return self._images.scanner(image) or UNKNOWN_SCANNER
        except InputRejected:
            return UNKNOWN_SCANNER
        except Transient:
            self._away = True
            return UNKNOWN_SCANNER


@router.put("/{pipeline}/{version}/permit", operation_id="permitVersion", responses=problems(401, 403, 409))
def permit_version(who: Operator, pipeline: str, version: str, asked: PermitRequest, state: State) -> VersionStandings:
    """Let cases be routed to a version that the gate has not passed; what was refused can then be tried again."""
    try:
        release.permit_version(
            state.services, pipeline, version, actor=who.user_name, role=who.role.value, reason=asked.reason
        )
    except InputRejected as refused:
        raise HTTPException(status.HTTP_409_CONFLICT, refused.reason) from refused
    return list_versions(who, state)


@router.delete("/{pipeline}/{version}/permit", operation_id="withdrawPermit", responses=problems(401, 403, 409))
def withdraw_permit(who: Operator, pipeline: str, version: str, state: State) -> VersionStandings:
    """Take the permission back: no further case is routed to the version."""
    try:
        release.withdraw_permit(state.services, pipeline, version, actor=who.user_name, role=who.role.value)
    except InputRejected as refused:
        raise HTTPException(status.HTTP_409_CONFLICT, refused.reason) from refused
    return list_versions(who, state)


@router.put("/reference-cases/{case_id}", operation_id="markReference", responses=problems(401, 403, 409))
def mark_reference(who: Operator, case_id: str, mark: ReferenceMark, state: State) -> ReferenceMark:
    """Mark a case's study as a reference case, so that readers' ratings of it are given out for the gate."""
    try:
        release.mark_reference(
            state.services, case_id, dataset=mark.dataset, name=mark.case, actor=who.user_name, role=who.role.value
        )
    except InputRejected as refused:
        raise HTTPException(status.HTTP_409_CONFLICT, refused.reason) from refused
    return mark


@router.get("/to-rate", operation_id="listToRate", responses=problems(401, 403))
def list_to_rate(who: Reader, state: State) -> ToRate:
    """Return the results that wait for the reader, in random order; which version made them is not said."""
    with state.read_sessions() as session:
        return _to_rate(session, who.user_name)


@router.post("/to-rate/{case_id}/{job_id}", operation_id="rateResult", responses=problems(401, 403, 409))
def rate_result(who: Reader, case_id: str, job_id: str, said: BlindRating, state: State) -> ToRate:
    """Keep what a reader says of a result, for good, and return what still waits."""
    acceptable = said.acceptance is Acceptance.ACCEPTABLE
    try:
        release.rate(
            state.services, ratings.ToRate(case_id, job_id), who.user_name, who.role.value,
            acceptable=acceptable, rating=said.rating, comment=said.comment,
        )  # fmt: skip
    except InputRejected as refused:
        raise HTTPException(status.HTTP_409_CONFLICT, refused.reason) from refused
    with state.read_sessions() as session:
        return _to_rate(session, who.user_name)


def _to_rate(session: Session, reader: str) -> ToRate:
    return ToRate(
        waiting=[WaitingResult(case_id=one.case_id, job_id=one.job_id) for one in ratings.to_rate(session, reader)]
    )


@router.get("/ratings", operation_id="listRatings", responses=problems(401, 403))
def list_ratings(_: Operator, state: State) -> list[RatingLine]:
    """Return every blind rating of a reference case, without the readers' names."""
    with state.read_sessions() as session:
        return [RatingLine(**vars(one)) for one in ratings.ratings(session)]


def _line(one: Standing) -> VersionStanding:
    entry, permit = one.entry, one.permit
    return VersionStanding(
        pipeline=one.pipeline,
        version=one.version,
        passed=entry is not None and entry.passed,
        routed=not one.refusal,
        basis=entry.basis.value if entry is not None else "",
        decided=entry.decided if entry is not None else None,
        incompatible_with_earlier=entry is not None and entry.incompatible_with_earlier,
        refusal=one.refusal,
        permitted_by=permit.actor if permit is not None else "",
        permitted_at=permit.at if permit is not None else None,
        permit_reason=permit.reason if permit is not None else "",
    )
