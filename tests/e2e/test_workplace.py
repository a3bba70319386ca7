"""The reader's and the auditor's pages in a real browser, on a gateway with one finished comparison."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from demo.installation import REPOSITORY
from processing.domain.imaging import Volume
from processing.domain.result import LongitudinalResult
from processing.domain.study import SeriesRole
from tests.e2e.reading_room import address_of, bound_socket, reading_room, settings_in
from tests.unit.gateway.access.provider import CLIENT_SECRET, running_provider
from tests.unit.gateway.front import PASSWORD
from tests.unit.gateway.front_result import Pair, compare, small_pair


def pair_with_a_missed_lesion() -> Pair:
    """Two visits between which a spot grew from 96 to 864 mm3, which the comparison did not find."""
    pair = small_pair()
    flair = pair.current[SeriesRole.FLAIR]
    now = flair.array.copy()
    now[2:4, 30:36, 14:20] += 900

    def found(current: Volume) -> LongitudinalResult:
        result = pair.found(current)
        before = result.registered_prior.array.copy()
        before[2:4, 32:34, 16:18] += 900
        return replace(result, registered_prior=result.registered_prior.with_array(before))

    return replace(pair, current={SeriesRole.FLAIR: flair.with_array(now)}, found=found)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gateway with the built viewer, an identity provider, and one case that is ready for review."""
    folder = tmp_path_factory.mktemp("gateway")
    (folder / "client-secret").write_text(CLIENT_SECRET, encoding="utf-8")
    listening = bound_socket()
    with running_provider() as provider:
        settings = settings_in(
            folder,
            oidc_issuer=provider.issuer,
            oidc_name="Clinic login",
            oidc_client_secret_file=folder / "client-secret",
            oidc_redirect_url=f"{address_of(listening)}/api/session/provider/callback",
            oidc_role_claim="realm_access.roles",
            oidc_roles="neuro-readers=reader",
        )
        with reading_room(settings, compare(folder, pair_with_a_missed_lesion()), listening=listening) as room:
            yield room.url


@pytest.mark.parametrize("file", ["pages", "workplace"])
def test_the_workplace_in_a_browser(file: str, address: str, tmp_path: Path) -> None:
    npx = shutil.which("npx")
    assert npx is not None
    pictures = os.environ.get("SCREENSHOT_DIR", str(tmp_path))
    run = subprocess.run(
        (npx, "vitest", "run", "--config", "vitest.e2e.config.ts", f"e2e/{file}.e2e.ts"),
        cwd=REPOSITORY / "viewer",
        env=dict(os.environ) | {"WORKPLACE_URL": address, "WORKPLACE_PASSWORD": PASSWORD, "SCREENSHOT_DIR": pictures},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
