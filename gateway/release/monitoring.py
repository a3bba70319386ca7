"""How versions do in use: what readers accept, reject and add, how large and how well imaged it is, how long it takes.

Every figure has control limits (Shewhart): from the first results of a version on a scanner, three standard errors to
either side. When the mean of the latest ones lies outside, something drifts: the scanner, the patients or the readers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import sqrt
from statistics import fmean, median

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.db.tables import Job, Review
from processing.domain.decision import Acceptance, Verdict
from processing.domain.messages import JobOrder, JobOutcome, OutcomeStatus
from processing.domain.tumour import TumourLabel

BASELINE = 20
"""First results of a version on a scanner that its limits come from."""
RECENT = 10
"""Latest results that are held against them."""
MOST = 500
"""Results that are looked at, the latest."""
_ERRORS = 3.0
_NORMAL = 1.4826
"""Standard deviations of a normal distribution in one median absolute deviation."""


class Scale(StrEnum):
    """What kind of number a figure is; it decides how its spread is known."""

    MEASURE = "measure"
    RATE = "rate"
    """1 or 0 for each result."""
    COUNT = "count"
    """How many of something a result holds."""


@dataclass(frozen=True)
class Use:
    """One result in use: by which version, from which scanner, and its figures by name as (value, unit, scale)."""

    at: datetime
    version: str
    scanner: str
    figures: dict[str, tuple[float, str, Scale]]


@dataclass(frozen=True)
class Chart:
    """One figure of one version on one scanner over time.

    Parameters
    ----------
    figure, unit, version, scanner : str
    points : tuple of (datetime, float)
    centre, low, high : float or None
        Control limits of the mean of the latest results; None until there are enough for them.
    recent : float or None
        That mean.
    alert : str
        One sentence when it lies outside; else empty.
    """

    figure: str
    unit: str
    version: str
    scanner: str
    points: tuple[tuple[datetime, float], ...]
    centre: float | None
    low: float | None
    high: float | None
    recent: float | None
    alert: str


def results_in_use(
    session: Session, scanner_of: Callable[[JobOrder], str], added: Callable[[Session, Review], int]
) -> list[Use]:
    """Read the latest results and their reviews, oldest first.

    Parameters
    ----------
    session : Session
    scanner_of : callable
        Names the scanner of an order's current study.
    added : callable
        Counts the lesions that a reader added in a review.
    """
    rows = session.execute(
        select(Job, Review)
        .outerjoin(Review, Review.job_id == Job.job_id)
        .where(Job.finished_at.is_not(None))
        .order_by(Job.finished_at.desc())
        .limit(MOST)
    ).all()
    uses = []
    for job, review in reversed(rows):
        outcome = JobOutcome.model_validate(job.outcome) if job.outcome is not None else None
        if outcome is None or job.finished_at is None:
            continue
        order = JobOrder.model_validate(job.order)
        figures = {"failures": (float(outcome.status is not OutcomeStatus.SUCCEEDED), "of results", Scale.RATE)}
        if outcome.status is OutcomeStatus.SUCCEEDED:
            figures |= _measured(outcome)
            if review is not None and review.signed_at is not None:
                figures |= _reviewed(outcome, review, added(session, review))
        version = f"{order.pipeline} {order.version}"
        uses.append(Use(job.finished_at, version, scanner_of(order), figures))
    return uses


def _measured(outcome: JobOutcome) -> dict[str, tuple[float, str, Scale]]:
    figures = {"run time": (outcome.duration_s, "s", Scale.MEASURE)}
    if outcome.tumour is not None:
        volumes = outcome.tumour.volumes
        figures |= {part.words: (volumes.of(part), "ml", Scale.MEASURE) for part in TumourLabel}
        figures["alarms"] = (float(len(outcome.tumour.alarms)), "a result", Scale.COUNT)
    else:
        more = sum(lesion.volume_mm3 for lesion in outcome.lesions if lesion.change.increase)
        figures["lesions found"] = (float(len(outcome.lesions)), "a result", Scale.COUNT)
        figures["new and growing volume"] = (more, "mm³", Scale.MEASURE)
    return figures | {one.name: (one.value, one.unit, Scale.MEASURE) for one in outcome.quality}


def _reviewed(outcome: JobOutcome, review: Review, added: int) -> dict[str, tuple[float, str, Scale]]:
    figures = {
        "accepted": (float(review.acceptance == Acceptance.ACCEPTABLE.value), "of results", Scale.RATE),
        "lesions added by readers": (float(added), "a result", Scale.COUNT),
    }
    if review.rating is not None:
        figures["rating"] = (float(review.rating), "of 5", Scale.MEASURE)
    if outcome.lesions:
        refused = sum(verdict == Verdict.REJECTED.value for verdict in review.verdicts.values())
        figures["lesions rejected by readers"] = (refused / len(outcome.lesions), "of lesions", Scale.MEASURE)
    return figures


def charts(uses: Iterable[Use]) -> list[Chart]:
    """Lay every figure out over time, by version and scanner; those that drift come first."""
    points: dict[tuple[str, str, str], list[tuple[datetime, float]]] = {}
    kinds: dict[tuple[str, str, str], tuple[str, Scale]] = {}
    for use in uses:
        for name, (value, unit, scale) in use.figures.items():
            key = (name, use.version, use.scanner)
            points.setdefault(key, []).append((use.at, value))
            kinds[key] = (unit, scale)
    drawn = [_chart(key, values, *kinds[key]) for key, values in points.items()]
    return sorted(drawn, key=lambda chart: (not chart.alert, chart.figure, chart.version, chart.scanner))


def _chart(key: tuple[str, str, str], points: Sequence[tuple[datetime, float]], unit: str, scale: Scale) -> Chart:
    figure, version, scanner = key
    values = [value for _, value in points]
    if len(values) < BASELINE + RECENT:
        return Chart(figure, unit, version, scanner, tuple(points), None, None, None, None, "")
    centre, spread = _limits(values[:BASELINE], scale)
    # Both means are uncertain: that of the latest results, and the baseline's.
    reach = _ERRORS * spread * sqrt(1 / RECENT + 1 / BASELINE)
    low, high, recent = centre - reach, centre + reach, fmean(values[-RECENT:])
    if min(values) >= 0:
        low = max(low, 0.0)
    if scale is Scale.RATE:
        high = min(high, 1.0)
    alert = ""
    if not low <= recent <= high:
        moved = _moved(figure, centre, recent, unit)
        alert = f"Outside of what the first {BASELINE} results of {version} on {scanner} let expect: {moved}"
    return Chart(figure, unit, version, scanner, tuple(points), centre, low, high, recent, alert)


def _moved(figure: str, centre: float, recent: float, unit: str) -> str:
    latest = f"{recent:.3g} {unit}".rstrip()
    if recent < centre:
        return f"{figure} fell from {centre:.3g} to {latest} in the last {RECENT}."
    return f"{figure} rose from {centre:.3g} to {latest} in the last {RECENT}."


def _limits(baseline: Sequence[float], scale: Scale) -> tuple[float, float]:
    """Return mean and standard deviation of single results.

    A rate's follow from the binomial distribution, with one success and one failure added, so that a baseline without
    any failure does not forbid the first. A measure's are winsorised: one bad scan must not widen its limits for good.
    A count varies at least as a Poisson count does; there too one is added.
    """
    if scale is Scale.RATE:
        rate = (sum(baseline) + 1) / (len(baseline) + 2)
        return rate, sqrt(rate * (1 - rate))
    middle = median(baseline)
    far = _ERRORS * _NORMAL * median(abs(value - middle) for value in baseline)
    usual = [min(max(value, middle - far), middle + far) for value in baseline] if far > 0 else list(baseline)
    mean = fmean(usual)
    spread = sqrt(fmean((value - mean) ** 2 for value in usual))
    if scale is Scale.COUNT:
        spread = max(spread, sqrt((sum(baseline) + 1) / len(baseline)))
    return mean, max(spread, 0.02 * abs(mean))
