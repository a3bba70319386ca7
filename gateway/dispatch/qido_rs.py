"""Asking a DICOMweb server which objects it holds (QIDO-RS, PS3.18 section 10.6)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence

import httpx
from pydicom.dataset import Dataset

from processing.authorities import believed
from processing.domain.errors import InputRejected, Transient

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 60.0
_SOP_INSTANCE_UID = "00080018"


class QidoRs:
    """The search part of a DICOMweb server.

    Parameters
    ----------
    base_url : str
        Up to and without ``/studies``.
    user, password : str
        For HTTP basic authentication; both empty for none.
    """

    def __init__(self, base_url: str, user: str, password: str) -> None:
        self._base_url = base_url
        self._auth = (user, password) if user else None

    def held(self, datasets: Sequence[Dataset]) -> frozenset[str]:
        """Return the SOP instance UIDs of those objects that the server holds.

        Raises
        ------
        Transient
            If the server can't be reached or fails.
        InputRejected
            If it refuses the question.
        """
        wanted: dict[str, set[str]] = {}
        for one in datasets:
            series = f"studies/{one.StudyInstanceUID}/series/{one.SeriesInstanceUID}/instances"
            wanted.setdefault(series, set()).add(str(one.SOPInstanceUID))
        held: set[str] = set()
        with self._client(READ_TIMEOUT_S) as client:
            for path, uids in wanted.items():
                held |= uids & _named(client, path, uids)
        return frozenset(held)

    def echo(self, timeout_s: float = READ_TIMEOUT_S) -> None:
        """Search for at most one instance; raises as `held`."""
        with self._client(timeout_s) as client:
            _search(client, "studies", {"limit": "1"})

    @contextlib.contextmanager
    def _client(self, timeout_s: float) -> Iterator[httpx.Client]:
        timeout = httpx.Timeout(timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s))
        headers = {"Accept": "application/dicom+json"}
        with httpx.Client(
            base_url=f"{self._base_url}/",
            auth=self._auth,
            timeout=timeout,
            headers=headers,
            verify=believed(),
            trust_env=False,
        ) as client:
            yield client


def _named(client: httpx.Client, path: str, wanted: set[str]) -> set[str]:
    """Return what the answers name, until all that is wanted is among it or nothing new comes.

    A server may name so many in one answer and no more (PS3.18, 8.3.4.4); one that knows no offset repeats itself.
    """
    named: set[str] = set()
    while not wanted <= named:
        page = set(_search(client, path, {"offset": str(len(named))} if named else {}))
        if page <= named:
            break
        named |= page
    return named


def _search(client: httpx.Client, path: str, params: Mapping[str, str]) -> list[str]:
    """Return the SOP instance UIDs in the answer."""
    try:
        answer = client.get(path, params=dict(params))
    except httpx.TransportError as error:
        raise Transient("The DICOMweb server of the PACS can't be reached.") from error
    if answer.status_code in (httpx.codes.NO_CONTENT, httpx.codes.NOT_FOUND):
        return []
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise InputRejected("The DICOMweb server of the PACS refuses Interval's credentials.")
    if not answer.is_success:
        raise Transient(f"The DICOMweb server of the PACS answered {answer.status_code} to a query.")
    try:
        items = answer.json()
        return [str(item.get(_SOP_INSTANCE_UID, {}).get("Value", [""])[0]) for item in items]
    except (ValueError, AttributeError, IndexError, TypeError) as error:
        raise Transient("The DICOMweb server of the PACS answered a query with something else.") from error
