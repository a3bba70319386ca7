"""How images get into the clinical archive."""

from __future__ import annotations

from collections.abc import Iterable

import httpx
from pydicom.dataset import Dataset

from demo.installation import System
from tests.unit.gateway.brain_studies import encoded


def send(system: System, images: Iterable[Dataset]) -> None:
    """Put images into the clinical archive, as a modality would."""
    with _client(system) as client:
        for image in images:
            client.post("/instances", content=encoded(image)).raise_for_status()


def delete_study(system: System, study_uid: str) -> None:
    """Remove a study from the clinical archive."""
    with _client(system) as client:
        for found in client.post("/tools/lookup", content=study_uid).json():
            client.delete(f"/studies/{found['ID']}").raise_for_status()


def empty_clinical_archive(system: System) -> None:
    """Remove every study from the clinical archive."""
    with _client(system) as client:
        for study in client.get("/studies").json():
            client.delete(f"/studies/{study}").raise_for_status()


def _client(system: System) -> httpx.Client:
    account = ("gateway", system.secret("clinical-gateway"))
    # The archive closes a connection that was idle for a moment, which may be the one in which the next image is sent.
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(base_url=system.clinical_url, auth=account, limits=limits, trust_env=False)
