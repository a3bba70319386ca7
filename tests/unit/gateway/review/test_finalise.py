from __future__ import annotations

from collections.abc import Mapping

import pytest
from pydicom.dataset import Dataset

from gateway.review.finalise import final_objects
from processing.dicom.lesion_pages import LesionContent
from processing.dicom.result import ObjectKind, ResultObject
from processing.domain.decision import Acceptance, SignedReview, Verdict
from processing.domain.errors import Defect
from processing.domain.messages import OutcomeStatus
from processing.domain.versions import Basis, Ledger, VersionEntry, VolumeLimits
from tests.unit.gateway.front import NOON
from tests.unit.gateway.front_result import Compared


def review(verdicts: Mapping[int, Verdict], acceptance: Acceptance = Acceptance.ACCEPTABLE) -> SignedReview:
    return SignedReview(
        reader_name="Dr. Anna Muster",
        signed_at=NOON,
        acceptance=acceptance,
        rating=4,
        comment="Registration is off.",
        verdicts=verdicts,
    )


FIRST_ONLY = {1: Verdict.ACCEPTED, 2: Verdict.REJECTED}


def of_kind(objects: tuple[ResultObject, ...], kind: ObjectKind) -> list[Dataset]:
    return [one.dataset for one in objects if one.kind is kind]


def values(dataset: Dataset) -> str:
    """Every value at every depth, but pixels."""
    return "\n".join(str(element.value) for element in dataset.iterall() if element.keyword != "PixelData")


def uids(objects: tuple[ResultObject, ...]) -> list[str]:
    return [str(one.dataset.SOPInstanceUID) for one in objects]


def test_only_accepted_lesions_leave(compared: Compared) -> None:
    objects = final_objects(compared.archive, compared.order, compared.outcome, review(FIRST_ONLY))
    (segmentation,) = of_kind(objects, ObjectKind.SEGMENTATION)
    assert [segment.TrackingID for segment in segmentation.SegmentSequence] == ["Lesion 1"]
    (report,) = of_kind(objects, ObjectKind.REPORT)
    text = values(report)
    assert "Lesion 1" in text
    assert "Lesion 2" not in text


@pytest.mark.parametrize(("version", "known"), [("9.9.9", True), ("9.9.8", False)])
def test_a_change_is_held_against_the_measurement_error_of_its_version(
    compared: Compared, version: str, *, known: bool
) -> None:
    lesion = compared.outcome.lesions[0]
    limits = [
        VolumeLimits(low_mm3=1, high_mm3=None, factor=1.2, difference_mm3=lesion.volume_mm3 + by, lesions=9)
        for by in (-1, 1)
    ]
    for limit, verdict in zip(limits, ("exceeds", "is within"), strict=True):
        entry = VersionEntry(version=version, basis=Basis.FIRST, decided=NOON.date(), limits=(limit,))
        ledger = Ledger(pipelines={compared.order.pipeline: (entry,)})
        objects = final_objects(compared.archive, compared.order, compared.outcome, review(FIRST_ONLY), ledger=ledger)
        (report,) = of_kind(objects, ObjectKind.REPORT)
        said = f"the change {verdict} the measurement error (limits of agreement ±{limit.difference_mm3:.0f} mm³)"
        assert (said in values(report)) is known
        assert ("VOLUMELIMITS" in values(report)) is known
        (content,) = [one.content for one in objects if one.content is not None]
        assert isinstance(content, LesionContent)
        assert content.lesions[0].exceeds_measurement_error is ((verdict == "exceeds") if known else None)


def test_the_objects_are_new_ones_of_the_version_that_ran(compared: Compared) -> None:
    objects = final_objects(compared.archive, compared.order, compared.outcome, review(FIRST_ONLY))
    drafts = {stored.sop_instance_uid for stored in compared.outcome.objects}
    assert drafts.isdisjoint(uids(objects)), "a draft and a signed object are never taken for each other"
    (report,) = of_kind(objects, ObjectKind.REPORT)
    assert "9.9.9" in str(report.SoftwareVersions)


def test_the_same_review_gives_the_same_objects(compared: Compared) -> None:
    once = final_objects(compared.archive, compared.order, compared.outcome, review(FIRST_ONLY))
    again = final_objects(compared.archive, compared.order, compared.outcome, review(FIRST_ONLY))
    assert uids(once) == uids(again)
    assert [one.dataset for one in once] == [one.dataset for one in again]


def test_no_identity_is_in_them(compared: Compared) -> None:
    objects = final_objects(compared.archive, compared.order, compared.outcome, review(FIRST_ONLY))
    for one in objects:
        assert one.dataset.PatientID == compared.current.pseudonym
        assert one.dataset.StudyInstanceUID == compared.current.study_instance_uid
        assert "Demo^Interval" not in values(one.dataset)


def test_a_rejected_result_leaves_a_rejection_and_no_volume(compared: Compared) -> None:
    signed = review({1: Verdict.ACCEPTED}, Acceptance.UNACCEPTABLE)
    objects = final_objects(compared.archive, compared.order, compared.outcome, signed)
    rejection, document = objects
    assert document.kind is ObjectKind.DOCUMENT
    assert rejection.kind is ObjectKind.REJECTION
    assert rejection.dataset.ConceptNameCodeSequence[0].CodeValue == "113001"
    text = values(rejection.dataset)
    assert "Registration is off." in text
    for volume in ("118565006", "ADDEDVOLUME", "LOSTVOLUME", "PRIORVOLUME"):
        assert volume not in text


def test_a_result_without_lesions_is_reported_without_segmentation(compared_without_lesions: Compared) -> None:
    compared = compared_without_lesions
    objects = final_objects(compared.archive, compared.order, compared.outcome, review({}))
    assert not of_kind(objects, ObjectKind.SEGMENTATION)
    assert of_kind(objects, ObjectKind.REPORT)


def test_verdicts_on_other_lesions_are_a_defect(compared: Compared) -> None:
    with pytest.raises(Defect, match="verdicts"):
        final_objects(compared.archive, compared.order, compared.outcome, review({1: Verdict.ACCEPTED}))


def test_a_draft_that_is_no_longer_whole_is_a_defect(compared: Compared) -> None:
    one = compared.outcome.objects[0].model_copy(update={"sop_instance_uid": "2.25.1"})
    outcome = compared.outcome.model_copy(update={"objects": (one, *compared.outcome.objects)})
    with pytest.raises(Defect, match="no longer holds"):
        final_objects(compared.archive, compared.order, outcome, review(FIRST_ONLY))


def test_a_job_without_result_can_not_be_finalised(compared: Compared) -> None:
    outcome = compared.outcome.model_copy(update={"status": OutcomeStatus.REJECTED})
    with pytest.raises(Defect, match="has none"):
        final_objects(compared.archive, compared.order, outcome, review(FIRST_ONLY))
