"""One Orthanc as it is installed, with what a site tells it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from demo.installation import REPOSITORY, Ports, System, listens
from demo.processes import RunningSystem, Service
from tests.certificates import Identity

PASSWORD = "correct-horse-battery"


@dataclass(frozen=True)
class Archive:
    """Where a running Orthanc listens."""

    http: str
    dicom_port: int


@contextmanager
def archive(
    folder: Path,
    zone: str,
    *,
    modalities: Mapping[str, object] | None = None,
    identity: Identity | None = None,
    authorities: Path | None = None,
    port: int = 0,
    further: Mapping[str, str] | None = None,
) -> Iterator[Archive]:
    """Start an Orthanc by the script that containers start it by."""
    ports = Ports.free()
    dicom_port = port or ports.clinical_dicom
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "password").write_text(PASSWORD, encoding="utf-8")
    environment = dict(os.environ) | {
        "ORTHANC_STORAGE": str(folder / "storage"),
        "ORTHANC_HTTP_PORT": str(ports.clinical_http),
        "ORTHANC_DICOM_PORT": str(dicom_port),
        "ORTHANC_USERS": f"gateway={folder / 'password'}",
        "ORTHANC_MODALITIES": json.dumps(modalities or {}),
        **(further or {}),
    }
    if identity is not None:
        environment |= {
            "ORTHANC_TLS_CERTIFICATE": str(identity.certificate),
            "ORTHANC_TLS_KEY": str(identity.key),
            "ORTHANC_TLS_AUTHORITIES": str(authorities),
        }
    http = f"http://127.0.0.1:{ports.clinical_http}"
    service = Service(
        zone,
        (str(REPOSITORY / "orthanc-config" / "start.sh"), zone),
        environment,
        lambda: _answers(http) and (zone == "research" or listens(dicom_port)),
    )
    with RunningSystem(System(folder, ports), only=(), before=(service,)):
        yield Archive(http, dicom_port)


def _answers(http: str) -> bool:
    try:
        return httpx.get(f"{http}/system", timeout=5).status_code == 401
    except httpx.TransportError:
        return False
