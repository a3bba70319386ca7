from __future__ import annotations

from collections.abc import Iterator

from gateway.api.schemas import Credentials
from gateway.api.security import CONTENT_SECURITY_POLICY, MOST_JSON_BYTES
from tests.unit.gateway.api.conftest import Browser
from tests.unit.gateway.front import PASSWORD

PATHS = ["/", "/cases/some-case", "/assets/index-1a2b.js", "/api/health", "/api/cases", "/api/nothing", "/missing.js"]


def test_every_answer_carries_the_headers(stranger: Browser) -> None:
    for path in PATHS:
        headers = stranger.get(path).headers
        assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        assert headers["strict-transport-security"].startswith("max-age=")
        if path.startswith("/api/"):
            assert headers["cache-control"] == "no-store"


def test_the_policy_allows_what_the_viewer_needs_and_no_inline_script() -> None:
    policy = dict(part.split(" ", 1) for part in CONTENT_SECURITY_POLICY.split("; "))
    assert policy["script-src"] == "'self'"
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"


def test_the_viewer_answers_its_own_addresses(stranger: Browser) -> None:
    for path in ("/", "/cases/some-case", "/quarantine"):
        answer = stranger.get(path)
        assert answer.status_code == 200
        assert "<title>Interval</title>" in answer.text
        assert answer.headers["cache-control"] == "no-cache"


def test_hashed_files_are_kept_and_missing_ones_are_not_a_page(stranger: Browser) -> None:
    assert "immutable" in stranger.get("/assets/index-1a2b.js").headers["cache-control"]
    assert stranger.get("/assets/index-ffff.js").status_code == 404


def test_nothing_outside_the_viewer_is_served(stranger: Browser) -> None:
    for path in ("/../key", "/%2e%2e/key", "/assets/../../key", "/%2e%2e%2fkey"):
        answer = stranger.get(path)
        assert answer.status_code == 404 or "<title>Interval</title>" in answer.text


def test_an_unknown_address_of_the_api_is_no_page(stranger: Browser) -> None:
    for path in ("/api", "/api/", "/api/nothing", "/api/openapi.json", "/docs.html"):
        answer = stranger.get(path)
        assert answer.status_code == 404, path
        assert list(answer.json()) == ["detail"]


def test_an_error_says_where_and_not_what(stranger: Browser) -> None:
    answer = stranger.http.post("/api/session", json={"user_name": "x" * 65, "password": "very secret"})
    assert answer.status_code == 422
    assert "body.user_name" in answer.json()["detail"]
    assert "very secret" not in answer.text
    assert "xxx" not in answer.text


def test_a_body_that_is_too_large_is_not_read_to_its_end(stranger: Browser) -> None:
    sent: list[int] = []

    def endless() -> Iterator[bytes]:
        for number in range(10_000):
            sent.append(number)
            yield b"x" * 1024

    answer = stranger.http.post("/api/session", content=endless())
    assert answer.status_code == 413
    fits = Credentials(user_name="anna", password=PASSWORD).model_dump_json().ljust(MOST_JSON_BYTES)
    headers = {"Content-Type": "application/json"}
    assert stranger.http.post("/api/session", content=fits, headers=headers).status_code == 200
    assert stranger.http.post("/api/session", content=fits + " ", headers=headers).status_code == 413


def test_what_is_not_there_is_reported_without_addresses(stranger: Browser) -> None:
    health = stranger.get("/api/health")
    assert health.status_code == 200
    parts = {part["name"]: part for part in health.json()["components"]}
    assert parts["database"]["ready"]
    for name in ("broker", "clinical archive", "research archive", "target pacs"):
        assert not parts[name]["ready"]
        assert "127.0.0.1" not in parts[name]["detail"]
    assert not health.json()["ready"]
    assert stranger.get("/api/ready").status_code == 503
