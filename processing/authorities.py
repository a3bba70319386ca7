"""Whose certificates are believed where an https address is called."""

from __future__ import annotations

import ssl
from functools import cache

import httpx


@cache
def believed() -> ssl.SSLContext:
    """Return what verifies a server's certificate and that it names the host; read once per process, for all threads.

    The authorities are those in the PEM file that `SSL_CERT_FILE` names, and no others; without it those that the
    public web believes. OpenSSL's own variable, because Redis's client and mail look at it too. Clients here are given
    this context since they ask the environment for nothing else (`trust_env`): no proxy may see images.

    Raises
    ------
    ValueError
        If that file is missing or holds no certificate.
    """
    try:
        return httpx.create_ssl_context()
    except OSError as unread:
        raise ValueError("the file that SSL_CERT_FILE names is missing or holds no certificate") from unread


def not_believed(failure: BaseException | None) -> bool:
    """Whether a connection failed because the server's certificate is not believed, or does not name the host."""
    while failure is not None:
        if isinstance(failure, ssl.SSLCertVerificationError):
            return True
        failure = failure.__cause__ or failure.__context__
    return False
