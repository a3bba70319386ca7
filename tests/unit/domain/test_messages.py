"""Messages over the broker: what goes in comes out, and nothing else gets in."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from processing.domain.messages import JobOrder, JobOutcome, JobProgress, OutcomeStatus, StoredObject, StudyOrder
from processing.domain.result import Lesion, LesionChange, QualityFigure, Region, Side
from processing.domain.study import SeriesRole

ORDER = JobOrder(
    job_id="j",
    case_id="c",
    attempt=2,
    pipeline="ms_longitudinal",
    version="1.0.0",
    current=StudyOrder(study_instance_uid="2.25.1", series={SeriesRole.FLAIR: "2.25.11", SeriesRole.T1: "2.25.12"}),
    prior=StudyOrder(study_instance_uid="2.25.2", series={SeriesRole.FLAIR: "2.25.21"}),
)
OUTCOME = JobOutcome(
    job_id="j",
    attempt=2,
    status=OutcomeStatus.SUCCEEDED,
    duration_s=12.5,
    stage_durations_s={"register": 3.0},
    lesions=(
        Lesion(1, LesionChange.NEW, 65.0, 0.0, (1.0, -2.0, 3.5), Region.PERIVENTRICULAR, Side.LEFT, 0.9),
        Lesion(2, LesionChange.GROWING, 20.0, 80.0, (0.0, 0.0, 0.0), Region.INFRATENTORIAL, Side.MIDLINE, 0.4),
    ),
    quality=(QualityFigure("overlap", 0.97, "1", acceptable=True),),
    warnings=("The scanners differ.",),
    objects=(
        StoredObject(
            kind="seg",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.66.4",
            study_instance_uid="2.25.1",
            series_instance_uid="2.25.3",
            sop_instance_uid="2.25.4",
        ),
    ),
)


@pytest.mark.parametrize("message", [ORDER, OUTCOME, JobProgress(job_id="j", attempt=1, stage="s", fraction=0.5)])
def test_a_message_survives_json(message: JobOrder | JobOutcome | JobProgress) -> None:
    over_the_wire = json.loads(json.dumps(message.model_dump(mode="json")))
    assert type(message).model_validate(over_the_wire) == message


def test_an_unknown_key_is_an_error() -> None:
    with pytest.raises(ValidationError, match="patient_name"):
        JobOrder.model_validate(ORDER.model_dump(mode="json") | {"patient_name": "Tse"})


def test_messages_don_t_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        ORDER.attempt = 3  # type: ignore[misc]  # this is the mistake
