"""Mutated files at every entry: each is taken or refused with a reason, nothing is lost in silence, all goes on.

``make fuzz`` sends a thousand to each; the suite a small share.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from pynetdicom import AE, _config
from pynetdicom.sop_class import MRImageStorage  # type: ignore[attr-defined]  # made when the module is loaded

from gateway import flow
from gateway.access.roles import Role
from gateway.association import Checkpoint
from processing.domain.case import CaseState
from tests.integration.fuzz.conftest import Served
from tests.integration.fuzz.mutations import META_ENDS_AT_LEAST, mutated
from tests.integration.gateway.sending import send
from tests.unit.gateway.brain_studies import Person, encoded, study
from tests.unit.gateway.front import PASSWORD

COUNT = int(os.environ.get("FUZZ_COUNT", "40"))
IN_ONE_REQUEST = 10
SHARE_OF_C_STORE = 1 if COUNT >= 1000 else 4
ASSOCIATIONS = 4
PATIENCE_S = 3.0
"""An archive that waits for more than it was promised answers after half a minute; here nobody waits so long."""
WAIT_S = 120.0


@pytest.fixture(scope="module")
def originals() -> list[bytes]:
    _, images = study(Person(), "20230405", "FLAIR", "T1")
    return [encoded(image) for image in images[::8]]


def files(originals: list[bytes], first: int) -> Iterator[bytes]:
    for number in range(first, first + COUNT):
        yield mutated(originals[number % len(originals)], number)


def still_well(served: Served) -> None:
    """The archive answers (it may have had to start again), the gateway takes in what came, and a good study passes."""
    account = ("gateway", served.system.secret("clinical-gateway"))
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            httpx.get(f"{served.system.clinical_url}/system", auth=account, timeout=10).raise_for_status()
            break
        except httpx.HTTPError:
            assert time.monotonic() < deadline, "the clinical archive did not come back"
            time.sleep(0.5)
    served.gateway.receive_and_prepare()
    flow.reconcile(served.gateway.services)
    study_uid, images = study(Person(), "20230405", "FLAIR")
    send(served.system, images)
    served.gateway.receive_and_prepare()
    assert served.gateway.state(study_uid) is CaseState.BASELINE
    assert httpx.get(f"{served.url}/api/ready", timeout=30).status_code == 200


def _chunks(all_files: Iterator[bytes]) -> Iterator[list[bytes]]:
    gathered = list(all_files)
    for first in range(0, len(gathered), IN_ONE_REQUEST):
        yield gathered[first : first + IN_ONE_REQUEST]


def test_uploads_of_the_viewer(served: Served, originals: list[bytes]) -> None:
    with served.client(Role.OPERATOR) as http:
        for chunk in _chunks(files(originals, 0)):
            answer = http.post("/api/uploads", files=[("files", ("image.dcm", content)) for content in chunk])
            assert answer.status_code == 200, answer.text
            said = answer.json()
            assert said["accepted"] + len(said["quarantined"]) == len(chunk)
            assert all(line["reason"] for line in said["quarantined"])
    still_well(served)


def test_stow(served: Served, originals: list[bytes]) -> None:
    boundary = "fuzz-boundary-7d1c"
    head = f"\r\n--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
    with served.client(None) as http:
        for chunk in _chunks(files(originals, 10_000)):
            body = b"".join(head + content for content in chunk) + f"\r\n--{boundary}--\r\n".encode()
            account = (Role.OPERATOR.value, PASSWORD)
            headers = {"Content-Type": kind}
            answer = http.post("/api/dicomweb/studies", content=body, headers=headers, auth=account)
            assert answer.status_code in (200, 202, 409), answer.text
            said = answer.json()
            told = [len(said.get(tag, {}).get("Value", ())) for tag in ("00081199", "0008119A")]
            assert sum(told) == len(chunk)
    still_well(served)


def test_broken_multipart(served: Served, originals: list[bytes]) -> None:
    """The frame around the files is broken too: refused or taken, never a server error."""
    boundary = "fuzz"
    frame = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="../../x"\r\n\r\n'.encode()
    whole = frame + originals[0][:2000] + f"\r\n--{boundary}--\r\n".encode()
    with served.client(Role.OPERATOR) as http:
        for number in range(COUNT):
            headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
            answer = http.post("/api/uploads", content=mutated(whole, number), headers=headers)
            # 503: the archive took it under another UID than it says, and so did not confirm what was asked.
            assert answer.status_code in (200, 400, 413, 415, 503), (number, answer.text)
            assert answer.status_code != 503 or "did not confirm" in answer.text, (number, answer.text)
    still_well(served)


def test_c_store(served: Served, originals: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data set's bytes go over the wire as they are: each is answered, or the association ends."""
    monkeypatch.setattr(_config, "STORE_SEND_CHUNKED_DATASET", True)
    good = tmp_path / "good.dcm"
    good.write_bytes(originals[0])
    assert _stored(served, good, WAIT_S) == 0x0000, "sent this way, a good file is taken"

    def send_mutated(number: int) -> None:
        original, path = originals[number % len(originals)], tmp_path / f"{number}.dcm"
        path.write_bytes(mutated(original, number, from_byte=_data_set_offset(original)))
        _stored(served, path, PATIENCE_S)
        path.unlink()

    with ThreadPoolExecutor(ASSOCIATIONS) as scanners:
        list(scanners.map(send_mutated, range(max(COUNT // SHARE_OF_C_STORE, 1))))
    still_well(served)


def _data_set_offset(part10: bytes) -> int:
    """Return where the file meta information ends (PS3.10 7.1)."""
    length = int.from_bytes(part10[META_ENDS_AT_LEAST + 8 : META_ENDS_AT_LEAST + 12], "little")
    return META_ENDS_AT_LEAST + 12 + length


def _stored(served: Served, path: Path, patience_s: float) -> int | None:
    """Send one file; return the status, or None where no answer came in time or the association ended."""
    entity = AE(ae_title="SCANNER")
    entity.acse_timeout, entity.dimse_timeout, entity.network_timeout = 60, patience_s, 60
    entity.add_requested_context(MRImageStorage)
    deadline = time.monotonic() + WAIT_S
    while True:
        association = entity.associate("127.0.0.1", served.system.ports.clinical_dicom, ae_title="CLINICAL")
        if association.is_established:
            break
        assert time.monotonic() < deadline, "the clinical archive takes no association any more"
        time.sleep(0.5)
    association._reactor_checkpoint = Checkpoint(association.is_alive)  # else answers get lost; see the class
    status = association.send_c_store(path)
    if association.is_established:
        association.release()
    return int(status.Status) if "Status" in status else None


def test_what_is_no_dicom_at_the_dicom_port(served: Served, originals: list[bytes]) -> None:
    for number in range(COUNT):
        with socket.create_connection(("127.0.0.1", served.system.ports.clinical_dicom), timeout=30) as connection:
            connection.sendall(mutated(b"\x01\x00\x00\x00\x00\xcd\x00\x01" + originals[0][:400], number))
    still_well(served)
