"""An order without an earlier study: a tumour is measured, stored and told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from processing.dicom.geometry import SeriesGeometry
from processing.dicom.read import SourceSeries
from processing.domain.messages import JobOrder, JobOutcome, OutcomeStatus, StudyOrder
from processing.domain.result import TumourResult
from processing.domain.study import SeriesRole
from processing.pipelines.spec import Images, Progress
from processing.pipelines.tumour_volumetry.spec import SPEC
from processing.worker import run_job as worker
from processing.worker.run_job import run_job
from tests.unit.dicom.tumour_made import made_tumour, result_of
from tests.unit.worker.test_run_job import MemoryArchive


def measuring(current: Images, prior: Images, progress: Progress) -> TumourResult:
    """A pipeline that knows the answer: the true one takes too long for a unit test."""
    assert not prior
    progress("measuring", 0.0)
    series: Mapping[SeriesRole, SourceSeries] = {
        role: SourceSeries(volume, (), SeriesGeometry(volume.grid, (), ())) for role, volume in current.items()
    }
    return result_of(series)


@pytest.fixture
def archive(tmp_path: Path) -> MemoryArchive:
    made_tumour(tmp_path)
    archive = MemoryArchive()
    archive.store(path.read_bytes() for path in sorted(tmp_path.glob("*/*.dcm")) if "localizer" not in str(path))
    return archive


@pytest.fixture
def order(archive: MemoryArchive) -> JobOrder:
    keys = list(archive.series)
    roles = (SeriesRole.T1, SeriesRole.T1C, SeriesRole.T2, SeriesRole.FLAIR)
    series = {role: series_uid for role, (_study, series_uid) in zip(roles, keys, strict=True)}
    return JobOrder(
        job_id="job-7",
        case_id="case-3",
        attempt=1,
        pipeline=SPEC.name,
        version=SPEC.version,
        current=StudyOrder(study_instance_uid=keys[0][0], series=series),
        prior=None,
    )


def ran(order: JobOrder, archive: MemoryArchive) -> JobOutcome:
    outcome = run_job(order.model_dump(mode="json"), archive, lambda _: None)
    assert outcome is not None
    return outcome


def test_a_tumour_is_measured_stored_and_told(
    order: JobOrder, archive: MemoryArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "find_runner", lambda _name, _version: measuring)
    outcome = ran(order, archive)
    assert (outcome.status, outcome.reason) == (OutcomeStatus.SUCCEEDED, "")
    assert outcome.lesions == ()
    assert outcome.tumour is not None
    assert outcome.numbers == (1, 2, 3)
    assert outcome.tumour.volumes.whole_ml > 0
    kinds = {stored.kind for stored in outcome.objects}
    assert kinds == {
        *("segmentation", "report", "pictures", "registration"),
        *("aligned T1", "aligned T2", "aligned FLAIR"),
    }
    for stored in outcome.objects:
        assert stored.sop_instance_uid in archive.series[stored.study_instance_uid, stored.series_instance_uid]


def test_a_series_that_the_order_lacks_is_named(order: JobOrder, archive: MemoryArchive) -> None:
    series = {role: uid for role, uid in order.current.series.items() if role is not SeriesRole.T1C}
    bare = order.model_copy(update={"current": order.current.model_copy(update={"series": series})})
    outcome = ran(bare, archive)
    assert outcome.status is OutcomeStatus.REJECTED
    assert "no T1C of the current study" in outcome.reason
