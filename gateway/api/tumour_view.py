"""From the outcome of a job to what the case page shows of a tumour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from gateway.api.schemas.tumour import (
    DiametersLine,
    EarlierTumour,
    FollowUp,
    RatioLine,
    TumourPartLine,
    TumourState,
    VoteLine,
)
from gateway.db.tables import Case, Review
from gateway.review.tumour_reading import PRIORS
from processing.domain.decision import Verdict
from processing.domain.tumour import Diameters, TumourFindings, TumourLabel


def tumour_state(found: TumourFindings, review: Review | None) -> TumourState:
    """Return the parts with the reader's verdicts, and everything that was measured."""
    verdicts = review.verdicts if review is not None else {}
    return TumourState(
        parts=[_part(found, label, verdicts.get(str(int(label)))) for label in found.parts],
        whole_ml=found.volumes.whole_ml,
        side=found.side,
        ratios=[RatioLine(name=name, value=value) for name, value in found.volumes.ratios().items()],
        diameters=_diameters(found.diameters) if found.diameters is not None else None,
        votes=[VoteLine(segmenter=vote.name, weights=list(vote.weights)) for vote in found.votes],
        alarms=[alarm.words for alarm in found.alarms],
        comparisons=found.comparisons,
        risk=found.risk,
    )


def follow_up(earlier: Sequence[tuple[Case, bool]], dates: Sequence[str], *, eye_first: bool) -> FollowUp:
    """Return what there is to compare a tumour with.

    Parameters
    ----------
    earlier : sequence of (Case, bool)
        The newest first, with whether it was accepted.
    dates : sequence of str
        Their true study dates, YYYYMMDD.
    eye_first : bool
    """
    return FollowUp(
        earlier=[
            EarlierTumour(case_id=case.case_id, study_date=_day(day), accepted=accepted)
            for (case, accepted), day in zip(earlier, dates, strict=True)
        ],
        compared=sum(accepted for _case, accepted in earlier) >= PRIORS,
        eye_first=eye_first,
    )


def _day(value: str) -> date | None:
    try:
        return datetime.strptime(value, "%Y%m%d").date()
    except ValueError:
        return None


def _part(found: TumourFindings, label: TumourLabel, verdict: object) -> TumourPartLine:
    z, y, x = found.places[label - 1]
    return TumourPartLine(
        number=int(label),
        name=label.words,
        volume_ml=found.volumes.of(label),
        place=(z, y, x),
        verdict=Verdict(str(verdict)) if verdict is not None else None,
    )


def _diameters(found: Diameters) -> DiametersLine:
    return DiametersLine(
        slice_index=found.slice_index,
        longest_mm=found.longest_mm,
        perpendicular_mm=found.perpendicular_mm,
        measurable=found.measurable,
    )
