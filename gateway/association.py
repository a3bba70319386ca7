"""An association with a PACS, as a service class user (PS3.8).

Every association sets TCP_NODELAY: with small PDUs, Nagle's algorithm and delayed acknowledgement together make
each object wait 40 ms. Two races of pynetdicom 3.0 are closed here, one about refusals, one about answers.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.pdu import A_ASSOCIATE_RJ

from processing.domain.errors import InputRejected, Transient

CONNECTION_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 60.0
_ACSE_TIMEOUT_S = 10.0
_PERMANENT = 1


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
    tls : SSLContext, optional
        With it the association goes over TLS (PS3.15 annex B).
    """

    host: str
    port: int
    aet: str
    own_aet: str
    tls: ssl.SSLContext | None = field(default=None, repr=False, compare=False)


@contextlib.contextmanager
def associate(
    node: PacsNode, sop_classes: Sequence[UID], *, timeout_s: float = ANSWER_TIMEOUT_S
) -> Iterator[Association]:
    """Hold an association with a peer, and release it in the end.

    Parameters
    ----------
    node : PacsNode
    sop_classes : sequence of UID
        What is offered, each in explicit and in implicit VR little endian.
    timeout_s : float
        The longest wait for any answer, in seconds.

    Yields
    ------
    Association

    Raises
    ------
    Transient
        If the peer can't be reached, refuses for now or breaks the association off.
    InputRejected
        If it refuses for good, for example because of the AE titles; NothingAccepted if it takes no SOP class.
    """
    _require_reachable(node, min(CONNECTION_TIMEOUT_S, timeout_s))
    entity = AE(ae_title=node.own_aet)
    entity.connection_timeout = min(CONNECTION_TIMEOUT_S, timeout_s)
    entity.acse_timeout = min(_ACSE_TIMEOUT_S, timeout_s)
    entity.dimse_timeout = entity.network_timeout = timeout_s
    for sop_class in sop_classes:
        entity.add_requested_context(sop_class, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
    refusals: list[A_ASSOCIATE_RJ] = []
    opened: list[socket.socket] = []

    def without_delay(event: evt.Event) -> None:
        connection = event.assoc.dul.socket
        if connection is not None and connection.socket is not None:
            opened.append(connection.socket)
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def note_refusal(event: evt.Event) -> None:
        if isinstance(event.pdu, A_ASSOCIATE_RJ):
            refusals.append(event.pdu)

    association = entity.associate(
        node.host,
        node.port,
        ae_title=node.aet,
        tls_args=(node.tls, node.host) if node.tls is not None else None,
        evt_handlers=[(evt.EVT_CONN_OPEN, without_delay), (evt.EVT_PDU_RECV, note_refusal)],
    )
    if not association.is_established:
        for connection in opened:
            connection.close()  # pynetdicom leaves one open that the peer reset
        raise _failure(association, refusals, reached=bool(opened))
    association._reactor_checkpoint = Checkpoint(association.is_alive)  # no public way; see the class
    try:
        yield association
    except RuntimeError as error:
        # What pynetdicom raises when something is to be sent over an association that has ended meanwhile.
        if association.is_established:
            raise
        raise Transient("The PACS ended the association.") from error
    finally:
        if association.is_established:
            with contextlib.suppress(Transient):
                association.release()


class Checkpoint(threading.Event):
    """Where pynetdicom's reactor thread waits while a sender waits for its answer.

    pynetdicom's sender clears the event and then looks at a flag that says "the reactor waits". The reactor raises
    that flag before it waits and lowers it afterwards, so that a sender may see the flag of a wait that has
    just ended: the reactor then goes on, takes the answer for a request and drops it, and the sender waits until
    its timeout. Here `clear` returns only when the reactor is seen waiting at the cleared event.

    Parameters
    ----------
    reactor_is_alive : callable
        Tells whether the reactor thread still runs; one that has ended never comes to the checkpoint.
    """

    def __init__(self, reactor_is_alive: Callable[[], bool]) -> None:
        super().__init__()
        self._reactor_is_alive = reactor_is_alive
        self._changed = threading.Condition()
        self._open = True
        self._reactor_waits = False

    def is_set(self) -> bool:
        """Whether the reactor may pass."""
        return self._open

    def set(self) -> None:
        """Let the reactor pass."""
        with self._changed:
            self._open = True
            self._changed.notify_all()

    def clear(self) -> None:
        """Stop the reactor and return when it stands.

        Raises
        ------
        Transient
            If the reactor has ended, and the association with it.
        """
        with self._changed:
            self._open = False
            while not self._changed.wait_for(lambda: self._reactor_waits, timeout=0.05):
                if not self._reactor_is_alive():
                    raise Transient("The PACS ended the association.")

    def wait(self, timeout: float | None = None) -> bool:
        """Stand here until `set`; called by the reactor alone."""
        with self._changed:
            self._reactor_waits = not self._open
            self._changed.notify_all()
            passed = self._changed.wait_for(lambda: self._open, timeout)
            self._reactor_waits = False
            return passed


def _require_reachable(node: PacsNode, timeout_s: float) -> None:
    """Open and close a connection: pynetdicom leaves its socket open when nobody listens, or can't be believed."""
    try:
        with socket.create_connection((node.host, node.port), timeout=timeout_s) as connection:
            if node.tls is not None:
                node.tls.wrap_socket(connection, server_hostname=node.host).close()
    except ssl.SSLCertVerificationError as error:
        raise Transient("The certificate of the PACS is not believed.") from error
    except ssl.SSLError as error:
        raise Transient("The PACS does not answer over TLS.") from error
    except OSError as error:
        raise Transient("The PACS can't be reached.") from error


def _failure(
    association: Association, refusals: Sequence[A_ASSOCIATE_RJ], *, reached: bool
) -> Transient | InputRejected:
    if not reached:
        return Transient("The PACS can't be reached.")
    if refusals:
        # The PDU itself: when the peer closes the connection right behind its refusal, pynetdicom may notice
        # the closed connection first and call the association aborted.
        refusal = refusals[0].to_primitive()
        sentence = f"The PACS refuses the association: {refusal.reason_str}."
        return InputRejected(sentence) if refusal.result == _PERMANENT else Transient(sentence)
    if association.rejected_contexts:
        return NothingAccepted("The PACS accepts none of the offered SOP classes.")
    return Transient("The PACS broke the association off.")
