"""Rows and files that the tests of the gateway's front share; everything is made through the real stores."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO

from argon2 import PasswordHasher
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from sqlalchemy.orm import Session, sessionmaker

from gateway.access.passwords import Passwords
from gateway.db.tables import Case, Job
from gateway.jobs import store
from processing.domain.case import CaseEvent, CaseState
from processing.domain.messages import JobOrder, JobOutcome, OutcomeStatus, StudyOrder
from processing.domain.result import Lesion, LesionChange, QualityFigure, Region, Side
from processing.domain.study import SeriesRole

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PASSWORD = "a heron by the lake"
MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
CURRENT_STUDY, CURRENT_SERIES = "2.25.101", "2.25.102"
PRIOR_STUDY, PRIOR_SERIES = "2.25.201", "2.25.202"

WAY_TO_REVIEW = (
    CaseEvent.QUIET,
    CaseEvent.PSEUDONYMISED,
    CaseEvent.ORDERED,
    CaseEvent.STARTED,
    CaseEvent.SUCCEEDED,
)


def cheap_passwords() -> Passwords:
    """Real argon2id at the least cost that the library takes."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def lesion(
    number: int, change: LesionChange = LesionChange.NEW, *, at_mm: tuple[float, float, float] = (0, 0, 0)
) -> Lesion:
    return Lesion(
        number=number,
        change=change,
        volume_mm3=200.0 / number,
        prior_volume_mm3=0.0 if change is LesionChange.NEW else 30.0,
        centroid_mm=at_mm,
        region=Region.PERIVENTRICULAR,
        side=Side.LEFT,
        score=0.9,
    )


@dataclass(frozen=True)
class Made:
    """Ids of a case that was made for a test."""

    case_id: str
    job_id: str


def make_case(
    sessions: sessionmaker[Session],
    *,
    study_uid: str = CURRENT_STUDY,
    events: tuple[CaseEvent, ...] = WAY_TO_REVIEW,
    lesions: tuple[Lesion, ...] = (),
    prior_case_id: str | None = None,
    order: JobOrder | None = None,
    outcome: JobOutcome | None = None,
    details: Mapping[CaseEvent, str] | None = None,
    at: datetime = NOON,
) -> Made:
    """Make a case that the events happened to; one that reached a result has a job with its outcome."""
    with sessions.begin() as session:
        case = store.new_case(
            session,
            study_uid=study_uid,
            revision=1,
            pseudonym="IV-AAAABBBBCCCC",
            readable_name="calm-heron-42",
            study_date_shifted="20200102",
            instance_count=3,
            at=at,
        )
        case.prior_case_id = prior_case_id
        for event in events:
            store.record(session, case, event, actor="test", detail=(details or {}).get(event, ""), at=at)
        job_id = order.job_id if order is not None else f"job-of-{case.case_id}"[:36]
        if CaseEvent.ORDERED in events:
            job = _job(case, job_id, lesions, done=CaseEvent.SUCCEEDED in events)
            if order is not None:
                job.order = order.model_dump(mode="json")
            if outcome is not None:
                job.outcome = outcome.model_dump(mode="json")
            session.add(job)
        return Made(case.case_id, job_id)


def _job(case: Case, job_id: str, lesions: tuple[Lesion, ...], *, done: bool) -> Job:
    order = JobOrder(
        job_id=job_id,
        case_id=case.case_id,
        attempt=1,
        pipeline="ms_longitudinal",
        version="1.0.0",
        current=StudyOrder(study_instance_uid=case.study_uid, series={SeriesRole.FLAIR: CURRENT_SERIES}),
        prior=StudyOrder(study_instance_uid=PRIOR_STUDY, series={SeriesRole.FLAIR: PRIOR_SERIES}),
    )
    outcome = JobOutcome(
        job_id=job_id,
        attempt=1,
        status=OutcomeStatus.SUCCEEDED,
        lesions=lesions,
        quality=(QualityFigure("registration", 0.2, "mm", acceptable=True),),
        warnings=("The slices of the prior are thicker.",),
    )
    return Job(
        job_id=job_id,
        case_id=case.case_id,
        attempt=1,
        created_at=case.received_at,
        order=order.model_dump(mode="json"),
        outcome=outcome.model_dump(mode="json") if done else None,
        stage="register",
        fraction=0.25,
    )


def state_of(sessions: sessionmaker[Session], case_id: str) -> CaseState:
    with sessions() as session:
        return CaseState(session.get_one(Case, case_id).state)


def instance(**changes: object) -> Dataset:
    """A small complete MR image without pixels; a change to None removes the attribute."""
    dataset = Dataset()
    dataset.SOPClassUID = MR_IMAGE
    dataset.SOPInstanceUID = "1.2.826.0.1.3680043.10.1.1"
    dataset.StudyInstanceUID = "1.2.826.0.1.3680043.10.1.2"
    dataset.SeriesInstanceUID = "1.2.826.0.1.3680043.10.1.3"
    dataset.PatientID = "4711"
    dataset.PatientName = "Muster^Anna"
    dataset.Modality = "MR"
    with warnings.catch_warnings():
        # Some changes are meant to be wrong.
        warnings.simplefilter("ignore", UserWarning)
        for keyword, value in changes.items():
            if value is None:
                delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def part10(dataset: Dataset) -> bytes:
    buffer = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
