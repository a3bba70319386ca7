"""The reader's and the auditor's pages in a real browser, on a gateway with one finished comparison."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn

from demo.installation import REPOSITORY
from gateway.access.accounts import create_account
from gateway.access.roles import Role
from gateway.db.engine import make_engine, session_factory, upgrade
from gateway.db.vault_rows import ReadOnlyVaultRows
from gateway.flow import build_services
from gateway.main import create_app
from gateway.pseudonymise.vault import Vault
from gateway.settings import Settings
from tests.unit.gateway.front import PASSWORD, cheap_passwords, make_case
from tests.unit.gateway.front_result import SECRET, compare

ACCOUNTS = {
    "anna": ("Dr. Anna Muster", Role.READER),
    "berta": ("Dr. Berta Beispiel", Role.READER),
    "otto": ("Otto Betrieb", Role.OPERATOR),
    "vera": ("Vera Prüf", Role.AUDITOR),
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a gateway with the built viewer and one case that is ready for review."""
    folder = tmp_path_factory.mktemp("gateway")
    settings = _settings(folder)
    upgrade(settings.database)
    compared = compare(folder)
    built = build_services(settings)
    engine = make_engine(settings.database)
    vault = Vault(ReadOnlyVaultRows(session_factory(engine, read_only=True)), built.keys)
    services = replace(built, engine=engine, sessions=session_factory(engine), vault=vault, research=compared.archive)
    passwords = cheap_passwords()
    with services.sessions.begin() as session:
        for name, (display_name, role) in ACCOUNTS.items():
            create_account(session, name, display_name, role, PASSWORD, passwords=passwords)
        services.vault_in(session).put(compared.prior)
        services.vault_in(session).put(compared.current)
    prior = make_case(services.sessions, study_uid=compared.prior.study_instance_uid, events=())
    make_case(
        services.sessions,
        study_uid=compared.current.study_instance_uid,
        prior_case_id=prior.case_id,
        order=compared.order,
        outcome=compared.outcome,
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = create_app(settings, services=services, passwords=passwords)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None))
    serving = threading.Thread(target=server.run, daemon=True)
    serving.start()
    deadline = time.monotonic() + 60
    while not server.started:
        assert time.monotonic() < deadline, "the gateway did not start"
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    serving.join()
    engine.dispose()


def _settings(folder: Path) -> Settings:
    for name in ("clinical", "research"):
        (folder / name).write_text(f"the {name} archive opens\n", encoding="utf-8")
    (folder / "key").write_text(SECRET, encoding="utf-8")
    return Settings(
        database_url=f"sqlite:///{folder / 'gateway.db'}",
        broker_url="redis://127.0.0.1:9/0",
        clinical_url="http://127.0.0.1:9",
        clinical_password_file=folder / "clinical",
        research_url="http://127.0.0.1:9",
        research_password_file=folder / "research",
        pseudonym_key_file=folder / "key",
        target_port=9,
        secure_cookies=False,
        viewer_dir=REPOSITORY / "viewer" / "dist",
    )


def test_the_pages_of_the_workplace(address: str, tmp_path: Path) -> None:
    npx = shutil.which("npx")
    assert npx is not None
    pictures = os.environ.get("SCREENSHOT_DIR", str(tmp_path))
    run = subprocess.run(
        (npx, "vitest", "run", "--config", "vitest.e2e.config.ts", "e2e/workplace.e2e.ts"),
        cwd=REPOSITORY / "viewer",
        env=dict(os.environ) | {"WORKPLACE_URL": address, "WORKPLACE_PASSWORD": PASSWORD, "SCREENSHOT_DIR": pictures},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
