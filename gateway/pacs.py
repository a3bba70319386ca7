"""DIMSE with a PACS: C-ECHO, C-STORE and C-FIND as a service class user (PS3.4 annexes A, B and C, PS3.7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import UID

from gateway.association import CONNECTION_TIMEOUT_S, NothingAccepted, PacsNode, associate
from processing.domain.errors import Transient

VERIFICATION = UID("1.2.840.10008.1.1")
STUDY_ROOT_FIND = UID("1.2.840.10008.5.1.4.1.2.2.1")
"""Study Root Query/Retrieve Information Model - FIND."""

_PENDING = (0xFF00, 0xFF01)

_DUPLICATE = 0x0111
_NOT_SUPPORTED = 0x0122
_STORE_FAILURES = {
    0x0110: "processing failure",
    0x0117: "invalid SOP instance",
    0x0124: "not authorised",
    0x0210: "duplicate invocation",
    0x0211: "unrecognised operation",
    0x0212: "mistyped argument",
}
"""PS3.7 C.5; the ranges of PS3.4 table B.2-1 are in `_meaning`."""


@dataclass(frozen=True)
class StoreFailure:
    """An object that the peer did not take.

    Parameters
    ----------
    sop_class : UID
    meaning : str
        What the status says, in words.
    lasting : bool
        Whether sending the same object again is pointless.
    kind_refused : bool
        Whether the peer takes no object of this SOP class at all.
    """

    sop_class: UID
    meaning: str
    lasting: bool
    kind_refused: bool = False


def echo(node: PacsNode, *, timeout_s: float = CONNECTION_TIMEOUT_S) -> None:
    """Verify that the peer answers (C-ECHO).

    Raises
    ------
    Transient
        If it can't be reached or does not answer.
    InputRejected
        If it refuses the association for good, for example because of the AE titles.
    """
    with associate(node, [VERIFICATION], timeout_s=timeout_s) as association:
        status = association.send_c_echo()
    if "Status" not in status or status.Status != 0:
        raise Transient("The PACS did not answer a C-ECHO.")


def store(
    node: PacsNode, instances: Sequence[Dataset], acknowledged: Callable[[str], None] = lambda _: None
) -> tuple[StoreFailure, ...]:
    """Send objects by C-STORE, all over one association.

    Parameters
    ----------
    node : PacsNode
    instances : sequence of Dataset
        With file meta information. Every one is tried, also after a failure.
    acknowledged : callable
        Called with the SOP instance UID of each object that the peer says it took.

    Returns
    -------
    tuple of StoreFailure
        Empty when the peer took everything. What it calls a duplicate is no failure: whether it really holds the
        object is found out by asking.

    Raises
    ------
    Transient, InputRejected
        As `echo`; Transient too when the association breaks off.
    """
    sop_classes = list(dict.fromkeys(UID(instance.SOPClassUID) for instance in instances))
    failures: list[StoreFailure] = []
    try:
        with associate(node, sop_classes) as association:
            accepted = {context.abstract_syntax for context in association.accepted_contexts}
            for instance in instances:
                sop_class = UID(instance.SOPClassUID)
                if sop_class not in accepted:
                    failures.append(_kind_refused(sop_class))
                    continue
                status = association.send_c_store(instance)
                if "Status" not in status:
                    raise Transient("The PACS did not answer a C-STORE.")
                failure = _store_failure(sop_class, int(status.Status))
                if failure is not None:
                    failures.append(failure)
                else:
                    acknowledged(str(instance.SOPInstanceUID))
        return tuple(failures)
    except NothingAccepted:
        return tuple(_kind_refused(UID(instance.SOPClassUID)) for instance in instances)


def find_instances(node: PacsNode, study_instance_uid: str, series_instance_uid: str) -> frozenset[str] | None:
    """Ask which instances of a series the peer holds (C-FIND, Study Root, IMAGE level).

    Returns
    -------
    frozenset of str or None
        SOP instance UIDs; None when the peer offers no C-FIND.

    Raises
    ------
    Transient
        If the peer can't be reached, or fails to answer the query.
    InputRejected
        If it refuses the association for good.
    """
    query = Dataset()
    query.QueryRetrieveLevel = "IMAGE"
    query.StudyInstanceUID = study_instance_uid
    query.SeriesInstanceUID = series_instance_uid
    query.SOPInstanceUID = ""
    found: set[str] = set()
    try:
        with associate(node, [STUDY_ROOT_FIND]) as association:
            for status, identifier in association.send_c_find(query, STUDY_ROOT_FIND):
                if "Status" not in status:
                    raise Transient("The PACS did not answer a C-FIND.")
                if status.Status in _PENDING and identifier is not None:
                    found.add(str(identifier.get("SOPInstanceUID", "")))
                elif status.Status != 0:
                    raise Transient(f"The PACS answered a C-FIND with failure {status.Status:04X}.")
    except NothingAccepted:
        return None
    return frozenset(found)


def _kind_refused(sop_class: UID) -> StoreFailure:
    return StoreFailure(sop_class, "SOP class not accepted", lasting=True, kind_refused=True)


def _store_failure(sop_class: UID, status: int) -> StoreFailure | None:
    """Return what a C-STORE status means; None for success and for warnings, after which the object is stored."""
    if status in (0x0000, 0x0001, 0x0107, _DUPLICATE, 0x0116) or 0xB000 <= status <= 0xBFFF:
        return None
    if status == _NOT_SUPPORTED:
        return StoreFailure(sop_class, f"SOP class not supported ({status:04X})", lasting=True, kind_refused=True)
    if 0xA700 <= status <= 0xA7FF:
        return StoreFailure(sop_class, f"out of resources ({status:04X})", lasting=False)
    if 0xA900 <= status <= 0xA9FF:
        return StoreFailure(sop_class, f"data set does not match the SOP class ({status:04X})", lasting=True)
    if 0xC000 <= status <= 0xCFFF:
        return StoreFailure(sop_class, f"cannot be understood ({status:04X})", lasting=True)
    meaning = _STORE_FAILURES.get(status, "failure")
    return StoreFailure(sop_class, f"{meaning} ({status:04X})", lasting=status != 0x0110)
