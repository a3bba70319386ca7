"""The two races of pynetdicom that gateway/association.py closes, each made certain by a delay at the worst place."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage
from pynetdicom.acse import ACSE
from pynetdicom.dimse import DIMSEServiceProvider

from gateway import pacs
from gateway.association import Checkpoint, PacsNode, associate
from gateway.pacs import VERIFICATION
from processing.domain.errors import InputRejected, Transient
from tests.integration.gateway_front.peer import peer

PERMANENT, TRANSIENT = 1, 2
DELAY_S = 0.2


@contextmanager
def refusing(result: int) -> Iterator[PacsNode]:
    """A peer that answers each request with A-ASSOCIATE-RJ (PS3.8 9.3.4) and closes the connection at once."""
    refusal = bytes([0x03, 0, 0, 0, 0, 4, 0, result, 1, 3])
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    if connection.recv(65536):
                        connection.sendall(refusal)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield PacsNode("127.0.0.1", int(server.getsockname()[1]), "PEER", "INTERVAL")
        server.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=10)


@pytest.mark.parametrize(("result", "error"), [(PERMANENT, InputRejected), (TRANSIENT, Transient)])
def test_a_refusal_behind_which_the_peer_closes_at_once_is_a_refusal(
    monkeypatch: pytest.MonkeyPatch, result: int, error: type[Exception]
) -> None:
    send_request = ACSE.send_request

    def send_request_slowly(acse: ACSE) -> None:
        send_request(acse)
        time.sleep(DELAY_S)

    monkeypatch.setattr(ACSE, "send_request", send_request_slowly)
    with refusing(result) as node, pytest.raises(error, match="Calling AE title not recognised"):
        pacs.echo(node)


def test_an_answer_is_never_taken_from_the_sender(monkeypatch: pytest.MonkeyPatch, result: list[Dataset]) -> None:
    let_pass, wait, get_msg = Checkpoint.set, Checkpoint.wait, DIMSEServiceProvider.get_msg

    def let_pass_for_sure(checkpoint: Checkpoint) -> None:
        let_pass(checkpoint)
        time.sleep(DELAY_S / 2)

    def wait_and_dawdle(checkpoint: Checkpoint, timeout: float | None = None) -> bool:
        passed = wait(checkpoint, timeout)
        time.sleep(DELAY_S)
        return passed

    def look_before_the_sender(provider: DIMSEServiceProvider, block: bool = False) -> object:
        if provider.assoc.is_requestor:
            time.sleep(4 * DELAY_S if block else 2 * DELAY_S)
        return get_msg(provider, block)

    monkeypatch.setattr(Checkpoint, "set", let_pass_for_sure)
    monkeypatch.setattr(Checkpoint, "wait", wait_and_dawdle)
    monkeypatch.setattr(DIMSEServiceProvider, "get_msg", look_before_the_sender)
    captures = [one for one in result if one.SOPClassUID == SecondaryCaptureImageStorage]
    sent = [captures[0]] * 3
    with peer(SecondaryCaptureImageStorage) as (node, arrived):
        assert pacs.store(node, sent) == ()
    assert len(arrived) == len(sent)


def test_an_association_that_ended_before_its_next_request_may_be_tried_again() -> None:
    def ask_too_late(node: PacsNode) -> None:
        with associate(node, [VERIFICATION]) as association:
            association.abort()
            association.send_c_echo()

    with peer(VERIFICATION) as (node, _), pytest.raises(Transient, match="ended the association"):
        ask_too_late(node)


def test_a_sender_does_not_wait_for_a_reactor_that_has_ended() -> None:
    checkpoint = Checkpoint(reactor_is_alive=lambda: False)
    with pytest.raises(Transient, match="ended the association"):
        checkpoint.clear()
