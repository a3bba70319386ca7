"""DICOM over TLS (PS3.15 annex B): who Interval is, and whom it believes.

Both sides show a certificate. The cipher suites are those that OpenSSL offers for TLS 1.2 and 1.3 with forward secrecy,
a part of the profile of BCP 195 (PS3.15 B.9).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


@dataclass(frozen=True)
class TlsFiles:
    """Interval's identity and the authorities that it believes, as PEM files.

    Parameters
    ----------
    certificate : Path
        With the certificates between it and its authority.
    key : Path
    authorities : Path
        Whose certificates peers may show; no others, whatever the operating system trusts.
    check_names : bool
        Whether a called peer's certificate must name the host that was called.
    """

    certificate: Path
    key: Path
    authorities: Path
    check_names: bool = True

    def calling(self) -> ssl.SSLContext:
        """Return the context for associations that Interval opens.

        Raises
        ------
        ValueError
            If a file is missing or is not what it should be; the message names the file alone.
        """
        context = self._context(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = self.check_names
        return context

    def called(self) -> ssl.SSLContext:
        """Return the context for associations that are opened to Interval; raises as `calling`."""
        return self._context(ssl.PROTOCOL_TLS_SERVER)

    def _context(self, protocol: ssl._SSLMethod) -> ssl.SSLContext:
        context = ssl.SSLContext(protocol)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_CIPHERS)
        try:
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as unusable:
            names = f"{self.certificate.name} and {self.key.name}"
            raise ValueError(f"{names} are no certificate and its key") from unusable
        try:
            context.load_verify_locations(cafile=self.authorities)
        except (OSError, ssl.SSLError) as unusable:
            raise ValueError(f"{self.authorities.name} holds no certificates") from unusable
        context.verify_mode = ssl.CERT_REQUIRED
        return context
