"""`DicomWebArchive` and the scanner's C-STORE against a real Orthanc, and against a server that misbehaves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID, RLELossless

from demo.installation import System
from demo.scanner import send_study
from processing.dicom.archive import DicomWebArchive
from processing.dicom.geometry import series_geometry
from processing.dicom.read import parse_part10, read_series
from processing.dicom.result import read_result, to_part10, write_draft
from processing.domain.errors import Defect, InputRejected, Transient
from tests.unit.dicom.made import PROVENANCE, comparison, grid_of, head, other_patient, written


@pytest.fixture
def archive(archives: System) -> Iterator[DicomWebArchive]:
    url = f"{archives.research_url}/dicom-web"
    with DicomWebArchive(url, "worker", archives.secret("research-worker")) as opened:
        yield opened


def series_of(content: bytes) -> tuple[str, str]:
    header = dcmread(BytesIO(content), stop_before_pixels=True)
    return str(header.StudyInstanceUID), str(header.SeriesInstanceUID)


def name_instance(image: Dataset, root: str) -> None:
    """Give an image a UID of its own: all tests share the archive."""
    uid = UID(f"{root}{image.InstanceNumber}")
    image.SOPInstanceUID = uid
    image.file_meta.MediaStorageSOPInstanceUID = uid


def test_files_come_back_byte_for_byte_in_their_encoding(archive: DicomWebArchive, tmp_path: Path) -> None:
    patient = other_patient("Rle^Demo")
    images = parse_part10(path.read_bytes() for path in written(tmp_path, head(grid_of()), patient=patient, visit=0))
    for image in images:
        # Another study than other tests', and compressed: without asking for it the archive would decompress.
        image.StudyInstanceUID, image.SeriesInstanceUID = "2.25.101", "2.25.102"
        name_instance(image, "2.25.103")
        image.compress(RLELossless, generate_instance_uid=False)
    files = [to_part10(image) for image in images]
    archive.store(files)
    returned = list(archive.retrieve_series("2.25.101", "2.25.102"))
    assert sorted(returned) == sorted(files)
    expected = read_series(images).volume
    volume = read_series(parse_part10(returned)).volume
    assert volume.grid.same_as(expected.grid)
    assert (volume.array == expected.array).all()


def test_a_stored_series_is_found_and_its_headers_have_its_geometry(archive: DicomWebArchive, tmp_path: Path) -> None:
    files = [path.read_bytes() for path in written(tmp_path, head(grid_of()))]
    study, series = series_of(files[0])
    archive.store(files)
    archive.store(files)  # again: nothing changes
    found = [str(item.SeriesInstanceUID) for item in archive.search_series(study)]
    assert found.count(series) == 1
    headers = archive.retrieve_headers(study, series)
    assert len(headers) == len(files)
    assert all("PixelData" not in header or not header.PixelData for header in headers)
    assert series_geometry(headers).grid.same_as(grid_of())


def test_an_unknown_study_is_empty_and_an_unknown_series_is_refused(archive: DicomWebArchive) -> None:
    assert archive.search_series("2.25.404") == []
    with pytest.raises(InputRejected, match="does not hold"):
        archive.retrieve_headers("2.25.404", "2.25.405")
    with pytest.raises(InputRejected, match="does not hold"):
        list(archive.retrieve_series("2.25.404", "2.25.405"))


def test_a_refused_file_is_counted_and_the_good_ones_are_stored(archive: DicomWebArchive, tmp_path: Path) -> None:
    good = parse_part10(path.read_bytes() for path in written(tmp_path, head(grid_of())))[0]
    good.StudyInstanceUID, good.SeriesInstanceUID, good.SOPInstanceUID = "2.25.201", "2.25.202", "2.25.203"
    good.file_meta.MediaStorageSOPInstanceUID = UID("2.25.203")
    # What the client calls a file of DICOM is one to the archive only if it can be parsed.
    with pytest.raises(InputRejected):
        archive.store([to_part10(good), b"no dicom at all"])
    assert len(archive.retrieve_headers("2.25.201", "2.25.202")) == 1


def test_many_files_go_in_several_requests(
    archive: DicomWebArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("processing.dicom.archive.BATCH_INSTANCES", 5)
    volume = head(grid_of(shape=(12, 24, 20)))
    images = parse_part10(path.read_bytes() for path in written(tmp_path, volume))
    for image in images:
        image.StudyInstanceUID, image.SeriesInstanceUID = "2.25.301", "2.25.302"
        name_instance(image, "2.25.303")
    archive.store(to_part10(image) for image in images)
    assert len(archive.retrieve_headers("2.25.301", "2.25.302")) == 12


def test_a_whole_result_goes_through_the_archive(archive: DicomWebArchive, tmp_path: Path) -> None:
    made = comparison(tmp_path)
    objects = write_draft(made.current, made.prior_headers, made.result, PROVENANCE)
    archive.store(to_part10(item.dataset) for item in objects)
    study = str(made.current.reference.StudyInstanceUID)
    series = dict.fromkeys(str(item.dataset.SeriesInstanceUID) for item in objects)
    fetched = [dataset for uid in series for dataset in parse_part10(archive.retrieve_series(study, uid))]
    assert len(fetched) == len(objects)
    read = read_result(fetched, made.current.volume.grid, lesions=made.result.lesions)
    assert (read.lesion_map.array == made.result.lesion_map.array).all()


def test_wrong_credentials_are_a_defect_that_names_none(archives: System) -> None:
    with DicomWebArchive(f"{archives.research_url}/dicom-web", "worker", "wrong") as archive:
        with pytest.raises(Defect, match="credentials") as caught:
            archive.search_series("2.25.1")
        with pytest.raises(Defect, match="credentials"):
            archive.store([b"x"])
    assert "wrong" not in caught.value.reason


def test_an_archive_that_is_down_is_an_outage() -> None:
    with DicomWebArchive("http://127.0.0.1:1/dicom-web", "worker", "password") as archive:
        with pytest.raises(Transient, match="can't be reached"):
            archive.search_series("2.25.1")
        with pytest.raises(Transient, match="can't be reached"):
            list(archive.retrieve_series("2.25.1", "2.25.2"))
        with pytest.raises(Transient, match="can't be reached"):
            archive.store([b"x"])


class _Answer(BaseHTTPRequestHandler):
    """Answers by the first part of the path: a status, or a way to misbehave."""

    release = threading.Event()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keep the test's output clean."""

    def do_GET(self) -> None:
        kind = self.path.split("/")[1]
        if kind == "silent":
            self.release.wait(10)
            return
        if kind == "cut":
            self.send_response(200)
            self.send_header("Content-Type", 'multipart/related; type="application/dicom"; boundary=b')
            self.end_headers()
            self.wfile.write(b"--b\r\nContent-Type: application/dicom\r\n\r\nhalf an ima")
            return
        self.send_response(200 if kind == "words" else int(kind))
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.close_connection = True
        self.do_GET()


@pytest.fixture
def misbehaving() -> Iterator[str]:
    _Answer.release.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    _Answer.release.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("503", Transient),
        ("500", Transient),
        ("429", Transient),
        ("401", Defect),
        ("400", InputRejected),
        ("words", Transient),
        ("silent", Transient),
    ],
)
def test_each_bad_answer_has_its_error(misbehaving: str, kind: str, error: type[Exception]) -> None:
    with DicomWebArchive(f"{misbehaving}/{kind}", "u", "p", read_timeout_s=0.3) as archive, pytest.raises(error):
        archive.retrieve_headers("2.25.1", "2.25.2")


def test_a_series_that_breaks_off_is_an_outage(misbehaving: str) -> None:
    with (
        DicomWebArchive(f"{misbehaving}/cut", "u", "p") as archive,
        pytest.raises(Transient, match="ended before all images"),
    ):
        list(archive.retrieve_series("2.25.1", "2.25.2"))


def test_a_scanner_sends_by_c_store_and_reports_what_is_no_dicom(archives: System, tmp_path: Path) -> None:
    files = written(tmp_path, head(grid_of(shape=(6, 24, 20))))
    notes = tmp_path / "notes.txt"
    notes.write_text("hello", encoding="utf-8")
    told: list[tuple[int, int]] = []
    report = send_study(
        [*files, notes],
        "127.0.0.1",
        archives.ports.clinical_dicom,
        "CLINICAL",
        "SCANNER",
        lambda done, of: told.append((done, of)),
    )
    assert report.sent == tuple(files)
    assert report.failed == ((notes, "not a DICOM file"),)
    assert told[-1] == (7, 7)
    with DicomWebArchive(
        f"{archives.clinical_url}/dicom-web", "gateway", archives.secret("clinical-gateway")
    ) as clinical:
        study, series = series_of(files[0].read_bytes())
        returned = parse_part10(clinical.retrieve_series(study, series))
    assert len(returned) == 6


# pynetdicom leaves the socket of a refused connection to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_nobody_there_is_an_outage(tmp_path: Path) -> None:
    files = written(tmp_path, head(grid_of(shape=(6, 24, 20))))
    with pytest.raises(Transient, match="can't be reached"):
        send_study(files, "127.0.0.1", 1, "CLINICAL")
