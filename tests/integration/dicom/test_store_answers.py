"""What an archive's refusals of a store request mean (PS3.18 table 10.5.3-2), told by a server that refuses at will."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import Comprehensive3DSRStorage, ExplicitVRLittleEndian, SegmentationStorage

from gateway.dispatch.stow_rs import StowRsTarget
from processing.dicom.archive import DicomWebArchive, KindsRefused
from processing.domain.errors import InputRejected, Transient


@dataclass
class Server:
    """What it refuses, by SOP class, and the bodies that it got."""

    url: str = ""
    refusals: dict[str, int] = field(default_factory=dict)
    silent: bool = False
    """Whether it names nothing that it stored."""
    status: int = 409
    bodies: list[bytes] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Keep the test's output clean."""

        def _chunks(self) -> Iterator[bytes]:
            """Read a body that is sent piece by piece (RFC 9112 section 7.1)."""
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()

        def do_POST(self) -> None:
            body = b"".join(self._chunks())
            state.bodies.append(body)
            failed = [
                {
                    "00081150": {"vr": "UI", "Value": [sop_class]},
                    "00081155": {"vr": "UI", "Value": ["2.25.1"]},
                    "00081197": {"vr": "US", "Value": [reason]},
                }
                for sop_class, reason in state.refusals.items()
                if sop_class.encode() in body
            ]
            stored: list[dict[str, object]] = (
                [] if state.silent else [{}] * (body.count(b"application/dicom") - len(failed))
            )
            sequences = {"00081198": failed, "00081199": stored}
            # As Orthanc does: an empty sequence has no value.
            said = {tag: {"vr": "SQ"} | ({"Value": items} if items else {}) for tag, items in sequences.items()}
            answer = json.dumps(said).encode()
            self.send_response(state.status if failed else 200)
            self.send_header("Content-Type", "application/dicom+json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{running.server_port}"
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield state
    running.shutdown()
    thread.join()
    running.server_close()


def empty_object(sop_class_uid: str) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class_uid, "2.25.1"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def store(server: Server, content: bytes) -> None:
    with DicomWebArchive(server.url, "u", "p") as archive:
        archive.store([content])


@pytest.mark.parametrize("status", [200, 202, 409])
@pytest.mark.parametrize(
    ("reason", "error"),
    [
        (0xA700, Transient),
        (0xA7FF, Transient),
        (0xA900, InputRejected),
        (0xC000, InputRejected),
        (0x0122, KindsRefused),
    ],
)
def test_a_failure_reason_says_whether_to_try_again(
    server: Server, status: int, reason: int, error: type[Exception]
) -> None:
    server.refusals, server.status = {SegmentationStorage: reason}, status
    with pytest.raises(error, match=f"1 of 1 objects .*{reason:04X}"):
        store(server, SegmentationStorage.encode())


@pytest.mark.parametrize("status", [200, 202, 409])
def test_a_duplicate_is_stored(server: Server, status: int) -> None:
    server.refusals, server.status = {SegmentationStorage: 0x0111}, status
    store(server, SegmentationStorage.encode())
    assert len(server.bodies) == 1


def test_what_an_archive_does_not_confirm_is_not_stored(server: Server) -> None:
    """Orthanc answers 200 and names nothing when its disk is full."""
    server.silent = True
    with pytest.raises(Transient, match="did not confirm that it stored 1 of 1 objects"):
        store(server, SegmentationStorage.encode())


def test_a_target_that_takes_no_segmentation_gets_the_rest(server: Server) -> None:
    server.refusals = {SegmentationStorage: 0x0122}
    sent = [empty_object(SegmentationStorage), empty_object(Comprehensive3DSRStorage)]
    acknowledged: list[str] = []
    assert StowRsTarget("pacs", server.url, "u", "p").send(sent, acknowledged.append) == {SegmentationStorage}
    assert acknowledged == [str(sent[1].SOPInstanceUID)]
    assert Comprehensive3DSRStorage.encode() in server.bodies[-1]
    assert SegmentationStorage.encode() not in server.bodies[-1]


def test_a_target_without_room_is_worth_another_try(server: Server) -> None:
    server.refusals = {SegmentationStorage: 0xA700, Comprehensive3DSRStorage: 0xA700}
    acknowledged: list[str] = []
    with pytest.raises(Transient, match="The PACS refused 2 of 2"):
        StowRsTarget("pacs", server.url, "u", "p").send(
            [empty_object(SegmentationStorage), empty_object(Comprehensive3DSRStorage)], acknowledged.append
        )
