"""Who may come in: every route, every role, the CSRF token and the throttle."""

from __future__ import annotations

import base64

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from gateway.access.accounts import FREE_FAILURES, REFUSED
from gateway.access.roles import Role
from gateway.api.deps import Allow, AllowAnyone, AllowModality
from gateway.api.schemas import Problem, SessionInfo
from gateway.api.spa import Viewer
from tests.unit.gateway.api.conftest import USERS, Browser
from tests.unit.gateway.front import PASSWORD

Door = tuple[str, str]
BOTH = frozenset({Role.READER, Role.OPERATOR})
STAFF = frozenset({Role.READER, Role.TECHNOLOGIST, Role.OPERATOR})
OPEN: set[Door] = {
    ("POST", "/api/session"),
    ("GET", "/api/session/ways"),
    ("GET", "/api/session/provider"),
    ("GET", "/api/session/provider/callback"),
    ("GET", "/api/health"),
    ("GET", "/api/ready"),
}
BY_BASIC: set[Door] = {("POST", "/api/dicomweb/studies")}
ALLOWED: dict[Door, frozenset[Role]] = {
    ("GET", "/api/session"): frozenset(Role),
    ("DELETE", "/api/session"): frozenset(Role),
    ("GET", "/api/cases"): STAFF,
    ("GET", "/api/cases/{case_id}"): STAFF,
    ("GET", "/api/quarantine"): BOTH,
    ("GET", "/api/cases/{case_id}/explanation"): STAFF,
    ("POST", "/api/cases/{case_id}/identity"): frozenset({Role.OPERATOR}),
    ("POST", "/api/cases/{case_id}/retry"): frozenset({Role.OPERATOR}),
    ("POST", "/api/cases/{case_id}/patient"): frozenset({Role.OPERATOR}),
    ("GET", "/api/corrections"): frozenset({Role.OPERATOR}),
    ("POST", "/api/uploads"): frozenset({Role.OPERATOR}),
    ("POST", "/api/quarantine/uploads/{upload_id}/retry"): frozenset({Role.OPERATOR}),
    ("POST", "/api/quarantine/uploads/{upload_id}/discard"): frozenset({Role.OPERATOR}),
    ("GET", "/api/cases/{case_id}/images"): frozenset({Role.READER}),
    ("GET", "/api/cases/{case_id}/outlines"): frozenset({Role.READER}),
    ("POST", "/api/cases/{case_id}/region"): frozenset({Role.READER}),
    ("PUT", "/api/cases/{case_id}/lesions/{number}/outline"): frozenset({Role.READER}),
    ("DELETE", "/api/cases/{case_id}/lesions/{number}/outline"): frozenset({Role.READER}),
    ("GET", "/api/cases/{case_id}/images/{name}"): frozenset({Role.READER}),
    ("GET", "/api/cases/{case_id}/images/{name}/pixels"): frozenset({Role.READER}),
    ("PUT", "/api/cases/{case_id}/lesions/{number}/verdict"): frozenset({Role.READER}),
    ("PUT", "/api/cases/{case_id}/assessment"): frozenset({Role.READER}),
    ("POST", "/api/cases/{case_id}/signature"): frozenset({Role.READER}),
    ("POST", "/api/cases/{case_id}/reopening"): frozenset({Role.READER}),
    ("PUT", "/api/cases/{case_id}/blind-reading"): frozenset({Role.READER}),
    ("PUT", "/api/cases/{case_id}/eye-reading"): frozenset({Role.READER}),
    ("PUT", "/api/cases/{case_id}/volume-reading"): frozenset({Role.READER}),
    ("PUT", "/api/cases/{case_id}/consensus"): frozenset({Role.READER}),
    ("GET", "/api/cases/{case_id}/report"): frozenset({Role.READER}),
    ("PUT", "/api/cases/{case_id}/report"): frozenset({Role.READER}),
    ("GET", "/api/releases"): BOTH,
    ("GET", "/api/releases/monitoring"): BOTH,
    ("PUT", "/api/releases/{pipeline}/{version}/permit"): frozenset({Role.OPERATOR}),
    ("DELETE", "/api/releases/{pipeline}/{version}/permit"): frozenset({Role.OPERATOR}),
    ("PUT", "/api/releases/reference-cases/{case_id}"): frozenset({Role.OPERATOR}),
    ("GET", "/api/releases/to-rate"): frozenset({Role.READER}),
    ("POST", "/api/releases/to-rate/{case_id}/{job_id}"): frozenset({Role.READER}),
    ("GET", "/api/releases/ratings"): frozenset({Role.OPERATOR}),
    ("GET", "/api/operations"): frozenset({Role.OPERATOR}),
    ("PUT", "/api/operations/gates/{name}"): frozenset({Role.OPERATOR}),
    ("POST", "/api/cases/{case_id}/discard"): frozenset({Role.OPERATOR}),
    ("PUT", "/api/cases/{case_id}/priority"): frozenset({Role.OPERATOR}),
    ("POST", "/api/scheduled"): frozenset({Role.TECHNOLOGIST, Role.OPERATOR}),
    ("GET", "/api/technologist"): STAFF,
    ("GET", "/api/technologist/events"): STAFF,
    ("GET", "/api/technologist/{case_id}/picture"): STAFF,
    ("GET", "/api/studies"): BOTH,
    ("POST", "/api/studies"): frozenset({Role.OPERATOR}),
    ("POST", "/api/studies/{study_id}/next"): frozenset({Role.READER}),
    ("POST", "/api/studies/readings/{reading_id}/shown"): frozenset({Role.READER}),
    ("POST", "/api/studies/readings/{reading_id}/signature"): frozenset({Role.READER}),
    ("PUT", "/api/studies/{study_id}/survey/{moment}"): frozenset({Role.READER}),
    ("GET", "/api/studies/{study_id}/results"): frozenset({Role.OPERATOR}),
    ("GET", "/api/studies/{study_id}/readings.csv"): frozenset({Role.OPERATOR}),
    ("GET", "/api/cases/{case_id}/timeline"): frozenset({Role.READER}),
    ("GET", "/api/cases/{case_id}/growth"): frozenset({Role.READER}),
    ("GET", "/api/cases/{case_id}/timeline.csv"): frozenset({Role.READER}),
    ("GET", "/api/cases/{case_id}/fhir"): frozenset({Role.READER}),
    ("GET", "/api/audit"): frozenset({Role.AUDITOR}),
    ("GET", "/api/audit/verification"): frozenset({Role.AUDITOR}),
    ("GET", "/api/audit/messages"): frozenset({Role.AUDITOR}),
}


def address(door: Door) -> str:
    filled = door[1].format(
        case_id="nothing",
        upload_id="1",
        job_id="nothing",
        name="current",
        number="1",
        study_id="nothing",
        reading_id="1",
        moment="before",
        pipeline="none",
        version="1.0.0",
    )
    return f"{filled}?longest_s=0" if filled.endswith("/events") else filled


def declared(app: FastAPI) -> dict[Door, list[object]]:
    """Every route of the application with what it declares about its callers."""
    doors: dict[Door, list[object]] = {}
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route, "dependant", None)
        if dependant is None:
            continue
        for method in route.methods or ():
            calls = [dependency.call for dependency in dependant.dependencies]
            doors[method, str(route.path)] = [c for c in calls if isinstance(c, Allow | AllowAnyone)]
    return doors


def test_every_route_declares_its_callers_exactly_once(app: FastAPI) -> None:
    doors = declared(app)
    assert {door for door, allowing in doors.items() if len(allowing) != 1} == set()
    assert doors.keys() == OPEN | BY_BASIC | ALLOWED.keys()
    for door, (allowing,) in doors.items():
        if door in OPEN:
            assert isinstance(allowing, AllowAnyone)
        elif door in BY_BASIC:
            assert isinstance(allowing, AllowModality)
        else:
            assert isinstance(allowing, Allow)
            assert allowing.roles == ALLOWED[door], door


def test_beside_the_api_there_is_nothing_but_the_viewer(app: FastAPI) -> None:
    others = [r.original_route for r in iter_route_contexts(app.routes) if not hasattr(r.original_route, "dependant")]
    assert [type(route) for route in others] == [Mount]
    assert isinstance(others[0], Mount)
    assert isinstance(others[0].app, Viewer)


def test_no_route_answers_a_stranger(stranger: Browser) -> None:
    for door in ALLOWED.keys() | BY_BASIC:
        answer = stranger.http.request(door[0], address(door))
        assert answer.status_code == 401, door
        assert Problem.model_validate(answer.json()).detail


def test_an_invented_session_opens_nothing(stranger: Browser) -> None:
    stranger.http.cookies.set("interval_session", "A" * 43, domain="testserver.local", path="/api")
    for door in ALLOWED.keys() | BY_BASIC:
        assert stranger.http.request(door[0], address(door)).status_code == 401, door


@pytest.mark.parametrize("user_name", sorted(USERS))
def test_only_the_declared_roles_get_through(stranger: Browser, user_name: str) -> None:
    info = SessionInfo.model_validate(stranger.sign_in(user_name).json())
    headers = {"X-CSRF-Token": stranger.csrf_token}
    # Signing out comes last: it ends the session that the others need.
    for door in sorted(ALLOWED, key=lambda door: door == ("DELETE", "/api/session")):
        status = stranger.http.request(door[0], address(door), headers=headers).status_code
        if info.role in ALLOWED[door]:
            assert status not in (401, 403), door
        else:
            assert status == 403, door


@pytest.mark.parametrize("user_name", sorted(USERS))
def test_a_changing_request_needs_the_csrf_token(stranger: Browser, user_name: str) -> None:
    role = SessionInfo.model_validate(stranger.sign_in(user_name).json()).role
    for door in (door for door in ALLOWED if door[0] != "GET" and role in ALLOWED[door]):
        for token in (None, "", "x" * 43, "é"):
            headers = {} if token is None else {b"X-CSRF-Token": token.encode("latin-1")}
            answer = stranger.http.request(door[0], address(door), headers=headers)
            assert answer.status_code == 403, (door, token)
            assert "X-CSRF-Token" in answer.json()["detail"]
    assert stranger.get("/api/session").status_code == 200, "nothing happened"


def test_the_csrf_token_of_another_session_does_not_do(app: FastAPI, reader: Browser) -> None:
    first = reader.csrf_token
    assert reader.sign_in("otto").is_success
    assert reader.csrf_token != first
    assert reader.http.delete("/api/session", headers={"X-CSRF-Token": first}).status_code == 403


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(stranger: Browser) -> None:
    answer = stranger.sign_in("anna")
    cookie = answer.headers["set-cookie"].lower()
    for part in ("httponly", "secure", "samesite=strict", "path=/api"):
        assert part in cookie
    assert stranger.csrf_token not in cookie


def test_signing_out_ends_the_session_on_the_server(reader: Browser) -> None:
    token = reader.http.cookies["interval_session"]
    assert reader.get("/api/session").json()["user_name"] == "anna"
    assert reader.delete("/api/session").status_code == 204
    reader.http.cookies.set("interval_session", token, domain="testserver.local", path="/api")
    assert reader.get("/api/session").status_code == 401


def test_wrong_passwords_are_throttled_with_the_same_sentence(stranger: Browser) -> None:
    sentences = {stranger.sign_in("anna", "not the password").json()["detail"] for _ in range(FREE_FAILURES)}
    locked = stranger.sign_in("anna", PASSWORD)
    nobody = stranger.sign_in("nobody", PASSWORD)
    assert locked.status_code == nobody.status_code == 401
    assert sentences | {locked.json()["detail"], nobody.json()["detail"]} == {REFUSED}
    assert stranger.sign_in("otto").is_success, "another account is not touched"


def test_a_modality_needs_an_operator_account(stranger: Browser) -> None:
    def status(user: str, password: str) -> int:
        credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}"}
        return int(stranger.http.post("/api/dicomweb/studies", headers=headers).status_code)

    assert status("otto", "not the password") == 401
    assert status("anna", PASSWORD) == 403
    assert status("otto", PASSWORD) == 415, "let in, but it sent nothing"
    refused = stranger.http.post("/api/dicomweb/studies")
    assert refused.headers["www-authenticate"].startswith("Basic ")
