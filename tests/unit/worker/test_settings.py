from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from processing.domain.messages import FAST_TRACK_QUEUE, PIPELINE_QUEUE, RUN_JOB_TASK
from processing.worker.app import app, configure
from processing.worker.settings import WorkerSettings


@pytest.fixture
def password_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "research-worker"
    path.write_text("correct-horse-battery\n", encoding="utf-8")
    monkeypatch.setenv("INTERVAL_RESEARCH_PASSWORD_FILE", str(path))
    return path


def test_the_password_comes_from_its_file(password_file: Path) -> None:
    assert WorkerSettings().research_password == "correct-horse-battery"


def test_without_a_password_file_there_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTERVAL_RESEARCH_PASSWORD_FILE", raising=False)
    with pytest.raises(ValidationError):
        WorkerSettings()


def test_a_missing_or_short_password_is_refused(password_file: Path) -> None:
    password_file.write_text("short", encoding="utf-8")
    with pytest.raises(ValueError, match="fewer than 12"):
        _ = WorkerSettings().research_password
    password_file.unlink()
    with pytest.raises(ValueError, match="does not exist"):
        _ = WorkerSettings().research_password


@pytest.mark.usefixtures("password_file")
def test_the_archive_s_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERVAL_RESEARCH_URL", "http://archive:8042/")
    assert WorkerSettings().research_dicomweb_url == "http://archive:8042/dicom-web"


@pytest.mark.usefixtures("password_file")
def test_no_order_is_lost_or_run_twice() -> None:
    settings = WorkerSettings()
    conf = configure(settings).conf
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.worker_prefetch_multiplier == 1
    assert conf.accept_content == ["json"]
    # An order that runs longer than this is handed out a second time.
    assert conf.broker_transport_options["visibility_timeout"] > conf.task_time_limit > conf.task_soft_time_limit
    assert conf.task_default_queue == PIPELINE_QUEUE
    assert RUN_JOB_TASK in app.tasks


@pytest.mark.usefixtures("password_file")
def test_a_worker_takes_the_orders_of_known_queues_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert WorkerSettings().worker_queues.split(",") == [FAST_TRACK_QUEUE, PIPELINE_QUEUE], "the fast track's first"
    monkeypatch.setenv("INTERVAL_WORKER_QUEUES", FAST_TRACK_QUEUE)
    assert WorkerSettings().worker_queues == FAST_TRACK_QUEUE
    monkeypatch.setenv("INTERVAL_WORKER_QUEUES", "pipeline")
    with pytest.raises(ValidationError, match="no queue pipeline"):
        WorkerSettings()
