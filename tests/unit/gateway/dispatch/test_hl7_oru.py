"""Messages about signed results, to a receiver that really listens."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import hl7
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import Comprehensive3DSRStorage, KeyObjectSelectionDocumentStorage, SegmentationStorage, generate_uid

from gateway.association import PacsNode
from gateway.dispatch.hl7_oru import OruTarget, oru_message
from processing.domain.errors import InputRejected, Transient

NODE = PacsNode("127.0.0.1", 1, "RIS", "INTERVAL")


def _report(lesions: int = 3, sop_class: str = Comprehensive3DSRStorage) -> Dataset:
    report = Dataset()
    report.SOPClassUID, report.SOPInstanceUID, report.StudyInstanceUID = sop_class, generate_uid(), generate_uid()
    report.PatientID, report.IssuerOfPatientID, report.PatientName = "47|11", "HOSPITAL", "Müller&Co^Anna"
    report.PatientBirthDate, report.PatientSex, report.AccessionNumber = "19700101", "F", "A^1"
    name, value, container = Dataset(), Dataset(), Dataset()
    name.CodeValue, name.CodingSchemeDesignator, name.CodeMeaning = "246206008", "SCT", "Number of lesions"
    value.NumericValue = lesions
    item = Dataset()
    item.ConceptNameCodeSequence, item.MeasuredValueSequence = [name], [value]
    container.ContentSequence = [item]
    report.ContentSequence = [container]
    return report


@contextmanager
def _receiver(
    code: str = "AA", *, about: str | None = None, silent: bool = False
) -> Iterator[tuple[PacsNode, list[str]]]:
    """A receiver that acknowledges each message in the same way."""
    heard: list[str] = []

    def serve(server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                content = b""
                while not content.endswith(b"\x1c\x0d"):
                    part = connection.recv(4096)
                    if not part:
                        break
                    content += part
                if not content:
                    continue
                heard.append(content.strip(b"\x0b\x1c\r").decode())
                if silent:
                    continue
                control_id = about or str(hl7.parse(heard[-1]).segment("MSH")(10))
                answer = f"MSH|^~\\&|RIS||INTERVAL||20240101||ACK|1|P|2.5.1\rMSA|{code}|{control_id}\r"
                connection.sendall(b"\x0b" + answer.encode() + b"\x1c\x0d")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        yield PacsNode("127.0.0.1", int(server.getsockname()[1]), "RIS", "INTERVAL"), heard
        server.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=60)


def test_one_message_tells_about_a_result_and_its_acknowledgement_counts_for_all_objects() -> None:
    report, segmentation = _report(), Dataset()
    segmentation.SOPClassUID, segmentation.SOPInstanceUID = SegmentationStorage, generate_uid()
    uids = {str(report.SOPInstanceUID), str(segmentation.SOPInstanceUID)}
    taken: set[str] = set()
    with _receiver() as (node, heard):
        target = OruTarget("ris", node)
        assert target.confirm([segmentation, report]) == frozenset()
        assert target.send([segmentation, report], taken.add) == frozenset()
        assert target.confirm([segmentation, report]) == uids
    assert taken == uids
    (message,) = (hl7.parse(one) for one in heard)
    assert str(message.segment("PID")(3)) == "47\\F\\11^^^HOSPITAL"
    assert str(message.segment("PID")(5)) == "Müller\\T\\Co^Anna"
    assert [str(message.segment("PID")(7)), str(message.segment("PID")(8))] == ["19700101", "F"]
    assert [str(message.segment("OBR")(3)), str(message.segment("OBR")(25))] == ["A\\S\\1", "F"]
    observed = {str(line(3)): str(line(5)) for line in message.segments("OBX")}
    assert observed["246206008^Number of lesions^SCT"] == "3"
    assert observed["110180^Study Instance UID^DCM"] == report.StudyInstanceUID
    assert "not a medical device" in observed["RESULT^Result^L"]


def test_a_result_that_is_told_again_has_the_same_control_id_and_a_corrected_one_says_so() -> None:
    report = _report()
    first, again = (hl7.parse(oru_message(report, NODE)) for _ in range(2))
    assert str(first.segment("MSH")(10)) == str(again.segment("MSH")(10))
    report.PredecessorDocumentsSequence = [Dataset()]
    report.SOPInstanceUID = generate_uid()
    corrected = hl7.parse(oru_message(report, NODE))
    assert str(corrected.segment("OBR")(25)) == "C"
    assert str(corrected.segment("MSH")(10)) != str(first.segment("MSH")(10))


@pytest.mark.parametrize("kind", [Comprehensive3DSRStorage, KeyObjectSelectionDocumentStorage])
@pytest.mark.parametrize("reopened", [False, True])
def test_what_withdraws_an_earlier_result_is_told_as_its_correction(kind: str, *, reopened: bool) -> None:
    # A result that was rejected after it had been accepted, or the other way round, names no report before it.
    result = [_report(sop_class=kind)]
    withdrawal = [_report(sop_class=KeyObjectSelectionDocumentStorage)] if reopened else []
    with _receiver() as (node, heard):
        OruTarget("ris", node).send([*result, *withdrawal], lambda _: None)
    (message,) = (hl7.parse(one) for one in heard)
    statuses = {str(message.segment("OBR")(25)), *(str(line(11)) for line in message.segments("OBX"))}
    assert statuses == {"C" if reopened else "F"}
    objects = [str(line(5)) for line in message.segments("OBX") if "Result object" in str(line(3))]
    assert objects == [result[0].SOPInstanceUID]


def test_a_rejected_result_is_told_without_a_number() -> None:
    note = _report(sop_class=KeyObjectSelectionDocumentStorage)
    del note.ContentSequence
    message = hl7.parse(oru_message(note, NODE))
    values = [str(line(5)) for line in message.segments("OBX")]
    assert any("rejected the result" in value for value in values)
    assert not any("Number of lesions" in str(line(3)) for line in message.segments("OBX"))


@pytest.mark.parametrize(
    ("code", "about", "error"),
    [("AE", None, InputRejected), ("AR", None, Transient), ("CR", None, Transient), ("AA", "another", Transient)],
)
def test_only_an_acknowledgement_of_this_message_counts(code: str, about: str | None, error: type[Exception]) -> None:
    report = _report()
    with _receiver(code, about=about) as (node, _):
        target = OruTarget("ris", node)
        with pytest.raises(error) as refused:
            target.send([report], lambda _: pytest.fail("nothing was acknowledged"))
        assert "47" not in str(refused.value)
        assert target.confirm([report]) == frozenset()


def test_a_receiver_that_says_nothing_is_tried_again() -> None:
    with _receiver(silent=True) as (node, _), pytest.raises(Transient, match="did not acknowledge"):
        OruTarget("ris", node).send([_report()], lambda _: None)


def test_a_receiver_that_is_away_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
    target = OruTarget("ris", PacsNode("127.0.0.1", port, "RIS", "INTERVAL"))
    for call in (target.echo, lambda: target.send([_report()], lambda _: None)):
        with pytest.raises(Transient, match="can't be reached"):
            call()
