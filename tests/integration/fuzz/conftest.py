"""The gateway's API as it is served, over real archives, with an account of every role."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest
import uvicorn

from demo.installation import System
from gateway.access.accounts import create_account
from gateway.access.roles import Role
from gateway.main import create_app
from tests.integration.gateway.conftest import Gateway, close, make_gateway, skip_earlier_studies
from tests.unit.gateway.front import PASSWORD, cheap_passwords


@dataclass(frozen=True)
class Served:
    """Where the API is, and the gateway behind it."""

    url: str
    system: System
    gateway: Gateway

    @contextmanager
    def client(self, role: Role | None) -> Iterator[httpx.Client]:
        """A client that is signed in with a role; nobody for none."""
        with httpx.Client(base_url=self.url, timeout=60, trust_env=False) as http:
            if role is not None:
                account = {"user_name": role.value, "password": PASSWORD}
                session = http.post("/api/session", json=account).raise_for_status().json()
                http.headers["X-CSRF-Token"] = session["csrf_token"]
            yield http


@pytest.fixture(scope="module")
def served(archives: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    gateway = make_gateway(archives, f"sqlite:///{tmp_path_factory.mktemp('served') / 'gateway.db'}")
    skip_earlier_studies(gateway, archives)
    passwords = cheap_passwords()
    with gateway.services.sessions.begin() as session:
        for role in Role:
            create_account(session, role.value, role.value, role, PASSWORD, passwords=passwords)
    app = create_app(gateway.services.settings, services=gateway.services, passwords=passwords)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield Served(f"http://127.0.0.1:{port}", archives, gateway)
    server.should_exit = True
    thread.join()
    close(gateway)
