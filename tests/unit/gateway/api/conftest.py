from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx import Response
from pydantic import BaseModel

from gateway.access.accounts import create_account
from gateway.access.passwords import Passwords
from gateway.access.roles import Role
from gateway.api.schemas import Credentials, SessionInfo
from gateway.db.engine import make_engine, session_factory
from gateway.db.vault_rows import ReadOnlyVaultRows
from gateway.flow import Services, build_services
from gateway.main import create_app
from gateway.pseudonymise.vault import Vault
from gateway.settings import Settings
from tests.unit.gateway.front import PASSWORD, Made, make_case
from tests.unit.gateway.front_database import empty_database, passwords, sessions, url
from tests.unit.gateway.front_result import SECRET, Compared, compared

with warnings.catch_warnings():
    # Starlette asks for a newer HTTP client than the one that the whole of Interval uses.
    warnings.simplefilter("ignore", UserWarning)
    from starlette.testclient import TestClient

__all__ = ["TestClient", "compared", "empty_database", "passwords", "sessions", "url"]

USERS = {
    "anna": ("Dr. Anna Muster", Role.READER),
    "berta": ("Dr. Berta Beispiel", Role.READER),
    "otto": ("Otto Betrieb", Role.OPERATOR),
    "tina": ("Tina Technik", Role.TECHNOLOGIST),
    "vera": ("Vera Prüf", Role.AUDITOR),
}


@pytest.fixture
def settings(tmp_path: Path, url: str) -> Settings:
    """Nothing but the database is there: every address is a closed port."""
    (tmp_path / "viewer" / "assets").mkdir(parents=True)
    (tmp_path / "viewer" / "index.html").write_text("<!doctype html><title>Interval</title>", encoding="utf-8")
    (tmp_path / "viewer" / "assets" / "index-1a2b.js").write_text("export {}", encoding="utf-8")
    return _settings(tmp_path, url)


def _settings(tmp_path: Path, url: str) -> Settings:
    for name in ("clinical", "research"):
        (tmp_path / name).write_text(f"the {name} archive opens\n", encoding="utf-8")
    (tmp_path / "key").write_text(SECRET, encoding="utf-8")
    return Settings(
        database_url=url,
        broker_url="redis://127.0.0.1:9/0",
        clinical_url="http://127.0.0.1:9",
        clinical_password_file=tmp_path / "clinical",
        research_url="http://127.0.0.1:9",
        research_password_file=tmp_path / "research",
        pseudonym_key_file=tmp_path / "key",
        target_port=9,
        viewer_dir=tmp_path / "viewer",
    )


@pytest.fixture(scope="session")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """What does not change from test to test: building an HTTP client reads a hundred certificates."""
    folder = tmp_path_factory.mktemp("clients")
    built = build_services(_settings(folder, f"sqlite:///{folder / 'unused.db'}"))
    yield built
    built.engine.dispose()


@pytest.fixture
def services(settings: Settings, clients: Services, compared: Compared) -> Iterator[Services]:
    engine = make_engine(settings.database_url)
    vault = Vault(ReadOnlyVaultRows(session_factory(engine, read_only=True)), clients.keys)
    yield dataclasses.replace(
        clients,
        settings=settings,
        engine=engine,
        sessions=session_factory(engine),
        vault=vault,
        research=compared.archive,
    )
    engine.dispose()


@pytest.fixture
def app(settings: Settings, services: Services, passwords: Passwords) -> FastAPI:
    with services.sessions.begin() as session:
        for name, (display_name, role) in USERS.items():
            create_account(session, name, display_name, role, PASSWORD, passwords=passwords)
    return create_app(settings, services=services, passwords=passwords)


@dataclass
class Browser:
    """A browser with its own cookies; it sends the CSRF token once it has one."""

    http: TestClient
    csrf_token: str = ""

    def sign_in(self, user_name: str, password: str = PASSWORD) -> Response:
        answer = self.post("/api/session", Credentials(user_name=user_name, password=password))
        if answer.is_success:
            self.csrf_token = SessionInfo.model_validate(answer.json()).csrf_token
        return answer

    def get(self, path: str) -> Response:
        answer: Response = self.http.get(path)
        return answer

    def post(self, path: str, body: BaseModel | None = None) -> Response:
        return self._send("POST", path, body)

    def put(self, path: str, body: BaseModel) -> Response:
        return self._send("PUT", path, body)

    def delete(self, path: str) -> Response:
        return self._send("DELETE", path, None)

    def _send(self, method: str, path: str, body: BaseModel | None) -> Response:
        headers = {"X-CSRF-Token": self.csrf_token} if self.csrf_token else {}
        content = body.model_dump_json() if body is not None else None
        if content is not None:
            headers["Content-Type"] = "application/json"
        answer: Response = self.http.request(method, path, content=content, headers=headers)
        return answer


@pytest.fixture
def stranger(app: FastAPI) -> Iterator[Browser]:
    """Nobody has signed in here. The address is https, or the cookie would not come back."""
    with TestClient(app, base_url="https://testserver", raise_server_exceptions=False) as http:
        yield Browser(http)


@pytest.fixture
def reader(stranger: Browser) -> Browser:
    assert stranger.sign_in("anna").is_success
    return stranger


@pytest.fixture
def operator(stranger: Browser) -> Browser:
    assert stranger.sign_in("otto").is_success
    return stranger


@pytest.fixture
def ready(services: Services, compared: Compared) -> Made:
    """The demo patient's comparison, ready for review, with both identities in the vault."""
    with services.sessions.begin() as session:
        services.vault_in(session).put(compared.prior)
        services.vault_in(session).put(compared.current)
    prior = make_case(services.sessions, study_uid=compared.prior.study_instance_uid, events=())
    return make_case(
        services.sessions,
        study_uid=compared.current.study_instance_uid,
        prior_case_id=prior.case_id,
        order=compared.order,
        outcome=compared.outcome,
    )
