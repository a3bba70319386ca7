"""The other side of a worker: who sends orders and takes what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from celery import Celery
from pydicom import dcmread

from processing.dicom.archive import DicomArchive
from processing.domain.messages import (
    GATEWAY_QUEUE,
    OUTCOME_TASK,
    PIPELINE_QUEUE,
    PROGRESS_TASK,
    RUN_JOB_TASK,
    JobOrder,
    JobOutcome,
    JobProgress,
    StudyOrder,
)
from processing.domain.study import SeriesRole
from processing.pipelines.ms_longitudinal.spec import SPEC
from tests.unit.dicom.made import grid_of, head, written

WAIT_S = 60.0


class Gateway:
    """The gateway's side of the broker: sends orders and takes what the worker says."""

    def __init__(self, broker_url: str) -> None:
        self._app = Celery("test", broker=broker_url)
        # Celery and Kombu have no complete types.
        self._connection: Any = self._app.connection_for_read()
        self._queue: Any = self._connection.SimpleQueue(GATEWAY_QUEUE)

    def send(self, order: JobOrder) -> None:
        self._app.send_task(RUN_JOB_TASK, args=[order.model_dump(mode="json")], queue=PIPELINE_QUEUE)

    def take(self) -> JobProgress | JobOutcome:
        message = self._queue.get(timeout=WAIT_S)
        message.ack()
        (body,), _, _ = json.loads(message.body) if isinstance(message.body, str | bytes) else message.payload
        if message.headers["task"] == OUTCOME_TASK:
            return JobOutcome.model_validate(body)
        assert message.headers["task"] == PROGRESS_TASK
        return JobProgress.model_validate(body)

    def outcome(self) -> JobOutcome:
        while not isinstance(said := self.take(), JobOutcome):
            pass
        return said

    def close(self) -> None:
        self._queue.close()
        self._connection.release()
        self._app.close()


def order_of_a_ball(archive: DicomArchive, folder: Path) -> JobOrder:
    """Store two visits of a made ball, which no pipeline takes for a brain, and order their comparison."""
    studies: list[StudyOrder] = []
    for visit in (0, 1):
        files = written(folder / str(visit), head(grid_of(shape=(16, 40, 40))), visit=visit)
        archive.store(path.read_bytes() for path in files)
        header = dcmread(files[0], stop_before_pixels=True)
        series = {SeriesRole.FLAIR: str(header.SeriesInstanceUID)}
        studies.append(StudyOrder(study_instance_uid=str(header.StudyInstanceUID), series=series))
    return JobOrder(
        job_id="job-int-1",
        case_id="case-int-1",
        attempt=1,
        pipeline=SPEC.name,
        version=SPEC.version,
        prior=studies[0],
        current=studies[1],
    )
