"""Signing in with an identity provider, from the browser's first step to the session."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from joserfc.jwk import RSAKey
from sqlalchemy import select

from gateway.access.passwords import Passwords
from gateway.access.roles import Role
from gateway.api.schemas import SessionInfo, Signature
from gateway.audit.trail import AuditAction
from gateway.db.tables import AuditEntry, LoginSession, User
from gateway.flow import Services
from gateway.main import create_app
from gateway.settings import Settings
from tests.unit.gateway.access.provider import CLIENT_SECRET, Provider, running_provider
from tests.unit.gateway.api.conftest import Browser, TestClient
from tests.unit.gateway.front import Made

CALLBACK = "https://testserver/api/session/provider/callback"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def browser(
    provider: Provider, settings: Settings, services: Services, passwords: Passwords, tmp_path: Path
) -> Iterator[Browser]:
    secret = tmp_path / "client-secret"
    secret.write_text(CLIENT_SECRET, encoding="utf-8")
    configured = settings.model_copy(
        update={
            "oidc_issuer": provider.issuer,
            "oidc_name": "Clinic login",
            "oidc_client_secret_file": secret,
            "oidc_redirect_url": CALLBACK,
            "oidc_role_claim": "realm_access.roles",
            "oidc_roles": "neuro-readers=reader,it-pacs=operator",
        }
    )
    app: FastAPI = create_app(configured, services=services, passwords=passwords)
    with TestClient(app, base_url="https://testserver", raise_server_exceptions=False) as http:
        yield Browser(http)


def go(browser: Browser, begin: str = "/api/session/provider?return_to=/cases/7") -> httpx.Response:
    """Follow the redirects as a browser does, and return the last one."""
    begun = browser.http.get(begin, follow_redirects=False)
    assert begun.status_code == 303
    sent_back = httpx.get(begun.headers["location"], follow_redirects=False)
    answer: httpx.Response = browser.http.get(sent_back.headers["location"], follow_redirects=False)
    return answer


def sign_in(browser: Browser) -> SessionInfo:
    answer = go(browser)
    assert answer.headers["location"] == "/cases/7"
    info = SessionInfo.model_validate(browser.get("/api/session").json())
    browser.csrf_token = info.csrf_token
    return info


def refusal(browser: Browser) -> str:
    answer = go(browser)
    assert answer.status_code == 303
    assert browser.get("/api/session").status_code == 401
    address = httpx.URL(answer.headers["location"])
    assert address.path == "/"
    return str(address.params["refused"])


def test_whoever_the_provider_vouches_for_gets_the_role_of_the_claim(browser: Browser, services: Services) -> None:
    assert browser.get("/api/session/ways").json() == {"provider": "Clinic login"}
    info = sign_in(browser)
    assert (info.user_name, info.display_name, info.role) == ("clara", "Dr. Clara Fall", Role.READER)
    assert info.external
    with services.sessions() as session:
        assert session.scalars(select(AuditEntry.action)).all() == [AuditAction.SIGNED_IN.value]


def test_names_and_roles_follow_the_provider_at_each_sign_in(
    browser: Browser, provider: Provider, services: Services
) -> None:
    sign_in(browser)
    provider.claims |= {"name": "Dr. Clara Neu", "preferred_username": "cneu", "realm_access": {"roles": ["it-pacs"]}}
    info = sign_in(browser)
    assert (info.user_name, info.display_name, info.role) == ("clara", "Dr. Clara Neu", Role.OPERATOR)
    with services.sessions() as session:
        assert len(session.scalars(select(User)).all()) == 1


def test_who_has_no_role_stays_outside(browser: Browser, provider: Provider) -> None:
    provider.claims["realm_access"] = {"roles": ["staff"]}
    assert "no role" in refusal(browser)


def test_a_local_account_is_not_taken_over_by_its_name(browser: Browser, app: FastAPI, provider: Provider) -> None:
    provider.claims["preferred_username"] = "anna"
    assert "already has this user name" in refusal(browser)


@pytest.mark.parametrize(
    "overrides",
    [
        {"iss": "https://elsewhere"},
        {"aud": "another client"},
        {"nonce": "of another sign-in"},
        {"exp": 1_000_000_000},
    ],
)
def test_a_token_for_something_else_opens_nothing(
    browser: Browser, provider: Provider, overrides: dict[str, object]
) -> None:
    provider.overrides = overrides
    assert "not meant for this sign-in" in refusal(browser)


def test_a_token_that_somebody_else_signed_opens_nothing(browser: Browser, provider: Provider) -> None:
    provider.signing_key = RSAKey.generate_key(2048, {"kid": "1"})
    assert "not signed by it" in refusal(browser)


def test_a_provider_may_change_its_keys(browser: Browser, provider: Provider) -> None:
    sign_in(browser)
    provider.key = RSAKey.generate_key(2048, {"kid": "1"})
    assert sign_in(browser).user_name == "clara"


def test_a_sign_in_that_another_browser_began_is_refused(browser: Browser, provider: Provider) -> None:
    begun = browser.http.get("/api/session/provider", follow_redirects=False)
    sent_back = httpx.get(begun.headers["location"], follow_redirects=False)
    browser.http.cookies.clear()
    answer = browser.http.get(sent_back.headers["location"], follow_redirects=False)
    assert "not+begun+in+this+browser" in answer.headers["location"]
    assert browser.get("/api/session").status_code == 401


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "/api/session"])
def test_nobody_is_sent_to_another_site_afterwards(browser: Browser, target: str) -> None:
    answer = go(browser, f"/api/session/provider?return_to={target}")
    assert answer.headers["location"] == "/"


def test_a_provider_that_is_away_is_said_to_be(browser: Browser, provider: Provider) -> None:
    provider.issuer = "http://127.0.0.1:9"
    answer = browser.http.get("/api/session/provider", follow_redirects=False)
    assert answer.status_code == 503
    assert "identity provider" in answer.json()["detail"]


def test_signing_asks_the_provider_again(browser: Browser, provider: Provider, ready: Made, services: Services) -> None:
    info = sign_in(browser)
    assert info.confirmed_until is not None, "who has just signed in need not do it twice"
    long_ago(services)
    signature = Signature(edit=0, password="")
    refused = browser.post(f"/api/cases/{ready.case_id}/signature", signature)
    assert (refused.status_code, "identity provider" in refused.json()["detail"]) == (403, True)
    go(browser, "/api/session/provider?confirm=true&return_to=/cases/7")
    assert provider.asked[-1]["prompt"] == "login"
    allowed = browser.post(f"/api/cases/{ready.case_id}/signature", signature)
    assert allowed.status_code == 409, "the review itself is not complete yet"


def test_a_provider_that_did_not_ask_again_confirms_nothing(
    browser: Browser, provider: Provider, services: Services
) -> None:
    sign_in(browser)
    long_ago(services)
    provider.overrides = {"auth_time": 1_000_000_000}
    answer = go(browser, "/api/session/provider?confirm=true")
    assert "refused=" in answer.headers["location"]


def test_another_person_at_the_provider_confirms_nothing(
    browser: Browser, provider: Provider, services: Services
) -> None:
    sign_in(browser)
    long_ago(services)
    provider.claims["sub"] = "another"
    answer = go(browser, "/api/session/provider?confirm=true")
    assert "Somebody+else+answered" in answer.headers["location"]


def long_ago(services: Services) -> None:
    """Let the last proof of who it is be long ago."""
    with services.sessions.begin() as session:
        for opened in session.scalars(select(LoginSession)):
            opened.confirmed_at = datetime(2020, 1, 1, tzinfo=UTC)
