"""Real servers for the integration tests, started once on free loopback ports."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.installation import Ports, System
from demo.processes import RunningSystem
from tests.integration.postgres import running_postgres

ARCHIVES_AND_BROKER = ("redis", "orthanc-clinical", "orthanc-research", "orthanc-demo-pacs")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything below this folder starts real servers."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="package")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Both Orthancs, the demo PACS and Redis; Interval's own processes are left to the test."""
    system = System(tmp_path_factory.mktemp("archives"), Ports.free(), quiet_time_s=1.0)
    only = ARCHIVES_AND_BROKER
    with RunningSystem(system, only=only):
        yield system


@pytest.fixture(scope="package")
def postgres_url() -> Iterator[str]:
    """An empty PostgreSQL database. Its folder lies where another user may enter."""
    with tempfile.TemporaryDirectory(prefix="interval-postgres-") as folder:
        Path(folder).chmod(0o755)
        with running_postgres(Path(folder) / "server") as url:
            yield url
