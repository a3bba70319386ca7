"""The archives' own web interfaces: closed to people, and to the other zone's account."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from demo.installation import Ports, System
from demo.processes import RunningSystem
from tests.integration.deploy.archive import PASSWORD, archive

pytestmark = pytest.mark.integration

_NAME_AND_PASSWORD = ("gateway", PASSWORD)


@pytest.mark.parametrize("zone", ["clinical", "research"])
def test_orthanc_explorer_is_switched_off(tmp_path: Path, zone: str) -> None:
    with archive(tmp_path, zone) as running:
        assert httpx.get(f"{running.http}/app/explorer.html").status_code == 401
        assert httpx.get(f"{running.http}/app/explorer.html", auth=_NAME_AND_PASSWORD).status_code == 404
        assert httpx.get(f"{running.http}/studies").status_code == 401
        assert httpx.get(f"{running.http}/studies", auth=_NAME_AND_PASSWORD).json() == []
        script = httpx.post(f"{running.http}/tools/execute-script", auth=_NAME_AND_PASSWORD, content="print(1)")
        assert script.status_code in (403, 404)


def test_the_gateway_has_other_credentials_at_each_archive(tmp_path: Path) -> None:
    system = System(tmp_path, Ports.free())
    secrets = {zone: system.secret(f"{zone}-gateway") for zone in ("clinical", "research")}
    with RunningSystem(system, only=("orthanc-clinical", "orthanc-research")):
        for zone, url in (("clinical", system.clinical_url), ("research", system.research_url)):
            for other, password in secrets.items():
                answer = httpx.get(f"{url}/system", auth=("gateway", password))
                assert answer.status_code == (200 if zone == other else 401)
        worker = ("worker", system.secret("research-worker"))
        assert httpx.get(f"{system.clinical_url}/system", auth=worker).status_code == 401
