"""A gateway with finished comparisons and the built viewer, served from this process for tests in a browser."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import uvicorn

from demo.installation import REPOSITORY
from gateway.access.accounts import create_account
from gateway.access.roles import Role
from gateway.db.engine import make_engine, session_factory, upgrade
from gateway.db.vault_rows import ReadOnlyVaultRows
from gateway.flow import Services, build_services
from gateway.main import create_app
from gateway.pseudonymise.vault import Vault
from gateway.settings import Settings
from processing.dicom.archive import DicomArchive
from tests.unit.gateway.front import PASSWORD, cheap_passwords, make_case
from tests.unit.gateway.front_result import SECRET, Compared

ACCOUNTS = {
    "anna": ("Dr. Anna Muster", Role.READER),
    "berta": ("Dr. Berta Beispiel", Role.READER),
    "otto": ("Otto Betrieb", Role.OPERATOR),
    "tina": ("Tina Technik", Role.TECHNOLOGIST),
    "vera": ("Vera Prüf", Role.AUDITOR),
}


@dataclass(frozen=True)
class ReadingRoom:
    """Where it is served, and what it works with."""

    url: str
    services: Services


def bound_socket() -> socket.socket:
    """Return a socket on a free port of loopback."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound


def address_of(listening: socket.socket) -> str:
    """Return the address that a browser calls."""
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


def settings_in(folder: Path, **options: object) -> Settings:
    """Settings of a gateway that reaches no archive, broker or target: nothing of it runs but its pages."""
    for name in ("clinical", "research"):
        (folder / name).write_text(f"the {name} archive opens\n", encoding="utf-8")
    (folder / "key").write_text(SECRET, encoding="utf-8")
    return Settings.model_validate(
        {
            "database_url": f"sqlite:///{folder / 'gateway.db'}",
            "broker_url": "redis://127.0.0.1:9/0",
            "clinical_url": "http://127.0.0.1:9",
            "clinical_password_file": folder / "clinical",
            "research_url": "http://127.0.0.1:9",
            "research_password_file": folder / "research",
            "pseudonym_key_file": folder / "key",
            "target_port": 9,
            "secure_cookies": False,
            "viewer_dir": REPOSITORY / "viewer" / "dist",
        }
        | options
    )


@contextmanager
def reading_room(
    settings: Settings,
    compared: Compared,
    *,
    archive: DicomArchive | None = None,
    cases: int = 1,
    listening: socket.socket | None = None,
) -> Iterator[ReadingRoom]:
    """Serve a gateway until the context is left.

    Parameters
    ----------
    settings : Settings
    compared : Compared
        Every case is this comparison.
    archive : DicomArchive, optional
        Holds its objects; the comparison's own by default.
    cases : int
        How many cases are ready for review, each as a result of its own.
    listening : socket, optional
        Bound to where it is served, for settings that name that address; a free port by default.
    """
    upgrade(settings.database)
    built = build_services(settings)
    engine = make_engine(settings.database)
    vault = Vault(ReadOnlyVaultRows(session_factory(engine, read_only=True)), built.keys)
    research = archive or compared.archive
    services = replace(built, engine=engine, sessions=session_factory(engine), vault=vault, research=research)
    passwords = cheap_passwords()
    with services.sessions.begin() as session:
        for name, (display_name, role) in ACCOUNTS.items():
            create_account(session, name, display_name, role, PASSWORD, passwords=passwords)
        services.vault_in(session).put(compared.prior)
    _make_cases(services, compared, cases)
    with listening or bound_socket() as listening:
        app = create_app(settings, services=services, passwords=passwords)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        serving = threading.Thread(target=server.run, args=([listening],), daemon=True)
        serving.start()
        deadline = time.monotonic() + 60
        while not server.started:
            assert time.monotonic() < deadline, "the gateway did not start"
            time.sleep(0.05)
        yield ReadingRoom(address_of(listening), services)
        server.should_exit = True
        serving.join()
    engine.dispose()


def _make_cases(services: Services, compared: Compared, count: int) -> None:
    prior = make_case(services.sessions, study_uid=compared.prior.study_instance_uid, events=())
    for number in range(count):
        record, job_id = compared.current, compared.order.job_id
        if number:
            # Another study and job in the database; the images that they name are the same.
            record = record.model_copy(update={"study_instance_uid": f"{record.study_instance_uid}.{number}"})
            job_id = str(uuid4())
        with services.sessions.begin() as session:
            services.vault_in(session).put(record)
        make_case(
            services.sessions,
            study_uid=record.study_instance_uid,
            prior_case_id=prior.case_id,
            order=compared.order.model_copy(update={"job_id": job_id}),
            outcome=compared.outcome.model_copy(update={"job_id": job_id}),
        )
