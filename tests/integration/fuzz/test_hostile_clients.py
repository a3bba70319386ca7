"""Clients that mean no good: slow, endless, oversized, out of the folder, with somebody else's session or role."""

from __future__ import annotations

import select
import socket
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx
import pytest

from gateway.access.roles import Role
from gateway.api import security
from gateway.api.deps import SESSION_COOKIE
from tests.integration.fuzz.conftest import Served
from tests.unit.gateway.front import PASSWORD

HALF_OPEN = 200
MOST_SENT = 64 * 1024 * 1024


def _connection(served: Served) -> socket.socket:
    parts = urlsplit(served.url)
    return socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=60)


def _raw(served: Served, request: bytes) -> bytes:
    with _connection(served) as connection:
        connection.sendall(request)
        answer = b""
        while block := connection.recv(65536):
            answer += block
    return answer


def test_slow_clients_keep_nobody_else_waiting(served: Served) -> None:
    """Half a request on many connections, as slow-loris does."""
    held = [_connection(served) for _ in range(HALF_OPEN)]
    try:
        for connection in held:
            connection.sendall(b"GET /api/health HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        assert httpx.get(f"{served.url}/api/ready", timeout=30).status_code == HTTPStatus.OK
    finally:
        for connection in held:
            connection.close()


@pytest.fixture
def impatient(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the limits of time be short: they are looked up when a request comes."""
    monkeypatch.setattr(security, "BODY_WITHIN_S", 0.5)
    monkeypatch.setattr(security, "UPLOAD_SILENT_S", 0.5)


def test_a_body_that_does_not_come_is_not_waited_for(served: Served, impatient: None) -> None:
    head = b"POST /api/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    assert b" 408 " in _raw(served, head).split(b"\r\n", 1)[0]


def test_an_upload_that_falls_silent_is_not_waited_for(served: Served, impatient: None) -> None:
    with served.client(Role.OPERATOR) as http:
        cookie, token = http.cookies[SESSION_COOKIE], http.headers["X-CSRF-Token"]
    head = (
        f"POST /api/uploads HTTP/1.1\r\nHost: x\r\nCookie: {SESSION_COOKIE}={cookie}\r\nX-CSRF-Token: {token}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n--b\r\n"
    )
    assert b" 408 " in _raw(served, head.encode()).split(b"\r\n", 1)[0]


def _until_answered(served: Served, head: str, chunk: bytes) -> tuple[bytes, int]:
    """Send a head and then the same chunk for ever; return the answer and how many bytes were sent until it came."""
    sent = 0
    with _connection(served) as connection:
        connection.sendall(head.encode())
        while not select.select([connection], [], [], 0)[0]:
            connection.sendall(chunk)
            sent += len(chunk)
            assert sent < MOST_SENT, "nobody stops it"
        return connection.recv(4096), sent


@pytest.mark.parametrize("address", ["/api/session", "/api/scheduled"])
def test_a_body_that_never_ends_is_refused(served: Served, address: str) -> None:
    head = f"POST {address} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"2000\r\n" + b"x" * 0x2000 + b"\r\n"
    answer, _ = _until_answered(served, head, chunk)
    assert b" 413 " in answer.split(b"\r\n", 1)[0]
    assert httpx.get(f"{served.url}/api/ready", timeout=60).status_code == HTTPStatus.OK


def test_an_oversized_body_is_refused(served: Served) -> None:
    with served.client(None) as http:
        answer = http.post("/api/session", content=b'{"user_name": "' + b"x" * security.MOST_JSON_BYTES + b'"}')
    assert answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd",
        "/..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/assets/..%5c..%5c..%5cetc%5cpasswd",
        "//etc/passwd",
        "/assets/%00/etc/passwd",
        "/api/cases/..%2f..%2faudit",
        "/api/../../etc/passwd",
    ],
)
def test_no_path_leads_out_of_the_viewer_s_folder(served: Served, path: str) -> None:
    answer = _raw(served, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert b"root:" not in answer
    status = int(answer.split(b" ", 2)[1])
    assert status < HTTPStatus.INTERNAL_SERVER_ERROR, answer[:200]


def test_a_session_that_was_planted_is_not_taken_over(served: Served) -> None:
    """Session fixation: whoever signs in gets a token that nobody could know before."""
    planted = "A" * 43
    with served.client(None) as http:
        http.cookies.set(SESSION_COOKIE, planted, path="/api")
        account = {"user_name": Role.READER.value, "password": PASSWORD}
        answer = http.post("/api/session", json=account)
        fresh = answer.cookies[SESSION_COOKIE]
    assert fresh != planted
    with httpx.Client(base_url=served.url, cookies={SESSION_COOKIE: planted}, trust_env=False) as thief:
        assert thief.get("/api/session").status_code == HTTPStatus.UNAUTHORIZED


def test_nobody_gives_themselves_a_role(served: Served) -> None:
    account = {"user_name": Role.READER.value, "password": PASSWORD, "role": Role.OPERATOR.value}
    with served.client(None) as http:
        answer = http.post("/api/session", json=account)
        assert answer.status_code in (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.OK)
        if answer.is_success:
            assert answer.json()["role"] == Role.READER.value
    headers = {"X-Role": "operator", "X-Forwarded-User": "operator", "X-Remote-User": "operator"}
    with served.client(Role.READER) as http:
        assert http.get("/api/operations", headers=headers).status_code == HTTPStatus.FORBIDDEN
        assert http.get("/api/audit", headers=headers).status_code == HTTPStatus.FORBIDDEN


def test_another_site_can_change_nothing(served: Served) -> None:
    """CSRF: the cookie alone, as a browser sends it to a foreign form's target, does nothing."""
    with served.client(Role.OPERATOR) as http:
        del http.headers["X-CSRF-Token"]
        form = {"Origin": "https://elsewhere.example", "Content-Type": "text/plain"}
        answer = http.put("/api/operations/gates/preparation", content=b'{"mode": "paused"}', headers=form)
        assert answer.status_code == HTTPStatus.FORBIDDEN
        assert http.get("/api/operations").json()["passages"][0]["mode"] == "open"
