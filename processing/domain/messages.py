"""What the gateway and the worker say to each other over the broker.

Everything in a message is pseudonymous: the worker holds no key, no database and no vault.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from processing.domain.errors import Defect
from processing.domain.priority import Priority
from processing.domain.result import Lesion, QualityFigure
from processing.domain.study import SeriesRole
from processing.domain.tumour import TumourFindings

PIPELINE_QUEUE = "pipelines"
"""Queue from which processing workers take orders."""

FAST_TRACK_QUEUE = "fast-track"
"""The same for studies whose patient is still on the table: workers of its own, so that neither queue waits for the
other."""

GATEWAY_QUEUE = "gateway"
"""Queue on which the gateway hears of progress and outcomes."""

RUN_JOB_TASK = "processing.run_job"
PROGRESS_TASK = "gateway.record_progress"
OUTCOME_TASK = "gateway.record_outcome"


class Message(BaseModel):
    """Immutable, and strict about what it knows: an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StudyOrder(Message):
    """One study in the research archive and the series that the pipeline gets of it."""

    study_instance_uid: str
    series: dict[SeriesRole, str]
    """Role to SeriesInstanceUID."""


class JobOrder(Message):
    """What a worker shall do. The same order twice gives the same objects: their UIDs are derived from it."""

    job_id: str
    case_id: str
    attempt: int
    pipeline: str
    version: str
    current: StudyOrder
    prior: StudyOrder | None
    """None for a pipeline that looks at one visit alone."""
    priority: Priority = Priority.ROUTINE

    def require_prior(self) -> StudyOrder:
        """Return the earlier study.

        Raises
        ------
        Defect
            If there is none.
        """
        if self.prior is None:
            raise Defect("The order compares nothing with an earlier study.")
        return self.prior


class JobProgress(Message):
    """A line for the people who wait: which stage runs, and which part of the whole is done (0 to 1)."""

    job_id: str
    attempt: int
    stage: str
    fraction: float


class OutcomeStatus(StrEnum):
    """How a job ended."""

    SUCCEEDED = "succeeded"
    REGISTRATION_FAILED = "registration failed"
    REJECTED = "rejected"
    TRANSIENT = "transient"
    DEFECT = "defect"


class StoredObject(Message):
    """One object that the worker stored in the research archive."""

    kind: str
    sop_class_uid: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str


class JobOutcome(Message):
    """What came of an order. Lesions, or what is said of a tumour, are only there when it succeeded."""

    job_id: str
    attempt: int
    status: OutcomeStatus
    reason: str = ""
    duration_s: float = 0.0
    stage_durations_s: dict[str, float] = {}
    lesions: tuple[Lesion, ...] = ()
    compared: tuple[SeriesRole, ...] = ()
    """The series of both visits that a comparison was made from; empty in outcomes that were written without it."""
    tumour: TumourFindings | None = None
    quality: tuple[QualityFigure, ...] = ()
    warnings: tuple[str, ...] = ()
    objects: tuple[StoredObject, ...] = ()

    @property
    def numbers(self) -> tuple[int, ...]:
        """What wants a reader's verdict: the numbers of the lesions, or the labels of the tumour's parts."""
        if self.tumour is not None:
            return tuple(int(label) for label in self.tumour.parts)
        return tuple(lesion.number for lesion in self.lesions)
