from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from pydicom import dcmread
from pydicom.dataset import Dataset

from processing.dicom import formats
from processing.dicom.formats import write
from processing.dicom.geometry import SeriesGeometry
from processing.dicom.read import SourceSeries
from processing.dicom.result import ObjectKind, ResultObject
from processing.domain.errors import Defect, InputRejected, IntervalError, RegistrationFailed, Transient
from processing.domain.messages import JobOrder, JobOutcome, JobProgress, OutcomeStatus, StudyOrder
from processing.domain.result import LongitudinalResult
from processing.domain.study import SeriesRole
from processing.pipelines.ms_longitudinal.spec import SPEC
from processing.pipelines.spec import Images, Progress
from processing.worker import run_job as worker
from processing.worker.run_job import Clock, run_job
from tests.unit.dicom.made import grid_of, head, result_of, written


class MemoryArchive:
    """An archive that keeps whole files in memory."""

    def __init__(self) -> None:
        self.series: dict[tuple[str, str], dict[str, bytes]] = {}

    def search_series(self, study_instance_uid: str) -> list[Dataset]:
        raise NotImplementedError

    def retrieve_headers(self, study_instance_uid: str, series_instance_uid: str) -> list[Dataset]:
        raise NotImplementedError

    def retrieve_series(self, study_instance_uid: str, series_instance_uid: str) -> Iterator[bytes]:
        if (study_instance_uid, series_instance_uid) not in self.series:
            raise InputRejected("The archive does not hold the series.")
        yield from self.series[study_instance_uid, series_instance_uid].values()

    def store(self, instances: Iterable[bytes]) -> None:
        for instance in instances:
            header = dcmread(BytesIO(instance), stop_before_pixels=True)
            key = str(header.StudyInstanceUID), str(header.SeriesInstanceUID)
            self.series.setdefault(key, {})[str(header.SOPInstanceUID)] = instance


@pytest.fixture
def archive(tmp_path: Path) -> MemoryArchive:
    """Two visits with three lesions between them."""
    made = MemoryArchive()
    blobs = [((14.0, -6.0, 4.0), 4.0), ((-12.0, 10.0, -6.0), 4.0), ((2.0, 14.0, 12.0), 4.0)]
    made.store(path.read_bytes() for path in written(tmp_path / "prior", head(grid_of()), visit=0))
    made.store(path.read_bytes() for path in written(tmp_path / "current", head(grid_of(), blobs=blobs)))
    return made


@pytest.fixture
def order(archive: MemoryArchive) -> JobOrder:
    (prior_study, prior_series), (current_study, current_series) = archive.series
    return JobOrder(
        job_id="job-7",
        case_id="case-3",
        attempt=2,
        pipeline=SPEC.name,
        version=SPEC.version,
        current=StudyOrder(study_instance_uid=current_study, series={SeriesRole.FLAIR: current_series}),
        prior=StudyOrder(study_instance_uid=prior_study, series={SeriesRole.FLAIR: prior_series}),
    )


def measuring(current: Images, prior: Images, progress: Progress) -> LongitudinalResult:
    """A pipeline that knows the answer: the true one takes too long for a unit test."""
    progress("measuring", 0.0)

    flair, earlier = current[SeriesRole.FLAIR], prior[SeriesRole.FLAIR]
    nothing = SeriesGeometry(flair.grid, (), ())
    return result_of(SourceSeries(flair, (), nothing), SourceSeries(earlier, (), nothing), 3)


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "find_runner", lambda _name, _version: measuring)


def ran(order: JobOrder, archive: MemoryArchive, told: list[JobProgress] | None = None) -> JobOutcome:
    outcome = run_job(order.model_dump(mode="json"), archive, (told if told is not None else []).append)
    assert outcome is not None
    return outcome


@pytest.mark.usefixtures("pipeline")
def test_a_job_stores_what_it_reports(order: JobOrder, archive: MemoryArchive) -> None:
    outcome = ran(order, archive)
    assert (outcome.status, outcome.reason) == (OutcomeStatus.SUCCEEDED, "")
    assert (outcome.job_id, outcome.attempt) == ("job-7", 2)
    assert [lesion.number for lesion in outcome.lesions] == [1, 2, 3]
    assert outcome.warnings
    assert outcome.compared == (SeriesRole.FLAIR,)
    for stored in outcome.objects:
        content = archive.series[stored.study_instance_uid, stored.series_instance_uid][stored.sop_instance_uid]
        assert str(dcmread(BytesIO(content)).SOPClassUID) == stored.sop_class_uid
        assert stored.study_instance_uid == order.current.study_instance_uid
    kinds = {stored.kind for stored in outcome.objects}
    assert kinds == {"segmentation", "report", "pictures", "registered prior", "subtraction", "registration"}


@pytest.mark.usefixtures("pipeline")
def test_what_could_not_be_opened_again_is_not_called_done(
    order: JobOrder, archive: MemoryArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer with a fault: the registration is missing from the result."""

    def incomplete(*given: Any) -> tuple[ResultObject, ...]:
        return tuple(item for item in write(*given) if item.kind is not ObjectKind.REGISTRATION)

    monkeypatch.setattr(formats, "write", incomplete)
    before = set(archive.series)
    outcome = ran(order, archive)
    assert outcome.status is OutcomeStatus.DEFECT
    assert "can't be read back" in outcome.reason
    assert set(archive.series) == before, "nothing of it was stored"


@pytest.mark.usefixtures("pipeline")
def test_the_same_order_twice_stores_the_same_objects(order: JobOrder, archive: MemoryArchive) -> None:
    first = ran(order, archive)
    stored = {key: dict(series) for key, series in archive.series.items()}
    second = ran(order, archive)
    assert first.objects == second.objects
    assert archive.series == stored


@pytest.mark.usefixtures("pipeline")
def test_an_outcome_survives_the_broker(order: JobOrder, archive: MemoryArchive) -> None:
    outcome = ran(order, archive)
    assert JobOutcome.model_validate(json.loads(json.dumps(outcome.model_dump(mode="json")))) == outcome


@pytest.mark.usefixtures("pipeline")
def test_progress_rises_and_names_each_stage_once(order: JobOrder, archive: MemoryArchive) -> None:
    told: list[JobProgress] = []
    outcome = ran(order, archive, told)
    assert [line.stage for line in told] == [
        "reading current FLAIR",
        "reading prior FLAIR",
        "measuring",
        "writing the result",
        "storing the result",
    ]
    fractions = [line.fraction for line in told]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] < fractions[-1] <= 1
    assert set(outcome.stage_durations_s) == {line.stage for line in told}
    assert sum(outcome.stage_durations_s.values()) <= outcome.duration_s + 0.01


def test_progress_is_told_at_most_every_so_often(order: JobOrder) -> None:
    told: list[JobProgress] = []
    progress = Clock(order, told.append).step("run")
    for part in np.linspace(0, 1, 500):
        progress("registering", float(part))
    progress("subtracting", 1.0)
    assert [line.stage for line in told] == ["registering", "subtracting"]


def failing(error: BaseException) -> Callable[[str, str], Callable[[Images, Images, Progress], LongitudinalResult]]:
    def run(_current: Images, _prior: Images, _progress: Progress) -> LongitudinalResult:
        raise error

    return lambda _name, _version: run


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InputRejected("The head is cut off."), OutcomeStatus.REJECTED),
        (RegistrationFailed("The studies don't match."), OutcomeStatus.REGISTRATION_FAILED),
        (Transient("The disk is full."), OutcomeStatus.TRANSIENT),
        (Defect("The atlas is missing."), OutcomeStatus.DEFECT),
    ],
)
def test_each_error_has_its_outcome(
    order: JobOrder,
    archive: MemoryArchive,
    monkeypatch: pytest.MonkeyPatch,
    error: IntervalError,
    status: OutcomeStatus,
) -> None:
    before = {key: dict(series) for key, series in archive.series.items()}
    monkeypatch.setattr(worker, "find_runner", failing(error))
    outcome = ran(order, archive)
    assert (outcome.status, outcome.reason) == (status, error.reason)
    assert not outcome.lesions
    assert not outcome.objects
    assert archive.series == before


@pytest.mark.parametrize(
    "error",
    [
        ValueError("Meier^Anna 1.2.840.99"),
        KeyError("PatientName"),
        MemoryError(),
        # Has a reason of its own, which is not one of ours.
        UnicodeDecodeError("utf-8", b"Meier", 0, 1, "Meier^Anna"),
    ],
)
def test_an_unknown_error_says_nothing_of_the_data(
    order: JobOrder, archive: MemoryArchive, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(worker, "find_runner", failing(error))
    outcome = ran(order, archive)
    assert (outcome.status, outcome.reason) == (OutcomeStatus.DEFECT, worker.UNEXPECTED)


def test_an_order_that_takes_too_long_says_so(
    order: JobOrder, archive: MemoryArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "find_runner", failing(SoftTimeLimitExceeded()))
    outcome = ran(order, archive)
    assert (outcome.status, outcome.reason) == (OutcomeStatus.DEFECT, worker.TOO_LONG)


@pytest.mark.parametrize("change", [{"pipeline": "unknown"}, {"version": "999.0.0"}])
def test_another_pipeline_or_version_is_rejected(
    order: JobOrder, archive: MemoryArchive, change: dict[str, str]
) -> None:
    outcome = ran(order.model_copy(update=change), archive)
    assert outcome.status is OutcomeStatus.REJECTED
    assert "not installed here" in outcome.reason


def test_a_missing_required_series_is_named(order: JobOrder, archive: MemoryArchive) -> None:
    bare = order.model_copy(update={"prior": order.require_prior().model_copy(update={"series": {}})})
    outcome = ran(bare, archive)
    assert (outcome.status, outcome.reason) == (
        OutcomeStatus.REJECTED,
        "The order names no FLAIR of the prior study.",
    )


def test_a_series_that_can_t_be_read_is_named(order: JobOrder, archive: MemoryArchive) -> None:
    files = archive.series[order.require_prior().study_instance_uid, order.require_prior().series[SeriesRole.FLAIR]]
    del files[sorted(files, key=lambda uid: float(dcmread(BytesIO(files[uid])).ImagePositionPatient[2]))[5]]
    outcome = ran(order, archive)
    assert outcome.status is OutcomeStatus.REJECTED
    assert outcome.reason.startswith("Prior FLAIR: 1 slice is missing")


def test_a_series_that_is_gone_is_rejected(order: JobOrder, archive: MemoryArchive) -> None:
    gone = replace_series(order, "2.25.1")
    assert ran(gone, archive).status is OutcomeStatus.REJECTED


def replace_series(order: JobOrder, uid: str) -> JobOrder:
    current = order.current.model_copy(update={"series": {SeriesRole.FLAIR: uid}})
    return order.model_copy(update={"current": current})


def test_a_message_that_is_no_order_gets_an_outcome_where_it_names_a_job(archive: MemoryArchive) -> None:
    outcome = run_job({"job_id": "job-9", "attempt": 1, "surprise": True}, archive, lambda _: None)
    assert outcome is not None
    assert (outcome.job_id, outcome.status, outcome.reason) == ("job-9", OutcomeStatus.DEFECT, worker.NOT_UNDERSTOOD)
    assert run_job({"surprise": True}, archive, lambda _: None) is None


@pytest.mark.usefixtures("pipeline")
def test_a_volume_that_is_not_asked_for_is_not_fetched(order: JobOrder, archive: MemoryArchive) -> None:
    # T1C is no input of the pipeline; the archive doesn't even hold it.
    current = order.current.model_copy(update={"series": {**order.current.series, SeriesRole.T1C: "2.25.2"}})
    assert ran(order.model_copy(update={"current": current}), archive).status is OutcomeStatus.SUCCEEDED


def test_a_long_stage_is_not_silent(order: JobOrder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "BEAT_EVERY_S", 0.001)
    heard = threading.Semaphore(0)
    told: list[JobProgress] = []

    def tell(line: JobProgress) -> None:
        told.append(line)
        heard.release()

    clock = Clock(order, tell)
    with clock.beating():
        clock.note("registering", 0.25)
        assert all(heard.acquire(timeout=60) for _ in range(4))
    assert {(line.stage, line.fraction) for line in told} == {("registering", 0.25)}
