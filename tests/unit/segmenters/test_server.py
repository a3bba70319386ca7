from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

from processing.domain.errors import Defect, Transient
from processing.domain.tumour import TumourLabel
from processing.segmenters.installed import installed_segmenters
from tests.certificates import Authority, Identity
from tests.unit.segmenters.made import card, evidence

Answer = Callable[[BaseHTTPRequestHandler, np.ndarray], None]
LENGTH = "Inference-Header-Content-Length"


def scores(handler: BaseHTTPRequestHandler, channels: np.ndarray) -> None:
    """What the tiny network would say."""
    said = np.zeros((1, 3, *channels.shape[2:]), "<f4")
    said[0, 2] = channels[0, 0] - 1.5
    send(handler, json.dumps({"outputs": [{"name": "s", "shape": said.shape, "datatype": "FP32"}]}), said.tobytes())


def send(handler: BaseHTTPRequestHandler, header: str, body: bytes) -> None:
    handler.send_response(200)
    handler.send_header(LENGTH, str(len(header)))
    handler.end_headers()
    handler.wfile.write(header.encode() + body)


@contextmanager
def serving(answer: Answer, identity: Identity | None = None) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v2/models/tumour/versions/3/infer"
            content = self.rfile.read(int(self.headers["Content-Length"]))
            header = json.loads(content[: int(self.headers[LENGTH])])
            (tensor,) = header["inputs"]
            assert tensor["datatype"] == "FP32"
            body = content[int(self.headers[LENGTH]) :]
            answer(self, np.frombuffer(body, "<f4").reshape(tensor["shape"]))

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if identity is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.certificate, identity.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        scheme = "http" if identity is None else "https"
        yield f"{scheme}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def install(folder: Path, url: str, time_limit_s: float = 60.0) -> Path:
    (folder / "far").mkdir(parents=True)
    runs = {"kind": "server", "url": url, "model": "tumour", "model_version": "3", "time_limit_s": time_limit_s}
    (folder / "far" / "card.json").write_text(json.dumps(card(dict(runs))))
    return folder


def test_a_model_on_a_server_outlines_as_the_same_one_here_would(tmp_path: Path) -> None:
    with serving(scores) as url:
        (segmenter,) = installed_segmenters(install(tmp_path, url))
        found = segmenter.segment(evidence())
    assert found.labels == (TumourLabel.HYPERINTENSITY,)
    assert found.array[10, 12, 11] == TumourLabel.HYPERINTENSITY


def refused(handler: BaseHTTPRequestHandler, _: np.ndarray) -> None:
    handler.send_error(400)


def elsewhere(handler: BaseHTTPRequestHandler, _: np.ndarray) -> None:
    handler.send_response(307)
    handler.send_header("Location", "http://127.0.0.1:9/")
    handler.end_headers()


def endless(handler: BaseHTTPRequestHandler, _: np.ndarray) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(bytes(1 << 20))
    except OSError:
        pass


def nonsense(handler: BaseHTTPRequestHandler, _: np.ndarray) -> None:
    send(handler, '{"outputs": []}', b"")


def other_shape(handler: BaseHTTPRequestHandler, _: np.ndarray) -> None:
    send(handler, json.dumps({"outputs": [{"shape": [1, 3, 1, 1, 1], "datatype": "FP32"}]}), bytes(12))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (refused, r"refused \(HTTP 400\)"),
        (elsewhere, r"refused \(HTTP 307\)"),
        (endless, "more than was asked for"),
        (nonsense, "something else than a tensor"),
        (other_shape, "another grid"),
    ],
)
def test_an_answer_that_is_none_is_a_defect(tmp_path: Path, answer: Answer, reason: str) -> None:
    with serving(answer) as url:
        (segmenter,) = installed_segmenters(install(tmp_path, url))
        with pytest.raises(Defect, match=reason):
            segmenter.segment(evidence())


def test_a_server_that_is_away_or_slow_is_tried_again_later(tmp_path: Path) -> None:
    over = Event()

    def slow(_handler: BaseHTTPRequestHandler, _: np.ndarray) -> None:
        over.wait(60)

    with serving(slow) as url:
        (segmenter,) = installed_segmenters(install(tmp_path / "slow", url, time_limit_s=0.5))
        with pytest.raises(Transient, match="took too long"):
            segmenter.segment(evidence())
        over.set()
    (segmenter,) = installed_segmenters(install(tmp_path / "away", url))
    with pytest.raises(Transient, match="not reached"):
        segmenter.segment(evidence())


def test_by_tls_only_a_server_with_a_known_certificate_is_believed(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "site")
    with serving(scores, authority.identity("inference")) as url:
        folder = install(tmp_path / "known", url)
        (known,) = installed_segmenters(folder, ca_file=str(authority.certificate))
        assert known.segment(evidence()).labels == (TumourLabel.HYPERINTENSITY,)
        (unknown,) = installed_segmenters(folder)
        with pytest.raises(Transient, match="not reached"):
            unknown.segment(evidence())
