"""An archive of DICOM instances, as the rest of Interval sees it.

`DicomWebArchive` speaks DICOMweb (PS3.18): QIDO-RS, WADO-RS and STOW-RS. It uses httpx and not dicomweb-client,
which parses and writes every instance anew: instances pass through here as the bytes that they are.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NoReturn, Protocol, Self

import httpx
from pydicom.dataset import Dataset

from processing.authorities import believed
from processing.dicom.multipart import boundary_of, read_parts, related_body
from processing.domain.errors import Defect, InputRejected, Transient

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 60.0
"""Longest silence of the archive, not the longest answer."""

KEPT_ALIVE = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=0.7)
"""Orthanc closes a connection that was idle for a second; a request sent in that moment would fail."""

BATCH_INSTANCES = 200
BATCH_BYTES = 64 * 1024 * 1024
"""Largest STOW-RS request: an archive keeps a whole request in memory, several times over."""

_DICOM_JSON = "application/dicom+json"
_WHOLE_FILES = 'multipart/related; type="application/dicom"; transfer-syntax=*'
"""With the star the archive sends what it stored; without it, it may decompress."""

_FAILED_SOP_SEQUENCE = "00081198"
_REFERENCED_SOP_SEQUENCE = "00081199"
_FAILURE_REASON = "00081197"
_REFERENCED_SOP_CLASS_UID = "00081150"

_DUPLICATE = 0x0111
"""The archive says that it holds the object."""
_NOT_SUPPORTED = 0x0122
_OUT_OF_RESOURCES = range(0xA700, 0xA800)


class KindsRefused(InputRejected):
    """The archive takes no object of some SOP classes; it refused nothing for another reason."""

    def __init__(self, reason: str, sop_class_uids: frozenset[str]) -> None:
        super().__init__(reason)
        self.sop_class_uids = sop_class_uids


class DicomArchive(Protocol):
    """Where instances are found, fetched and stored. Nothing is ever deleted through it."""

    def search_series(self, study_instance_uid: str) -> list[Dataset]:
        """Return one dataset of series attributes for each series of a study; none for an unknown study."""
        ...

    def retrieve_headers(self, study_instance_uid: str, series_instance_uid: str) -> list[Dataset]:
        """Return every instance of a series without its pixels."""
        ...

    def retrieve_series(self, study_instance_uid: str, series_instance_uid: str) -> Iterator[bytes]:
        """Yield every instance of a series as a whole Part 10 file, in the encoding in which it is stored."""
        ...

    def store(self, instances: Iterable[bytes]) -> None:
        """Store Part 10 files. Storing an instance again changes nothing."""
        ...


class DicomWebArchive:
    """An archive behind DICOMweb. Use it as a context manager, or close it.

    Parameters
    ----------
    base_url : str
        Up to and without ``/studies``.
    username, password : str
        For HTTP basic authentication.
    read_timeout_s : float
        Longest silence that is waited for.

    Notes
    -----
    Every method raises `Transient` when the archive can't be reached, answers 5xx or breaks off, `Defect` when it
    refuses the credentials, and `InputRejected` when it doesn't have or doesn't take an object. Reasons hold
    neither address nor UID.
    """

    def __init__(self, base_url: str, username: str, password: str, *, read_timeout_s: float = READ_TIMEOUT_S) -> None:
        self._client = httpx.Client(
            base_url=base_url.rstrip("/") + "/",
            auth=httpx.BasicAuth(username, password),
            timeout=httpx.Timeout(read_timeout_s, connect=CONNECT_TIMEOUT_S),
            limits=KEPT_ALIVE,
            # Compressing images on loopback costs more than it saves.
            headers={"Accept-Encoding": "identity"},
            verify=believed(),
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def search_series(self, study_instance_uid: str) -> list[Dataset]:
        """Return one dataset of series attributes for each series of a study (QIDO-RS)."""
        return self._datasets(f"studies/{study_instance_uid}/series", params={"includefield": "all"})

    def search_studies(self, keys: dict[str, str]) -> list[Dataset]:
        """Return the studies that match, by keyword and value (QIDO-RS)."""
        return self._datasets("studies", keys)

    def retrieve_headers(self, study_instance_uid: str, series_instance_uid: str) -> list[Dataset]:
        """Return every instance of a series without its pixels (WADO-RS metadata)."""
        headers = self._datasets(f"studies/{study_instance_uid}/series/{series_instance_uid}/metadata")
        if not headers:
            raise InputRejected("The archive does not hold the series.")
        return headers

    def retrieve_series(self, study_instance_uid: str, series_instance_uid: str) -> Iterator[bytes]:
        """Yield every instance of a series as a whole Part 10 file (WADO-RS), while it is received."""
        path = f"studies/{study_instance_uid}/series/{series_instance_uid}"
        with _as_transient(), self._client.stream("GET", path, headers={"Accept": _WHOLE_FILES}) as response:
            _require_success(response)
            yield from read_parts(response.iter_bytes(), boundary_of(response.headers.get("Content-Type", "")))

    def store(self, instances: Iterable[bytes]) -> None:
        """Store Part 10 files (STOW-RS), in several requests when they are many or large.

        Raises
        ------
        InputRejected
            If the archive refused some for good (`KindsRefused` when only because of their SOP class); those that it
            took stay stored, and storing all again is harmless.
        Transient
            If it refused some because it has no room now, or does not say of each that it is stored.
        """
        for batch in _batches(instances):
            self._store_batch(batch)

    def _store_batch(self, batch: list[bytes]) -> None:
        boundary = secrets.token_hex(16)
        with _as_transient():
            response = self._client.post(
                "studies",
                content=related_body(batch, boundary),
                headers={
                    "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
                    "Accept": _DICOM_JSON,
                },
            )
        answered = _failures(response)
        failures = [failure for failure in answered if failure.reason != _DUPLICATE]
        if failures:
            _raise_refusal(failures, len(batch))
        if not answered:
            _require_success(response)
        # Orthanc with a full disk answers 200 and names nothing: neither what it stored nor what it did not.
        unnamed = len(batch) - len(_items(response, _REFERENCED_SOP_SEQUENCE)) - len(answered)
        if unnamed > 0:
            raise Transient(f"The archive did not confirm that it stored {unnamed} of {len(batch)} objects.")

    def _datasets(self, path: str, params: dict[str, str] | None = None) -> list[Dataset]:
        with _as_transient():
            response = self._client.get(path, params=params, headers={"Accept": _DICOM_JSON})
        if response.status_code == httpx.codes.NO_CONTENT:
            return []
        _require_success(response)
        try:
            with warnings.catch_warnings():
                # Real headers break value rules that touch nothing here.
                warnings.simplefilter("ignore")
                return [Dataset.from_json(item, bulk_data_uri_handler=_no_bulk_data) for item in response.json()]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Transient("The archive answered with something else than DICOM attributes.") from error


def _no_bulk_data(_tag: str, _vr: str, _uri: str) -> None:
    """Leave out what the archive keeps apart: pixels and other long values."""


@contextlib.contextmanager
def _as_transient() -> Iterator[None]:
    try:
        yield
    except httpx.TimeoutException as error:
        raise Transient("The archive did not answer in time.") from error
    except httpx.TransportError as error:
        raise Transient("The archive can't be reached.") from error


def _require_success(response: httpx.Response) -> None:
    status = response.status_code
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise Defect("The archive refuses the credentials that Interval is configured with.")
    if status == httpx.codes.NOT_FOUND:
        raise InputRejected("The archive does not hold the series.")
    if status in (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS) or response.is_server_error:
        raise Transient(f"The archive answered {status}.")
    if not response.is_success:
        raise InputRejected(f"The archive refused the request ({status}).")


@dataclass(frozen=True)
class _Failure:
    """An instance that was not stored: why (PS3.18 table 10.5.3-2), and its SOP class if the archive named it."""

    reason: int
    sop_class_uid: str


def _failures(response: httpx.Response) -> list[_Failure]:
    return [
        _Failure(
            int(item.get(_FAILURE_REASON, {}).get("Value", [0])[0]),
            str(item.get(_REFERENCED_SOP_CLASS_UID, {}).get("Value", [""])[0]),
        )
        for item in _items(response, _FAILED_SOP_SEQUENCE)
    ]


def _items(response: httpx.Response, sequence: str) -> list[dict[str, Any]]:
    """Return the items of a sequence in the answer to a store request (PS3.18 section 10.5.3)."""
    try:
        answer = response.json()
    except json.JSONDecodeError:
        return []
    items = answer.get(sequence, {}).get("Value", []) if isinstance(answer, dict) else []
    return list(items)


def _raise_refusal(failures: list[_Failure], sent: int) -> NoReturn:
    codes = ", ".join(sorted({f"{failure.reason:04X}" for failure in failures}))
    sentence = f"The archive refused {len(failures)} of {sent} objects (failure reason {codes})."
    lasting = [failure for failure in failures if failure.reason not in _OUT_OF_RESOURCES]
    if not lasting:
        raise Transient(sentence)
    if len(lasting) == len(failures) and all(one.reason == _NOT_SUPPORTED and one.sop_class_uid for one in lasting):
        raise KindsRefused(sentence, frozenset(one.sop_class_uid for one in lasting))
    raise InputRejected(sentence)


def _batches(instances: Iterable[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for instance in instances:
        if batch and (len(batch) == BATCH_INSTANCES or size + len(instance) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(instance)
        size += len(instance)
    if batch:
        yield batch
