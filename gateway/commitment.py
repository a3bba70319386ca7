"""Storage commitment with a PACS (PS3.4 annex J, push model): it says that it will keep what it was sent.

The request is an N-ACTION on an association of ours. The answer comes later, as an N-EVENT-REPORT on an association
that the PACS opens to us, so that Interval listens for it. Both sides keep their default roles: a PACS that does not
negotiate others, as Orthanc, is understood.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE, evt
from pynetdicom.transport import ThreadedAssociationServer

from gateway.association import NothingAccepted, PacsNode, associate
from gateway.log import get_logger
from processing.domain.errors import Transient

log = get_logger(__name__)

PUSH_MODEL = UID("1.2.840.10008.1.20.1")
"""Storage Commitment Push Model SOP Class."""
PUSH_MODEL_INSTANCE = UID("1.2.840.10008.1.20.1.1")
"""Its well-known instance."""
_VERIFICATION = UID("1.2.840.10008.1.1")
_REQUEST_COMMITMENT = 1
_REPORTS = (1, 2)
"""Event types: all committed; failures exist (PS3.4 table J.3-2)."""
_SUCCESS = 0x0000
_NO_SUCH_EVENT = 0x0113
_INVALID_ARGUMENT = 0x0115
_PROCESSING_FAILURE = 0x0110


@dataclass(frozen=True)
class CommitmentReport:
    """What a PACS says about a request.

    Parameters
    ----------
    transaction_uid : str
        Of the request.
    committed : frozenset of str
        SOP instance UIDs that the PACS takes responsibility for.
    failed : frozenset of str
        Those for which it does not.
    """

    transaction_uid: str
    committed: frozenset[str]
    failed: frozenset[str]


def request_commitment(node: PacsNode, transaction_uid: str, instances: Sequence[Dataset]) -> bool:
    """Ask a PACS to commit itself to keeping instances.

    Parameters
    ----------
    node : PacsNode
    transaction_uid : str
        Under which the report will come; stored before this is called, for the report may be quicker than the answer.
    instances : sequence of Dataset
        With SOPClassUID and SOPInstanceUID.

    Returns
    -------
    bool
        False when the PACS knows no storage commitment, or refuses the request for good.

    Raises
    ------
    Transient
        If the PACS can't be reached or does not answer.
    InputRejected
        If it refuses the association for good.
    """
    request = Dataset()
    request.TransactionUID = transaction_uid
    request.ReferencedSOPSequence = [_reference(instance) for instance in instances]
    try:
        with associate(node, [PUSH_MODEL]) as association:
            status, _ = association.send_n_action(request, _REQUEST_COMMITMENT, PUSH_MODEL, PUSH_MODEL_INSTANCE)
    except NothingAccepted:
        return False
    if "Status" not in status:
        raise Transient("The PACS did not answer a request for storage commitment.")
    if status.Status == _PROCESSING_FAILURE:
        raise Transient("The PACS could not process a request for storage commitment.")
    return bool(status.Status == _SUCCESS)


class CommitmentListener:
    """Listens for reports of storage commitment; it answers C-ECHO too, for those who set a PACS up.

    Parameters
    ----------
    own_aet : str
        Under which the PACS calls.
    senders : collection of str
        AE titles that may call.
    take : callable
        Stores a report. What it raises is answered as a failure.
    tls : SSLContext, optional
        With it only TLS is answered.
    """

    def __init__(
        self,
        own_aet: str,
        senders: Collection[str],
        take: Callable[[CommitmentReport], object],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._take = take
        self._tls = tls
        self._entity = AE(ae_title=own_aet)
        self._entity.require_called_aet = True
        self._entity.require_calling_aet = sorted(senders)
        self._entity.maximum_associations = 10
        self._entity.add_supported_context(PUSH_MODEL)
        self._entity.add_supported_context(_VERIFICATION)
        self._server: ThreadedAssociationServer | None = None

    def start(self, host: str, port: int) -> int:
        """Listen, in threads of its own; returns the port, which is a free one for port 0."""
        server = self._entity.start_server(
            (host, port),
            block=False,
            ssl_context=self._tls,
            evt_handlers=[(evt.EVT_N_EVENT_REPORT, self._on_report), (evt.EVT_CONN_OPEN, _without_delay)],
        )
        if server is None or server.socket is None:
            raise Transient("The port for storage commitment can't be listened on.")
        self._server = server
        return int(server.socket.getsockname()[1])

    def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server = None

    def _on_report(self, event: evt.Event) -> tuple[int, Dataset | None]:
        if event.event_type not in _REPORTS:
            return _NO_SUCH_EVENT, None
        try:
            report = _report(event.event_information)
        except (AttributeError, ValueError, TypeError, KeyError):
            log.warning("report of storage commitment not understood")
            return _INVALID_ARGUMENT, None
        # What `take` raises becomes the answer "processing failure": then the PACS reports again.
        self._take(report)
        return _SUCCESS, None


def _report(information: Dataset) -> CommitmentReport:
    return CommitmentReport(
        transaction_uid=str(information.TransactionUID),
        committed=_uids(information, "ReferencedSOPSequence"),
        failed=_uids(information, "FailedSOPSequence"),
    )


def _uids(information: Dataset, keyword: str) -> frozenset[str]:
    return frozenset(str(item.ReferencedSOPInstanceUID) for item in information.get(keyword) or ())


def _reference(instance: Dataset) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = instance.SOPClassUID
    reference.ReferencedSOPInstanceUID = instance.SOPInstanceUID
    return reference


def _without_delay(event: evt.Event) -> None:
    connection = event.assoc.dul.socket
    if connection is not None and connection.socket is not None:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
