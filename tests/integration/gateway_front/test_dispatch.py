"""Results on their way into real PACS: an Orthanc, and peers that refuse in every way that matters."""

from __future__ import annotations

import copy
import dataclasses
import socket

import httpx
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    Comprehensive3DSRStorage,
    KeyObjectSelectionDocumentStorage,
    MRImageStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from demo.installation import System
from gateway.association import PacsNode
from gateway.dispatch.c_store import CStoreTarget
from gateway.dispatch.qido_rs import QidoRs
from gateway.dispatch.stow_rs import StowRsTarget
from processing.domain.errors import InputRejected, Transient
from tests.integration.gateway_front.peer import peer

UNKNOWN_SOP_CLASS = "1.2.826.0.1.3680043.10.543.99"


def uids(datasets: list[Dataset]) -> set[str]:
    return {str(dataset.SOPInstanceUID) for dataset in datasets}


def fresh(datasets: list[Dataset], suffix: str) -> list[Dataset]:
    """The same objects under other UIDs, so that one test's objects are not another's."""
    copies = copy.deepcopy(datasets)
    for number, dataset in enumerate(copies):
        dataset.SOPInstanceUID = f"1.2.826.0.1.3680043.10.543.{suffix}.{number}"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return copies


def took(_uid: str) -> None:
    """What the target acknowledges, where a test does not care."""


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def qido(archives: System) -> QidoRs:
    return QidoRs(f"http://127.0.0.1:{archives.ports.pacs_http}/dicom-web", "demo", archives.secret("pacs-demo"))


@pytest.fixture
def by_stow(archives: System) -> StowRsTarget:
    url = f"http://127.0.0.1:{archives.ports.pacs_http}/dicom-web"
    return StowRsTarget("pacs", url, "demo", archives.secret("pacs-demo"))


def test_the_result_has_every_kind_of_object(result: list[Dataset], rejection: list[Dataset]) -> None:
    classes = {dataset.SOPClassUID for dataset in result + rejection}
    wanted = {SegmentationStorage, Comprehensive3DSRStorage, SecondaryCaptureImageStorage, MRImageStorage}
    assert classes >= wanted | {KeyObjectSelectionDocumentStorage}


def test_every_object_arrives_by_c_store_and_is_confirmed(
    pacs_node: PacsNode, qido: QidoRs, result: list[Dataset], rejection: list[Dataset]
) -> None:
    target = CStoreTarget("pacs", pacs_node)
    sent = fresh(result + rejection, "1")
    assert target.confirm(sent) == frozenset(), "nothing is there before it was sent"
    target.send(sent[:-1], took)
    assert target.confirm(sent) == uids(sent[:-1]), "what was not sent is not confirmed"
    target.send(sent, took)
    assert target.confirm(sent) == uids(sent)
    assert qido.held(sent) == uids(sent), "both ways to ask say the same"


def test_every_object_arrives_by_stow_rs_and_is_confirmed(
    by_stow: StowRsTarget, result: list[Dataset], rejection: list[Dataset]
) -> None:
    sent = fresh(result + rejection, "2")
    assert by_stow.confirm(sent) == frozenset()
    by_stow.send(sent, took)
    by_stow.send(sent, took)
    assert by_stow.confirm(sent) == uids(sent)


def test_what_the_pacs_holds_is_what_was_sent(archives: System, pacs_node: PacsNode, result: list[Dataset]) -> None:
    (segmentation,) = fresh([one for one in result if one.SOPClassUID == SegmentationStorage], "3")
    CStoreTarget("pacs", pacs_node).send([segmentation], took)
    root, auth = f"http://127.0.0.1:{archives.ports.pacs_http}", ("demo", archives.secret("pacs-demo"))
    (found,) = httpx.post(f"{root}/tools/lookup", content=str(segmentation.SOPInstanceUID), auth=auth).json()
    tags = httpx.get(f"{root}{found['Path']}/simplified-tags", auth=auth).json()
    assert tags["PatientName"] == str(segmentation.PatientName) == "Demo^Interval"
    pixels = httpx.get(f"{root}{found['Path']}/content/7fe0-0010/0", auth=auth).content
    assert pixels == segmentation.PixelData


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"aet": "OTHER"}, "(?i)called AE"), ({"own_aet": "NOBODY"}, "(?i)calling AE|no reason|refuses|not authori")],
)
def test_wrong_ae_titles_are_named(
    pacs_node: PacsNode, result: list[Dataset], change: dict[str, str], reason: str
) -> None:
    target = CStoreTarget("pacs", dataclasses.replace(pacs_node, **change))  # type: ignore[arg-type]  # titles are str
    with pytest.raises(InputRejected, match=reason):
        target.send(fresh(result[:1], "4"), took)


def test_a_closed_port_is_worth_another_try(pacs_node: PacsNode, result: list[Dataset]) -> None:
    target = CStoreTarget("pacs", dataclasses.replace(pacs_node, port=closed_port()))
    for call in (lambda sent: target.send(sent, took), target.confirm):
        with pytest.raises(Transient, match="can't be reached"):
            call(result[:1])
    with pytest.raises(Transient, match="can't be reached"):
        target.echo()


def test_a_refused_sop_class_is_named_and_the_others_arrive(pacs_node: PacsNode, result: list[Dataset]) -> None:
    target = CStoreTarget("pacs", pacs_node)
    sent = fresh(result[:3], "5")
    sent[0].SOPClassUID = UNKNOWN_SOP_CLASS
    assert target.send(sent, took) == {UNKNOWN_SOP_CLASS}
    assert target.confirm(sent) == uids(sent[1:])


def test_a_pacs_that_takes_none_of_the_classes_says_so(pacs_node: PacsNode, result: list[Dataset]) -> None:
    sent = fresh(result[:1], "6")
    sent[0].SOPClassUID = UNKNOWN_SOP_CLASS
    assert CStoreTarget("pacs", pacs_node).send(sent, took) == {UNKNOWN_SOP_CLASS}


def test_a_class_that_is_refused_with_the_object_counts_as_not_taken(rejection: list[Dataset]) -> None:
    with peer(KeyObjectSelectionDocumentStorage, status=0x0122) as (node, _):
        assert CStoreTarget("pacs", node).send(rejection, took) == {KeyObjectSelectionDocumentStorage}


def test_what_the_pacs_calls_a_duplicate_is_no_failure(rejection: list[Dataset]) -> None:
    with peer(KeyObjectSelectionDocumentStorage, status=0x0111) as (node, arrived):
        assert CStoreTarget("pacs", node).send(rejection, took) == frozenset()
    assert arrived == [str(rejection[0].SOPInstanceUID)]


def test_each_object_is_acknowledged_also_when_another_fails(result: list[Dataset]) -> None:
    refused, taken = result[0], [one for one in result if one.SOPClassUID != result[0].SOPClassUID]
    sent = [refused, *taken]
    acknowledged: list[str] = []
    with peer(*{str(one.SOPClassUID) for one in taken}) as (node, _):
        assert CStoreTarget("pacs", node).send(sent, acknowledged.append) == {refused.SOPClassUID}
    assert set(acknowledged) == uids(taken)


def test_an_echo_is_answered(pacs_node: PacsNode, by_stow: StowRsTarget) -> None:
    CStoreTarget("pacs", pacs_node).echo()
    by_stow.echo()


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (0xA700, Transient, "out of resources"),
        (0xA900, InputRejected, "does not match the SOP class"),
        (0xC123, InputRejected, "cannot be understood"),
        (0x0124, InputRejected, "not authorised"),
        (0x0110, Transient, "processing failure"),
    ],
)
def test_a_failure_status_becomes_a_reason(
    rejection: list[Dataset], status: int, error: type[Exception], words: str
) -> None:
    with peer(KeyObjectSelectionDocumentStorage, status=status) as (node, arrived):
        with pytest.raises(error, match=words) as refused:
            CStoreTarget("pacs", node).send(rejection, took)
        assert arrived == [str(rejection[0].SOPInstanceUID)]
    assert "Key Object Selection" in str(refused.value)


@pytest.mark.parametrize("status", [0x0000, 0xB000, 0xB006, 0xB007])
def test_after_a_warning_the_object_is_stored(rejection: list[Dataset], status: int) -> None:
    with peer(KeyObjectSelectionDocumentStorage, status=status) as (node, arrived):
        CStoreTarget("pacs", node).send(rejection, took)
    assert arrived == [str(rejection[0].SOPInstanceUID)]


def test_a_connection_that_breaks_is_worth_another_try(rejection: list[Dataset]) -> None:
    with (
        peer(KeyObjectSelectionDocumentStorage, aborts=True) as (node, _),
        pytest.raises(Transient, match=r"did not answer|ended the association"),
    ):
        CStoreTarget("pacs", node).send(rejection, took)


def test_without_c_find_the_pacs_is_asked_by_qido(qido: QidoRs, pacs_node: PacsNode, rejection: list[Dataset]) -> None:
    sent = fresh(rejection, "7")
    CStoreTarget("pacs", pacs_node).send(sent, took)
    with peer(KeyObjectSelectionDocumentStorage) as (node, _):
        assert CStoreTarget("pacs", node, qido).confirm(sent) == uids(sent)
        with pytest.raises(InputRejected, match="no C-FIND"):
            CStoreTarget("pacs", node).confirm(sent)


def test_refused_credentials_of_stow_rs_are_named(archives: System, rejection: list[Dataset]) -> None:
    url = f"http://127.0.0.1:{archives.ports.pacs_http}/dicom-web"
    target = StowRsTarget("pacs", url, "demo", "not the password")
    with pytest.raises(InputRejected, match="The PACS refuses the credentials"):
        target.send(rejection, took)
    with pytest.raises(InputRejected, match="credentials"):
        target.confirm(rejection)


def test_a_closed_port_of_stow_rs_is_worth_another_try(rejection: list[Dataset]) -> None:
    target = StowRsTarget("pacs", f"http://127.0.0.1:{closed_port()}/dicom-web", "demo", "irrelevant")
    with pytest.raises(Transient, match="The PACS can't be reached"):
        target.send(rejection, took)
    with pytest.raises(Transient, match="can't be reached"):
        target.confirm(rejection)


def test_nothing_to_send_opens_no_connection() -> None:
    CStoreTarget("pacs", PacsNode("127.0.0.1", closed_port(), "PACS", "INTERVAL")).send([], took)
    StowRsTarget("pacs", f"http://127.0.0.1:{closed_port()}", "", "").send([], took)
