"""Orthanc is killed in the middle of receiving: it comes back by itself, and the study becomes complete."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from pydicom.dataset import Dataset

from demo.installation import Ports, System
from demo.processes import RunningSystem
from gateway import flow
from processing.domain.case import CaseState
from processing.domain.errors import Transient
from tests.integration.gateway.conftest import Gateway, close, make_gateway
from tests.unit.gateway.brain_studies import Person, encoded, study

CLINICAL = "orthanc-clinical"


@pytest.fixture
def supervised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSystem]:
    """A clinical archive that is started again when it ends, as on a site without another supervisor."""
    monkeypatch.setenv("ORTHANC_RESTART", "true")
    with RunningSystem(System(tmp_path / "system", Ports.free()), only=(CLINICAL,)) as running:
        yield running


@pytest.fixture
def alone(supervised: RunningSystem, tmp_path: Path) -> Iterator[Gateway]:
    gateway = make_gateway(supervised.system, f"sqlite:///{tmp_path / 'gateway.db'}")
    yield gateway
    close(gateway)


def _orthanc(running: RunningSystem) -> psutil.Process | None:
    """Return the Orthanc below the supervising shell."""
    shell = (running.system.home / "pids" / CLINICAL).read_text(encoding="ascii").split()[0]
    children = psutil.Process(int(shell)).children()
    return next((child for child in children if child.name() == "Orthanc"), None)


def _until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _send(running: RunningSystem, image: Dataset) -> bool:
    """Send one image and return whether it was acknowledged."""
    account = ("gateway", running.system.secret("clinical-gateway"))
    try:
        url = f"{running.system.clinical_url}/instances"
        return httpx.post(url, content=encoded(image), auth=account, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _answers(running: RunningSystem) -> bool:
    try:
        return httpx.get(f"{running.system.clinical_url}/system", trust_env=False).status_code < 500
    except httpx.TransportError:
        return False


def test_a_killed_archive_comes_back_with_all_that_it_acknowledged(supervised: RunningSystem, alone: Gateway) -> None:
    study_uid, images = study(Person(), "20230405", "FLAIR")
    half = len(images) // 2
    acknowledged = [image for image in images[:half] if _send(supervised, image)]
    assert len(acknowledged) == half
    flow.follow_changes(alone.services)
    killed = _orthanc(supervised)
    assert killed is not None
    killed.send_signal(signal.SIGKILL)
    # The scanner goes on sending; what is not acknowledged it sends again later.
    waiting = [image for image in images[half:] if not _send(supervised, image)]
    assert waiting
    with pytest.raises(Transient):
        flow.follow_changes(alone.services)
    _until(lambda: _answers(supervised))
    back = _orthanc(supervised)
    assert back is not None
    assert back.pid != killed.pid
    kept = alone.services.clinical.study(study_uid)
    assert kept is not None
    assert kept.image_count == len(images) - len(waiting)
    assert all(_send(supervised, image) for image in waiting)
    alone.receive()
    case = alone.case(study_uid)
    assert (case.state, case.instance_count) == (CaseState.COMPLETE.value, len(images))


def test_told_to_stop_it_stays_stopped(supervised: RunningSystem) -> None:
    orthanc = _orthanc(supervised)
    assert orthanc is not None
    supervised.stop_service(CLINICAL)
    assert not orthanc.is_running()
    assert not _answers(supervised)


def test_an_archive_that_can_not_start_says_so_at_once(supervised: RunningSystem) -> None:
    supervised.stop_service(CLINICAL)
    secret = supervised.system.secret_file("clinical-gateway")
    secret.write_text("short", encoding="ascii")
    with pytest.raises(Exception, match="ended with status 2"):
        supervised.start_service(CLINICAL)


def _deeply_nested(image: Dataset) -> bytes:
    """Return the image with 50 sequences, one in the other: Orthanc 1.10 ends with a segmentation fault on it."""
    levels = 50
    begin = b"\x40\x00\x43\xa0SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    end = b"\xfe\xff\x0d\xe0\x00\x00\x00\x00\xfe\xff\xdd\xe0\x00\x00\x00\x00"
    whole = encoded(image)
    pixels = whole.rindex(b"\xe0\x7f\x10\x00")
    return whole[:pixels] + begin * levels + end * levels + whole[pixels:]


def _crash(running: RunningSystem, image: Dataset) -> None:
    """Send a file that brings the archive down, and wait until it is back."""
    orthanc = _orthanc(running)
    assert orthanc is not None
    account = ("gateway", running.system.secret("clinical-gateway"))
    with pytest.raises(httpx.TransportError):
        httpx.post(
            f"{running.system.clinical_url}/instances", content=_deeply_nested(image), auth=account, trust_env=False
        )
    _until(lambda: not orthanc.is_running() and _answers(running))


def test_a_nested_file_that_crashes_the_archive_costs_nothing_that_was_acknowledged(
    supervised: RunningSystem, alone: Gateway
) -> None:
    study_uid, images = study(Person(), "20230405", "FLAIR")
    half = len(images) // 2
    assert all(_send(supervised, image) for image in images[:half])
    flow.follow_changes(alone.services)
    # A sender that got no answer tries again, and brings it down again.
    for _ in range(2):
        _crash(supervised, images[half])
    kept = alone.services.clinical.study(study_uid)
    assert kept is not None
    assert kept.image_count == half
    stays = _orthanc(supervised)
    assert stays is not None
    assert all(_send(supervised, image) for image in images[half:])
    alone.receive()
    case = alone.case(study_uid)
    assert (case.state, case.instance_count) == (CaseState.COMPLETE.value, len(images))
    again = _orthanc(supervised)
    assert again is not None
    assert again.pid == stays.pid, "what crashed it was not stored: it does not crash anew"
