"""The whole system, started once, as `make up` starts it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.installation import REPOSITORY, Ports, System
from demo.processes import RunningSystem
from demo.story import add_account, add_demo_reader
from tests.e2e.hospital import OPERATOR, Hospital

TUMOUR_ROUTES = REPOSITORY / "gateway" / "routes" / "tumours.yaml"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything below this folder needs the whole system."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="package")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """Every process of the system, on free ports."""
    system = System(tmp_path_factory.mktemp("system"), Ports.free(), quiet_time_s=2.0, routes=str(TUMOUR_ROUTES))
    with RunningSystem(system):
        add_demo_reader(system)
        add_account(system, OPERATOR, "Test Operator", "operator")
        yield Hospital(system)
