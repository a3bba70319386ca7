"""Asking a DICOMweb server what it holds, also one that answers page by page."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from pydicom.dataset import Dataset

from gateway.dispatch.qido_rs import QidoRs


def instance(number: int) -> Dataset:
    dataset = Dataset()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "2.25.1", "2.25.2"
    dataset.SOPInstanceUID = f"2.25.3.{number}"
    return dataset


@contextmanager
def server(holds: int, page: int, *, knows_offset: bool = True) -> Iterator[tuple[QidoRs, list[str]]]:
    """A server with one series that names only so many of its instances in one answer (PS3.18, 8.3.4.4)."""
    asked: list[str] = []

    class Series(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            query = parse_qs(urlsplit(self.path).query)
            start = int(query.get("offset", ["0"])[0]) if knows_offset else 0
            named = [instance(number) for number in range(holds)][start : start + page]
            answer = json.dumps([one.to_json_dict() for one in named]).encode()
            self.send_response(200 if named else 204)
            self.send_header("Content-Length", str(len(answer) if named else 0))
            self.end_headers()
            self.wfile.write(answer if named else b"")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Series) as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield QidoRs(f"http://127.0.0.1:{listening.server_port}", "", ""), asked
        listening.shutdown()
        thread.join(timeout=60)


@pytest.mark.parametrize(("page", "requests"), [(10, 1), (5, 1), (2, 3)])
def test_everything_that_a_server_holds_is_found_whatever_its_pages(page: int, requests: int) -> None:
    sent = [instance(number) for number in range(5)]
    with server(5, page) as (qido, asked):
        assert qido.held(sent) == {str(one.SOPInstanceUID) for one in sent}
    assert len(asked) == requests, "nothing is asked for once all is found"


@pytest.mark.parametrize("knows_offset", [True, False])
def test_what_a_server_lacks_is_not_asked_for_without_end(*, knows_offset: bool) -> None:
    with server(4, 2, knows_offset=knows_offset) as (qido, asked):
        held = qido.held([instance(3), instance(7)])
    assert held == ({"2.25.3.3"} if knows_offset else set())
    assert len(asked) <= 3
