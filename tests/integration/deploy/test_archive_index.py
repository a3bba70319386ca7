"""An archive whose index is in PostgreSQL, as a large site has it."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine, make_url, text

from tests.integration.deploy.archive import PASSWORD, archive
from tests.unit.gateway.brain_studies import Person, encoded, study

pytestmark = pytest.mark.integration


def test_the_index_is_in_postgresql_and_outlives_a_restart(postgres_url: str, tmp_path: Path) -> None:
    server = make_url(postgres_url)
    administration = create_engine(server, isolation_level="AUTOCOMMIT")
    with administration.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS interval"))
        connection.execute(text("CREATE DATABASE interval"))
    administration.dispose()
    (tmp_path / "database-password").write_text(PASSWORD, encoding="utf-8")
    told = {
        "ORTHANC_DATABASE_HOST": str(server.host),
        "ORTHANC_DATABASE_PORT": str(server.port),
        "ORTHANC_DATABASE_NAME": "interval",
        "ORTHANC_DATABASE_PASSWORD_FILE": str(tmp_path / "database-password"),
    }
    account = ("gateway", PASSWORD)
    _, images = study(Person(), "20230405", "FLAIR")
    with archive(tmp_path / "archive", "research", further=told) as running:
        content = encoded(next(iter(images)))
        stored = httpx.post(f"{running.http}/instances", content=content, auth=account, timeout=60)
        assert stored.status_code == 200
    with archive(tmp_path / "archive", "research", further=told) as running:
        assert len(httpx.get(f"{running.http}/studies", auth=account, timeout=60).json()) == 1
    assert not list((tmp_path / "archive" / "storage").glob("index*"))
