"""How images get into the clinical archive."""

from __future__ import annotations

from collections.abc import Iterable

import httpx
from pydicom.dataset import Dataset

from demo.installation import System
from tests.unit.gateway.brain_studies import encoded


def send(system: System, images: Iterable[Dataset]) -> None:
    """Put images into the clinical archive, as a modality would."""
    with httpx.Client(
        base_url=system.clinical_url, auth=("gateway", system.secret("clinical-gateway")), trust_env=False
    ) as client:
        for image in images:
            client.post("/instances", content=encoded(image)).raise_for_status()
