from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.flow import Services, build_services
from gateway.settings import Settings
from tests.unit.gateway.front_database import empty_database, passwords, sessions, url
from tests.unit.gateway.front_result import SECRET

__all__ = ["empty_database", "passwords", "sessions", "url"]

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def settings(tmp_path: Path, url: str) -> Settings:
    """Nothing but the database is there: every address is a closed port."""
    secrets = {"clinical": "the clinical archive opens", "research": "the research archive opens", "key": SECRET}
    for name, secret in secrets.items():
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(secret, encoding="utf-8")
    return Settings(
        database_url=url,
        broker_url="redis://127.0.0.1:9/0",
        clinical_url=NOWHERE,
        clinical_password_file=tmp_path / "clinical",
        research_url=NOWHERE,
        research_password_file=tmp_path / "research",
        pseudonym_key_file=tmp_path / "key",
        target_port=9,
    )


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    built = build_services(settings)
    yield built
    built.engine.dispose()
