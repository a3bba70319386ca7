"""One request to an Orthanc in its own language, and what its refusals mean to a step."""

from __future__ import annotations

import httpx

from processing.domain.errors import Defect, Transient


def request(client: httpx.Client, archive: str, method: str, path: str, content: str | None = None) -> httpx.Response:
    """Ask an archive; an answer of 404 is one.

    Parameters
    ----------
    client : httpx.Client
    archive : str
        What a person calls it: clinical or research.
    method, path : str
    content : str, optional

    Raises
    ------
    Transient
        If the archive can't be reached, or answers with another error.
    Defect
        If it refuses the gateway's account.
    """
    try:
        response = client.request(method, path, content=content)
    except httpx.TransportError as error:
        raise Transient(f"The {archive} archive can't be reached.") from error
    if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise Defect(f"The {archive} archive refuses the gateway's account.")
    if not response.is_success and response.status_code != httpx.codes.NOT_FOUND:
        raise Transient(f"The {archive} archive answered {response.status_code}.")
    return response
