"""DIMSE with a PACS: C-ECHO, C-STORE and C-FIND as a service class user (PS3.4 annexes A, B and C, PS3.7).

Every association sets TCP_NODELAY: with small PDUs, Nagle's algorithm and delayed acknowledgement together make
each object wait 40 ms.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.association import Association

from processing.domain.errors import InputRejected, Transient

VERIFICATION = UID("1.2.840.10008.1.1")
STUDY_ROOT_FIND = UID("1.2.840.10008.5.1.4.1.2.2.1")
"""Study Root Query/Retrieve Information Model - FIND."""

CONNECTION_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 60.0
_PERMANENT = 1
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


class NothingAccepted(InputRejected):
    """The peer took the association and none of the SOP classes that it was offered."""


@dataclass(frozen=True)
class PacsNode:
    """A DICOM peer and the name under which Interval speaks to it.

    Parameters
    ----------
    host : str
    port : int
    aet : str
        The peer's application entity title.
    own_aet : str
        Ours.
    """

    host: str
    port: int
    aet: str
    own_aet: str


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
    with _association(node, [VERIFICATION], timeout_s=timeout_s) as association:
        status = association.send_c_echo()
    if "Status" not in status or status.Status != 0:
        raise Transient("The PACS did not answer a C-ECHO.")


def store(node: PacsNode, instances: Sequence[Dataset]) -> tuple[StoreFailure, ...]:
    """Send objects by C-STORE, all over one association.

    Parameters
    ----------
    node : PacsNode
    instances : sequence of Dataset
        With file meta information. Every one is tried, also after a failure.

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
        try:
            _store_over_one_association(node, instances, sop_classes, failures)
        except _AnswerLost as lost:
            # pynetdicom's own loop sometimes takes the answer for which the sender waits: once more, from there on.
            _store_over_one_association(node, instances[lost.answered :], sop_classes, failures)
        return tuple(failures)
    except NothingAccepted:
        return tuple(_kind_refused(UID(instance.SOPClassUID)) for instance in instances)


class _AnswerLost(Transient):
    """No answer came to a C-STORE; `answered` objects before it have theirs."""

    def __init__(self, answered: int) -> None:
        super().__init__("The PACS did not answer a C-STORE.")
        self.answered = answered


def _store_over_one_association(
    node: PacsNode, instances: Sequence[Dataset], sop_classes: Sequence[UID], failures: list[StoreFailure]
) -> None:
    with _association(node, sop_classes) as association:
        accepted = {context.abstract_syntax for context in association.accepted_contexts}
        for answered, instance in enumerate(instances):
            sop_class = UID(instance.SOPClassUID)
            if sop_class not in accepted:
                failures.append(_kind_refused(sop_class))
                continue
            if not association.is_established:
                raise Transient("The PACS ended the association before all objects were sent.")
            status = association.send_c_store(instance)
            if "Status" not in status:
                raise _AnswerLost(answered)
            failure = _store_failure(sop_class, int(status.Status))
            if failure is not None:
                failures.append(failure)


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
        with _association(node, [STUDY_ROOT_FIND]) as association:
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


@contextlib.contextmanager
def _association(
    node: PacsNode, sop_classes: Sequence[UID], *, timeout_s: float = ANSWER_TIMEOUT_S
) -> Iterator[Association]:
    _require_reachable(node, min(CONNECTION_TIMEOUT_S, timeout_s))
    entity = AE(ae_title=node.own_aet)
    entity.connection_timeout = min(CONNECTION_TIMEOUT_S, timeout_s)
    entity.acse_timeout = min(10.0, timeout_s)
    entity.dimse_timeout = entity.network_timeout = timeout_s
    for sop_class in sop_classes:
        entity.add_requested_context(sop_class, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
    opened: list[bool] = []

    def without_delay(event: evt.Event) -> None:
        opened.append(True)
        connection = event.assoc.dul.socket
        if connection is not None and connection.socket is not None:
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    association = entity.associate(
        node.host, node.port, ae_title=node.aet, evt_handlers=[(evt.EVT_CONN_OPEN, without_delay)]
    )
    if not association.is_established:
        _raise_refusal(association, reached=bool(opened))
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def _require_reachable(node: PacsNode, timeout_s: float) -> None:
    """Open and close a connection: pynetdicom leaves its socket open when nobody listens."""
    try:
        socket.create_connection((node.host, node.port), timeout=timeout_s).close()
    except OSError as error:
        raise Transient("The PACS can't be reached.") from error


def _raise_refusal(association: Association, *, reached: bool) -> None:
    if not reached:
        raise Transient("The PACS can't be reached.")
    if not association.is_rejected:
        if association.rejected_contexts:
            raise NothingAccepted("The PACS accepts none of the offered SOP classes.")
        raise Transient("The PACS broke the association off.")
    answer = association.acceptor.primitive
    reason = str(answer.reason_str) if answer is not None else "no reason given"
    sentence = f"The PACS refuses the association: {reason}."
    if answer is not None and answer.result == _PERMANENT:
        raise InputRejected(sentence)
    raise Transient(sentence)


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
