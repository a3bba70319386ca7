"""Results find their own patient, and no other one's."""

from __future__ import annotations

import copy
from collections.abc import Callable
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage, SecondaryCaptureImageStorage, SegmentationStorage

from gateway.pseudonymise.apply import pseudonymise_instance
from gateway.pseudonymise.identity import Pseudonymiser
from gateway.pseudonymise.record import StudyRecord, StudyRecordBuilder
from gateway.pseudonymise.reidentify import Demographics, ReleaseRefused, reidentify
from tests.unit.pseudonymise.images import encoded, scanner_image

PRIOR_UIDS = {"StudyInstanceUID": "1.3.6.1", "SeriesInstanceUID": "1.3.6.2", "SOPInstanceUID": "1.3.6.3"}
RESTORED = (
    *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"),
    *("AccessionNumber", "ReferringPhysicianName", "StudyID", "StudyDescription", "StudyInstanceUID"),
    *("FrameOfReferenceUID", "AcquisitionDate"),
)
ARCHIVE = Demographics("4711", "Tse^Mei Ling", "19300215", "F", "ELSEWHERE")


def _record(pseudonymiser: Pseudonymiser, **changes: str) -> StudyRecord:
    builder = StudyRecordBuilder(pseudonymiser)
    for number in (1, 2):
        image = scanner_image(number)
        for keyword, value in changes.items():
            setattr(image, keyword, value + (f".{number}" if keyword == "SOPInstanceUID" else ""))
        builder.add(pseudonymise_instance(encoded(image), pseudonymiser), encoded(image))
    return builder.build()


@pytest.fixture
def current(pseudonymiser: Pseudonymiser) -> StudyRecord:
    return _record(pseudonymiser)


@pytest.fixture
def prior(pseudonymiser: Pseudonymiser) -> StudyRecord:
    return _record(pseudonymiser, StudyDate="20230105", **PRIOR_UIDS)


@pytest.fixture
def result(pseudonymiser: Pseudonymiser, current: StudyRecord, prior: StudyRecord) -> Dataset:
    """A secondary capture as a worker makes it: identity from the pseudonymous images, references to both studies."""
    shifted = pseudonymise_instance(encoded(scanner_image(1)), pseudonymiser)
    capture = Dataset()
    capture.file_meta = FileMetaDataset()
    capture.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    capture.file_meta.MediaStorageSOPInstanceUID = UID("2.25.77")
    capture.SOPClassUID = SecondaryCaptureImageStorage
    capture.SOPInstanceUID = "2.25.77"
    capture.SeriesInstanceUID = "2.25.76"
    capture.StudyInstanceUID = current.study_instance_uid
    capture.FrameOfReferenceUID = shifted.frame_of_reference_uid
    capture.PatientName = capture.PatientID = current.pseudonym
    capture.PatientSex = "F"
    capture.PatientBirthDate = ""
    capture.AccessionNumber = ""
    capture.StudyDate = "20200101"
    capture.ContentDate = "20260611"
    capture.AcquisitionDate = _shifted_date(shifted.part10)
    capture.StudyDescription = "what the worker thinks"
    capture.SeriesDescription = "Interval: lesions"
    capture.PatientIdentityRemoved = "YES"
    capture.DeidentificationMethod = "Interval"
    capture.SourceImageSequence = [
        _reference(next(iter(current.instances))),
        _reference(next(iter(prior.instances))),
        _reference("2.25.78", SegmentationStorage),
    ]
    study = Dataset()
    study.StudyInstanceUID = prior.study_instance_uid
    capture.StudiesContainingOtherReferencedInstancesSequence = [study]
    return capture


def _reference(uid: str, sop_class: str = MRImageStorage) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class
    item.ReferencedSOPInstanceUID = uid
    return item


def _shifted_date(part10: bytes) -> str:
    return str(dcmread(BytesIO(part10)).AcquisitionDate)


def test_identity_comes_from_the_original_study(result: Dataset, current: StudyRecord, prior: StudyRecord) -> None:
    before = copy.deepcopy(result)
    released = reidentify(result, current, prior, archive=ARCHIVE)
    assert result == before
    original = scanner_image(1)
    for keyword in RESTORED:
        assert released[keyword].value == original[keyword].value, keyword
    assert released.SeriesDescription == "Interval: lesions"
    for keyword in ("PatientIdentityRemoved", "DeidentificationMethod"):
        assert keyword not in released
    assert current.pseudonym not in released.to_json()


def test_references_lead_to_the_original_images(result: Dataset, current: StudyRecord, prior: StudyRecord) -> None:
    released = reidentify(result, current, prior)
    uids = [item.ReferencedSOPInstanceUID for item in released.SourceImageSequence]
    assert uids[0] == "1.3.12.2.1107.5.2.43.7.30.1"
    assert uids[1] == "1.3.6.3.1"
    assert released.SourceImageSequence[0].ReferencedSOPClassUID == MRImageStorage
    assert released.StudiesContainingOtherReferencedInstancesSequence[0].StudyInstanceUID == "1.3.6.1"


def test_uids_of_interval_become_other_ones_always_the_same(
    result: Dataset, current: StudyRecord, prior: StudyRecord
) -> None:
    released, again = reidentify(result, current, prior), reidentify(result, current, prior)
    assert released == again
    assert released.SOPInstanceUID != result.SOPInstanceUID
    assert released.file_meta.MediaStorageSOPInstanceUID == released.SOPInstanceUID
    # The segmentation that the capture refers to gets the same UID where it is the result itself.
    segmentation = copy.deepcopy(result)
    segmentation.SOPInstanceUID = "2.25.78"
    assert (
        reidentify(segmentation, current, prior).SOPInstanceUID
        == released.SourceImageSequence[2].ReferencedSOPInstanceUID
    )


def test_a_date_of_today_is_not_moved(result: Dataset, current: StudyRecord, prior: StudyRecord) -> None:
    assert reidentify(result, current, prior).ContentDate == "20260611"


def _set(keyword: str, value: str) -> Callable[[Dataset], None]:
    return lambda data: setattr(data, keyword, value)


FORGERIES: dict[str, tuple[Callable[[Dataset], None], str]] = {
    "another study": (_set("StudyInstanceUID", "2.25.5"), "another study"),
    "no study": (lambda data: data.__delattr__("StudyInstanceUID"), "another study"),
    "another pseudonym": (_set("PatientID", "IV-AAAAAAAAAAAA"), "pseudonym"),
    "another name": (_set("PatientName", "IV-AAAAAAAAAAAA"), "name"),
    "another sex": (_set("PatientSex", "M"), "sex"),
    "foreign image": (lambda data: data.SourceImageSequence.append(_reference("2.25.5")), "refers to an image"),
    "image hidden deep": (
        lambda data: setattr(data.SourceImageSequence[0], "SourceImageSequence", [_reference("2.25.5")]),
        "refers to an image",
    ),
    "foreign study": (
        lambda data: setattr(data.StudiesContainingOtherReferencedInstancesSequence[0], "StudyInstanceUID", "2.25.5"),
        "refers to a study",
    ),
    "no instance uid": (_set("SOPInstanceUID", ""), "place of"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_results_are_refused(name: str, result: Dataset, current: StudyRecord, prior: StudyRecord) -> None:
    forge, reason = FORGERIES[name]
    forge(result)
    with pytest.raises(ReleaseRefused, match=reason):
        reidentify(result, current, prior)


def test_a_result_can_not_replace_or_join_the_patients_images(
    result: Dataset, current: StudyRecord, prior: StudyRecord
) -> None:
    replaced, joined = copy.deepcopy(result), copy.deepcopy(result)
    replaced.SOPInstanceUID = next(iter(current.instances))
    joined.SeriesInstanceUID = next(iter(current.series))
    with pytest.raises(ReleaseRefused, match="take the place"):
        reidentify(replaced, current, prior)
    with pytest.raises(ReleaseRefused, match="filed among"):
        reidentify(joined, current, prior)


def test_prior_images_need_the_prior_record(result: Dataset, current: StudyRecord) -> None:
    with pytest.raises(ReleaseRefused):
        reidentify(result, current)


def test_only_objects_of_the_job_may_be_referenced(result: Dataset, current: StudyRecord, prior: StudyRecord) -> None:
    reidentify(result, current, prior, created={"2.25.77", "2.25.78"})
    with pytest.raises(ReleaseRefused, match="refers to an image"):
        reidentify(result, current, prior, created={"2.25.77"})


def test_a_swapped_result_can_not_reach_another_patient(
    result: Dataset, pseudonymiser: Pseudonymiser, current: StudyRecord, prior: StudyRecord
) -> None:
    other = _record(pseudonymiser, PatientID="0815", PatientName="Other^One", **PRIOR_UIDS)
    with pytest.raises(ReleaseRefused, match="another study"):
        reidentify(result, other, prior=None)
    with pytest.raises(ReleaseRefused, match="not of one patient"):
        reidentify(result, current, other)
    # Even with the study's UID forged into it, the pseudonym gives it away; and with that, its references.
    result.StudyInstanceUID = other.study_instance_uid
    with pytest.raises(ReleaseRefused, match="pseudonym"):
        reidentify(result, other)
    result.PatientID = result.PatientName = other.pseudonym
    with pytest.raises(ReleaseRefused, match="refers to"):
        reidentify(result, other)


@pytest.mark.parametrize(
    "archive",
    [
        Demographics("0815", "Tse^Mei Ling", "19300215", "F", "ELSEWHERE"),
        Demographics("4711", "Tse^Mei", "19300215", "F", "ELSEWHERE"),
        Demographics("4711", "Tse^Mei Ling", "19300216", "F", "ELSEWHERE"),
        Demographics("4711", "Tse^Mei Ling", "19300215", "M", "ELSEWHERE"),
        Demographics("4711", "Tse^Mei Ling", "19300215", "F", ""),
    ],
)
def test_changed_demographics_hold_a_result_back(
    archive: Demographics, result: Dataset, current: StudyRecord, prior: StudyRecord
) -> None:
    with pytest.raises(ReleaseRefused, match="changed"):
        reidentify(result, current, prior, archive=archive)


def test_names_that_differ_only_in_padding_agree(result: Dataset, current: StudyRecord, prior: StudyRecord) -> None:
    archive = Demographics("4711 ", "TSE^MEI LING^^", "19300215", "F", "ELSEWHERE")
    assert reidentify(result, current, prior, archive=archive).PatientID == "4711"
