"""What a process tells those who watch it: /metrics for Prometheus, /health and /ready, on a port of its own.

Gateway and worker share it. The port is no part of the viewer's: nothing of it passes the proxy that readers use. It
answers with numbers and component names alone.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

StartResponse = Callable[..., object]
Answer = Iterable[bytes]

Readiness = Callable[[], Mapping[str, str]]
"""Returns what is wrong with each component, in words; empty words for one that is well."""

_LONGEST_REQUEST_S = 10.0


class Exposition:
    """A small HTTP server in a thread of its own.

    Parameters
    ----------
    registry : CollectorRegistry
    readiness : callable
    """

    def __init__(self, registry: CollectorRegistry, readiness: Readiness) -> None:
        self._metrics = make_wsgi_app(registry)
        self._readiness = readiness
        self._server: WSGIServer | None = None

    def start(self, host: str, port: int) -> int:
        """Listen; return the port, which is a free one for port 0.

        Raises
        ------
        OSError
            If the port can't be listened on.
        """
        self._server = make_server(host, port, self._answer, server_class=_Server, handler_class=_Handler)
        threading.Thread(target=self._server.serve_forever, name="exposition", daemon=True).start()
        return int(self._server.server_port)

    def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _answer(self, environ: dict[str, Any], start_response: StartResponse) -> Answer:
        path = environ.get("PATH_INFO", "")
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            return _words(start_response, HTTPStatus.METHOD_NOT_ALLOWED, {"detail": "Only GET."})
        if path == "/metrics":
            answer: Answer = self._metrics(environ, start_response)
            return answer
        if path in ("/health", "/ready"):
            return self._health(start_response, decides=path == "/ready")
        return _words(start_response, HTTPStatus.NOT_FOUND, {"detail": "There is nothing here."})

    def _health(self, start_response: StartResponse, *, decides: bool) -> Answer:
        wrong = self._readiness()
        ready = not any(wrong.values())
        body = {"ready": ready, "components": {name: said or "well" for name, said in wrong.items()}}
        status = HTTPStatus.SERVICE_UNAVAILABLE if decides and not ready else HTTPStatus.OK
        return _words(start_response, status, body)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    timeout = _LONGEST_REQUEST_S

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        """Say nothing: requests come every few seconds, and the address is none of the log's."""


def _words(start_response: StartResponse, status: HTTPStatus, body: Mapping[str, object]) -> Answer:
    content = json.dumps(body).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(content)))]
    start_response(f"{status.value} {status.phrase}", headers)
    return [content]
