"""Services whose archives nobody asks: the database and the clock are real, the addresses lead nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy.orm import Session, sessionmaker

from gateway import flow
from gateway.db.vault_rows import ReadOnlyVaultRows
from gateway.flow import Services
from gateway.pseudonymise.vault import Vault
from gateway.settings import Settings
from tests.unit.gateway.rows import NOW


@pytest.fixture(scope="session")
def services_of_nowhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("services")
    secret = folder / "secret"
    secret.write_text("t7Qm-2fZ9x_LwP4vRk8sYb1NdC6hJg3E", encoding="utf-8")
    settings = Settings.model_validate(
        {
            "database_url": f"sqlite:///{folder / 'unused.db'}",
            "clinical_url": "http://127.0.0.1:9",
            "research_url": "http://127.0.0.1:9",
            "clinical_password_file": secret,
            "research_password_file": secret,
            "pseudonym_key_file": secret,
        }
    )
    built = flow.build_services(settings)
    yield built
    built.clinical.close()
    built.engine.dispose()


@pytest.fixture
def services(services_of_nowhere: Services, sessions: sessionmaker[Session]) -> Services:
    """The same services on this test's own database, at a time that stands still."""
    return replace(
        services_of_nowhere,
        sessions=sessions,
        vault=Vault(ReadOnlyVaultRows(sessions), services_of_nowhere.keys),
        clock=lambda: NOW,
    )
