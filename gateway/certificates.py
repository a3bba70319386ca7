"""Certificates whose expiry is watched: files, and those that https and rediss addresses show."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

_TIMEOUT_S = 5.0
_USUAL_PORTS = {"https": 443, "rediss": 6379}

Named = tuple[str, x509.Certificate | None]
"""What a certificate is called, and the certificate; none that can't be read."""


def certificates_in(files: Iterable[Path]) -> Iterator[Named]:
    """Yield the first certificate of each PEM file."""
    for file in files:
        try:
            yield file.name, x509.load_pem_x509_certificate(file.read_bytes())
        except (OSError, ValueError):
            yield file.name, None


def certificates_at(addresses: Iterable[str]) -> Iterator[Named]:
    """Yield the certificate of each https or rediss address; others have none."""
    for address in addresses:
        parts = urlsplit(address)
        if parts.scheme not in _USUAL_PORTS or not parts.hostname:
            continue
        port = parts.port or _USUAL_PORTS[parts.scheme]
        name = f"{parts.hostname}:{port}"
        try:
            pem = ssl.get_server_certificate((parts.hostname, port), timeout=_TIMEOUT_S)
            yield name, x509.load_pem_x509_certificate(pem.encode())
        except (OSError, ValueError):
            yield name, None


def watched_files(names: str) -> list[Path]:
    """Return the files of a list with commas between."""
    return [Path(one.strip()) for one in names.split(",") if one.strip()]
