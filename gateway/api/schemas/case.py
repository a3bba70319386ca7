"""Everything that the case page shows, without pixels."""

from __future__ import annotations

from datetime import datetime

from gateway.api.schemas.body import Body
from gateway.api.schemas.review import ReviewState
from gateway.api.schemas.tumour import FollowUp, TumourState
from gateway.api.schemas.worklist import CaseSummary
from processing.domain.case import CaseEvent, CaseState
from processing.domain.decision import Verdict
from processing.domain.result import LesionChange, Outline, Region, Side
from processing.domain.study import SeriesRole


class SeriesLine(Body):
    """One series of the study: taken for a role, or left, and why."""

    series_number: int | None
    modality: str
    instance_count: int
    role: SeriesRole | None
    reason: str


class EventLine(Body):
    """One line of the case's history."""

    at: datetime
    event: CaseEvent
    from_state: CaseState
    to_state: CaseState
    actor: str
    detail: str


class LesionLine(Body):
    """A lesion with its measurements and the reader's verdict so far."""

    number: int
    change: LesionChange
    volume_mm3: float
    prior_volume_mm3: float
    centroid_index: tuple[int, int, int]
    """(z, y, x) in the displayed volumes."""
    region: Region
    side: Side
    score: float
    disputed: bool
    """Whether only one of the two detectors found it."""
    partial_volume_mm3: float | None
    """The volume with the rim counted in part; none where nothing measured it or a reader drew the outline."""
    outline: Outline
    measured_mm3: float | None
    """Where the reader corrected the outline, the volume within the algorithm's."""
    limits_of_agreement_mm3: float | None
    """Two measurements of such a change differ by less, plus or minus; none where that was not measured."""
    exceeds_measurement_error: bool | None
    below_quantification: bool
    """Whether it is too small for its volume to mean much."""
    verdict: Verdict | None


class QualityLine(Body):
    """A quality figure of the images or of a step."""

    name: str
    value: float
    unit: str
    acceptable: bool


class StoredLine(Body):
    """An object that Interval sent to a target."""

    target: str
    kind: str
    sop_class_uid: str
    sop_class_name: str
    confirmed_at: datetime | None


class CaseDetail(Body):
    """Everything that the case page shows, without pixels."""

    summary: CaseSummary
    prior_study_date: str | None
    series: list[SeriesLine]
    lesions: list[LesionLine]
    lesions_hidden: bool
    """Whoever asks has to read the images alone first: that no lesion stands here then says nothing."""
    quality: list[QualityLine]
    warnings: list[str]
    tumour: TumourState | None
    """Of a pipeline that measures a tumour; none while it is hidden or rejected."""
    follow_up: FollowUp | None
    """Of a tumour: its earlier measurements."""
    review: ReviewState | None
    events: list[EventLine]
    deliveries: list[StoredLine]
