"""Query/Retrieve with a PACS as a service class user: C-FIND and C-MOVE, Study Root (PS3.4 annex C)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom.association import Association

from gateway.association import NothingAccepted, PacsNode, associate
from processing.domain.errors import InputRejected, Transient

STUDY_ROOT_FIND = UID("1.2.840.10008.5.1.4.1.2.2.1")
STUDY_ROOT_MOVE = UID("1.2.840.10008.5.1.4.1.2.2.2")
MOVE_TIMEOUT_S = 120.0
"""Longest silence while the PACS sends: many say nothing between two images, some nothing at all until the end."""

_PENDING = (0xFF00, 0xFF01)
_DESTINATION_UNKNOWN = 0xA801
_SOME_FAILED = 0xB000

Moved = Callable[[int], None]
"""Called with the number of images that have been sent so far."""


def find(node: PacsNode, level: str, keys: Mapping[str, str]) -> list[Dataset]:
    """Ask a PACS (C-FIND).

    Parameters
    ----------
    node : PacsNode
    level : str
        STUDY or SERIES.
    keys : mapping of str to str
        Keyword to what it must match; empty for what shall be returned.

    Raises
    ------
    Transient
        If the PACS can't be reached, or fails to answer.
    InputRejected
        If it refuses the association for good, or offers no C-FIND.
    """
    query = Dataset()
    query.QueryRetrieveLevel = level
    query.SpecificCharacterSet = "ISO_IR 192"
    for keyword, value in keys.items():
        setattr(query, keyword, value)
    found: list[Dataset] = []
    with _offering(node, STUDY_ROOT_FIND, "C-FIND") as association:
        for status, identifier in association.send_c_find(query, STUDY_ROOT_FIND):
            if "Status" not in status:
                raise Transient("The PACS did not answer a C-FIND.")
            if status.Status in _PENDING and identifier is not None:
                found.append(identifier)
            elif status.Status != 0:
                raise Transient(f"The PACS answered a C-FIND with failure {status.Status:04X}.")
    return found


def move_series(
    node: PacsNode, study_instance_uid: str, series_instance_uid: str, destination: str, on_moved: Moved
) -> int:
    """Let a PACS send a series elsewhere (C-MOVE); return the number of images that it sent.

    Raises
    ------
    Transient
        If the PACS can't be reached, breaks off, or could not send every image.
    InputRejected
        If it refuses for good: the association, C-MOVE, or the destination.
    """
    query = Dataset()
    query.QueryRetrieveLevel = "SERIES"
    query.StudyInstanceUID = study_instance_uid
    query.SeriesInstanceUID = series_instance_uid
    sent = 0
    with _offering(node, STUDY_ROOT_MOVE, "C-MOVE", timeout_s=MOVE_TIMEOUT_S) as association:
        for status, _ in association.send_c_move(query, destination, STUDY_ROOT_MOVE):
            if "Status" not in status:
                raise Transient("The PACS did not answer a C-MOVE.")
            sent = int(status.get("NumberOfCompletedSuboperations") or sent)
            if status.Status in _PENDING:
                on_moved(sent)
            elif status.Status != 0:
                _raise_failure(status, destination)
    return sent


def _raise_failure(status: Dataset, destination: str) -> None:
    if status.Status == _DESTINATION_UNKNOWN:
        raise InputRejected(f"The PACS does not know {destination}, where the earlier study should be sent.")
    if status.Status == _SOME_FAILED:
        failed = int(status.get("NumberOfFailedSuboperations") or 0)
        raise Transient(f"The PACS could not send {failed or 'some'} images of an earlier study.")
    raise Transient(f"The PACS answered a C-MOVE with failure {status.Status:04X}.")


@contextmanager
def _offering(node: PacsNode, sop_class: UID, service: str, **options: float) -> Iterator[Association]:
    try:
        with associate(node, [sop_class], **options) as association:
            yield association
    except NothingAccepted as refused:
        raise InputRejected(f"The PACS offers no {service}.") from refused
