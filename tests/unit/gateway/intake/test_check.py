from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian

from gateway.intake.check import DEEPEST_NESTING, check_instance
from processing.domain.errors import InputRejected
from tests.unit.gateway.front import MR_IMAGE, instance, part10


def test_a_complete_object_passes() -> None:
    dataset = instance()
    checked = check_instance(part10(dataset))
    assert (checked.sop_class_uid, checked.sop_instance_uid) == (MR_IMAGE, dataset.SOPInstanceUID)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"hello", "no DICOM"),
        (b"\x89PNG\r\n\x1a\n" + bytes(4000), "no DICOM"),
        (bytes(128) + b"DICM", "no SOP class|can't be parsed"),
        (bytes(128) + b"DICM" + b"\xff" * 400, "no SOP class|can't be parsed"),
    ],
)
def test_garbage_is_named(content: bytes, reason: str) -> None:
    with pytest.raises(InputRejected, match=reason):
        check_instance(content)


@pytest.mark.parametrize(
    ("keyword", "words"),
    [
        ("StudyInstanceUID", "study instance UID"),
        ("SeriesInstanceUID", "series instance UID"),
        ("PatientID", "patient ID"),
    ],
)
@pytest.mark.parametrize("value", [None, "", "  "])
def test_what_later_steps_need_must_be_there(keyword: str, words: str, value: str | None) -> None:
    with pytest.raises(InputRejected, match=f"no {words}"):
        check_instance(part10(instance(**{keyword: value})))


@pytest.mark.parametrize("uid", ["../../etc/passwd", "1.2.x", "1..2", "1.02", ".1.2", "1" * 65])
def test_a_uid_that_is_none_goes_no_further(uid: str) -> None:
    content = part10(instance(StudyInstanceUID=uid))
    with pytest.raises(InputRejected, match="study instance UID is malformed"):
        check_instance(content)


def nested(levels: int) -> bytes:
    dataset = instance()
    inner = Dataset()
    inner.CodeValue = "x"
    for _ in range(levels):
        outer = Dataset()
        outer.ConceptNameCodeSequence = Sequence([inner])
        inner = outer
    dataset.ConceptNameCodeSequence = inner.ConceptNameCodeSequence
    return part10(dataset)


def test_nesting_that_crashes_archives_goes_no_further() -> None:
    check_instance(nested(DEEPEST_NESTING))
    for levels in (DEEPEST_NESTING + 1, 50):
        with pytest.raises(InputRejected, match="nested too deeply"):
            check_instance(nested(levels))


def test_endless_nesting_is_survived() -> None:
    begin = b"\x40\x00\x43\xa0SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    with pytest.raises(InputRejected, match=r"parsed|nested"):
        check_instance(part10(instance()) + begin * 5000)


def test_a_deflated_object_is_not_inflated() -> None:
    dataset = instance()
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    content = part10(dataset)
    with pytest.raises(InputRejected, match="deflated"):
        check_instance(content)


def test_a_file_cut_in_its_header_is_refused() -> None:
    content = part10(instance())
    with pytest.raises(InputRejected):
        check_instance(content[: len(content) // 2])


def test_no_reason_holds_a_value_of_the_file() -> None:
    content = part10(instance(StudyInstanceUID="1.2.3", PatientName="Muster^Anna")).replace(b"1.2.3", b"1.x.3")
    with pytest.raises(InputRejected) as refused:
        check_instance(content)
    assert "1.x.3" not in refused.value.reason
    assert "Muster" not in refused.value.reason
