"""The lines of the worklist."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from gateway.api.schemas.body import Body
from processing.domain.case import CaseState
from processing.domain.priority import Priority


class Patient(Body):
    """Identity, decrypted for a signed-in person."""

    name: str
    patient_id: str
    birth_date: str
    sex: str


class ProgressLine(Body):
    """What the worker is doing now."""

    stage: str
    fraction: float


class CaseSummary(Body):
    """A line of the worklist."""

    case_id: str
    revision: int
    readable_name: str
    patient: Patient
    study_date: str
    state: CaseState
    reason: str
    changed_at: datetime
    received_at: datetime
    pipeline: str
    version: str
    early: bool
    """A first look of the fast track, at the required series alone."""
    progress: ProgressLine | None
    new_lesions: int | None
    growing_lesions: int | None
    disputed_lesions: int | None
    """Found by one of two detectors only."""
    tumour_ml: float | None
    """Volume of the whole tumour, of a pipeline that measures one."""
    priority: Priority
    alarms: list[str]
    """Quality figures outside their expected range, and segmenters that disagree about a tumour."""
    notes: list[str] = Field(default=[])
    """What a person has to know or to decide: open questions, studies passed over, an earlier signature."""


class Worklist(Body):
    """All cases, those that want a reader first."""

    cases: list[CaseSummary]
    generated_at: datetime
