from __future__ import annotations

import copy
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from scipy.spatial.transform import Rotation

from processing.dicom.geometry import POSITION_TOLERANCE_MM
from processing.dicom.read import SourceSeries, parse_part10, read_series
from processing.dicom.result import (
    ObjectKind,
    ResultObject,
    read_result,
    replacing,
    to_part10,
    write_draft,
    write_result,
)
from processing.domain.decision import SignedReview
from processing.domain.errors import Defect, InputRejected
from processing.domain.imaging import Grid
from tests.unit.dicom.made import (
    PROVENANCE,
    Comparison,
    comparison,
    dciodvfy_errors,
    grid_of,
    head,
    instances,
    other_patient,
    result_of,
    review_of,
    unacceptable,
)

SIGNED_ONLY = {ObjectKind.DOCUMENT}
OF_TUMOURS = {ObjectKind.ALIGNED_T1, ObjectKind.ALIGNED_T2, ObjectKind.ALIGNED_FLAIR}
EVERY_KIND_BUT_REJECTION = set(ObjectKind) - {ObjectKind.REJECTION, ObjectKind.WITHDRAWAL} - SIGNED_ONLY - OF_TUMOURS


def objects_of(made: Comparison, review: SignedReview | None = None) -> tuple[ResultObject, ...]:
    return write_result(made.current, made.prior_headers, made.result, PROVENANCE, review)


def stored(objects: tuple[ResultObject, ...]) -> list[Dataset]:
    return [dcmread(BytesIO(to_part10(item.dataset))) for item in objects]


def uids(objects: tuple[ResultObject, ...]) -> set[str]:
    return {str(item.dataset.SOPInstanceUID) for item in objects}


def with_headers(made: Comparison, **attributes: str) -> Comparison:
    """The same comparison with other attributes in every header."""

    def changed(headers: tuple[Dataset, ...]) -> tuple[Dataset, ...]:
        copies = tuple(copy.deepcopy(header) for header in headers)
        for header in copies:
            for keyword, value in attributes.items():
                setattr(header, keyword, value)
        return copies

    current: SourceSeries = replace(made.current, headers=changed(made.current.headers))
    return replace(made, current=current, prior_headers=changed(made.prior_headers))


def test_a_draft_has_every_kind_of_object(compared: Comparison) -> None:
    objects = write_draft(compared.current, compared.prior_headers, compared.result, PROVENANCE)
    counts = Counter(item.kind for item in objects)
    assert set(counts) == EVERY_KIND_BUT_REJECTION
    slices = compared.current.volume.grid.shape[0]
    assert counts[ObjectKind.PICTURES] == 4
    assert counts[ObjectKind.REGISTERED_PRIOR] == counts[ObjectKind.SUBTRACTION] == slices


def test_a_draft_without_lesions_has_no_segmentation(unchanged: Comparison) -> None:
    kinds = {item.kind for item in objects_of(unchanged)}
    assert kinds == EVERY_KIND_BUT_REJECTION - {ObjectKind.SEGMENTATION}


def test_every_object_belongs_to_the_patient_and_study(compared: Comparison) -> None:
    source = compared.current.reference
    for item in objects_of(compared):
        dataset = item.dataset
        for keyword in ("PatientName", "PatientID", "PatientBirthDate", "StudyInstanceUID", "AccessionNumber"):
            assert str(dataset[keyword].value) == str(source[keyword].value)
        assert dataset.Manufacturer == "Interval"
        assert "research use, not a medical device" in str(dataset.SeriesDescription)
        assert list(dataset.SoftwareVersions)[1] == "ms_longitudinal 1.2.3"


def test_the_same_input_gives_the_same_bytes(compared: Comparison) -> None:
    for review in (None, review_of([1, 2], [3]), unacceptable()):
        first = [to_part10(item.dataset) for item in objects_of(compared, review)]
        second = [to_part10(item.dataset) for item in objects_of(compared, review)]
        assert first == second


def test_all_uids_are_distinct_and_drafts_are_not_signed_objects(compared: Comparison) -> None:
    draft, signed = objects_of(compared), objects_of(compared, review_of([1, 2, 3], []))
    assert len(uids(draft)) == len(draft)
    assert uids(draft).isdisjoint(uids(signed))
    other = write_result(compared.current, compared.prior_headers, compared.result, replace(PROVENANCE, seed="2"), None)
    assert uids(draft).isdisjoint(uids(other))


def test_no_two_objects_share_an_element(compared: Comparison) -> None:
    # Whoever gives an object its identity back changes it in place; it must not change its neighbour.
    # The elements are kept, so that no address is used again.
    seen = {id(element): element for header in compared.current.headers for element in header.iterall()}
    for item in objects_of(compared):
        for element in item.dataset.iterall():
            assert id(element) not in seen, (item.kind, element.keyword)
            seen[id(element)] = element


def test_only_accepted_lesions_leave(compared: Comparison) -> None:
    objects = objects_of(compared, review_of([2], [1, 3]))
    by_kind = {item.kind: item.dataset for item in objects}
    assert [item.TrackingID for item in by_kind[ObjectKind.SEGMENTATION].SegmentSequence] == ["Lesion 2"]
    report = str(by_kind[ObjectKind.REPORT])
    accepted = compared.result.lesions[1]
    assert f"'{round(accepted.volume_mm3, 1)}'" in report
    for rejected in (compared.result.lesions[0], compared.result.lesions[2]):
        assert f"'{round(rejected.volume_mm3, 1)}'" not in report
        assert f"Lesion {rejected.number}" not in report
    pictures = [item.dataset.ImageComments for item in objects if item.kind is ObjectKind.PICTURES]
    assert pictures == ["Overview", "Lesion 2, growing"]


def test_nothing_accepted_is_a_report_of_no_lesion(compared: Comparison) -> None:
    objects = objects_of(compared, review_of([], [1, 2, 3]))
    assert ObjectKind.SEGMENTATION not in {item.kind for item in objects}
    report = next(item.dataset for item in objects if item.kind is ObjectKind.REPORT)
    assert "mm3" not in str(report)


def test_an_unacceptable_result_leaves_nothing_but_its_rejection(compared: Comparison) -> None:
    rejection, document = objects_of(compared, unacceptable("Motion in the prior study"))
    assert rejection.kind is ObjectKind.REJECTION
    assert document.kind is ObjectKind.DOCUMENT
    dataset = rejection.dataset
    assert dataset.ConceptNameCodeSequence[0].CodeValue == "113001"
    text = " ".join(str(element.value) for element in dataset.iterall())
    assert "Motion in the prior study" in text
    assert "Dr. Jörg Prüfer" in text
    assert "mm3" not in text
    assert "Volume" not in text
    assert "Lesion" not in text


def referenced(dataset: Dataset) -> set[str]:
    found: set[str] = set()
    for element in dataset.iterall():
        if element.keyword == "ReferencedSOPInstanceUID":
            found.add(str(element.value))
    return found


def test_a_rejection_references_the_draft_and_never_the_patient_s_images(compared: Comparison) -> None:
    rejection, _ = objects_of(compared, unacceptable())
    draft: dict[ObjectKind, list[str]] = {kind: [] for kind in ObjectKind}
    for item in objects_of(compared):
        draft[item.kind].append(str(item.dataset.SOPInstanceUID))
    assert referenced(rejection.dataset) == {
        draft[ObjectKind.SEGMENTATION][0],
        draft[ObjectKind.REPORT][0],
        draft[ObjectKind.PICTURES][0],
    }
    images = {str(header.SOPInstanceUID) for header in (*compared.current.headers, *compared.prior_headers)}
    assert referenced(rejection.dataset).isdisjoint(images)
    evidence = rejection.dataset.CurrentRequestedProcedureEvidenceSequence[0]
    series = {str(item.SeriesInstanceUID) for item in evidence.ReferencedSeriesSequence}
    assert series == {PROVENANCE.uid(kind) for kind in ("segmentation", "report", "pictures")}


def test_a_rejection_without_lesions_references_no_segmentation(unchanged: Comparison) -> None:
    rejection, _ = objects_of(unchanged, unacceptable())
    assert PROVENANCE.uid("segmentation", 1) not in referenced(rejection.dataset)


def test_verdicts_of_another_result_are_a_defect(compared: Comparison) -> None:
    for review in (review_of([1, 2], []), review_of([1, 2, 3, 4], [])):
        with pytest.raises(Defect, match="verdicts"):
            objects_of(compared, review)


def test_a_draft_can_be_read_back(compared: Comparison) -> None:
    grid, result = compared.current.volume.grid, compared.result
    read = read_result(
        stored(objects_of(compared))[::-1],
        grid,
        lesions=result.lesions,
        warnings=result.warnings,
    )
    np.testing.assert_array_equal(read.lesion_map.array, result.lesion_map.array)
    np.testing.assert_allclose(read.registered_prior.array, result.registered_prior.array, atol=0.5)
    np.testing.assert_allclose(read.subtraction.array, result.subtraction.array, atol=0.00051)
    np.testing.assert_allclose(read.current_to_prior.matrix, result.current_to_prior.matrix, atol=1e-9)
    assert read.lesions == result.lesions
    assert read.registered_prior.grid is grid


def test_what_was_let_in_can_be_read_back(tmp_path: Path) -> None:
    """Scanners round direction cosines: the slices then lie beside the stack that the cosines say, by up to 0.1 mm."""
    grid = tilted(grid_of(shape=(34, 48, 48), spacing_mm=(3.0, 0.9, 0.9)))
    images = instances(tmp_path / "current", head(grid))
    for image in images:
        image.ImageOrientationPatient = [round(float(value), 3) for value in image.ImageOrientationPatient]
    current = read_series(images)
    prior = read_series(instances(tmp_path / "prior", head(grid), visit=0))
    off_mm = max(
        float(np.linalg.norm(frame.position_mm - current.volume.grid.index_to_lps((z, 0, 0))))
        for z, frame in enumerate(current.geometry.frames)
    )
    assert 0.05 < off_mm < POSITION_TOLERANCE_MM, "the series is one of those that are rounded and let in"
    result = result_of(current, prior, 3)
    written = write_draft(current, prior.headers, result, PROVENANCE)
    parsed = parse_part10(to_part10(item.dataset) for item in written)
    read = read_result(parsed, current.volume.grid, lesions=result.lesions)
    np.testing.assert_array_equal(read.lesion_map.array, result.lesion_map.array)


def tilted(grid: Grid) -> Grid:
    """The same grid, turned so that rounding its cosines to three decimals moves its last slice as far as possible."""
    turn = Rotation.from_euler("xyz", [9, 24, 7], degrees=True).as_matrix()
    affine = grid.affine.copy()
    affine[:3] = turn @ affine[:3]
    return Grid(grid.shape, affine)


def test_what_was_read_back_gives_the_same_final_objects(compared: Comparison) -> None:
    grid, result = compared.current.volume.grid, compared.result
    read = read_result(stored(objects_of(compared)), grid, lesions=result.lesions, warnings=result.warnings)
    review = review_of([1, 3], [2])
    again = write_result(compared.current, compared.prior_headers, read, PROVENANCE, review)
    expected = objects_of(compared, review)
    assert uids(again) == uids(expected)
    for kind in (ObjectKind.SEGMENTATION, ObjectKind.REPORT, ObjectKind.REGISTERED_PRIOR, ObjectKind.SUBTRACTION):
        mine = [to_part10(item.dataset) for item in again if item.kind is kind]
        assert mine == [to_part10(item.dataset) for item in expected if item.kind is kind]


@pytest.mark.parametrize("kind", [ObjectKind.REGISTERED_PRIOR, ObjectKind.SUBTRACTION, ObjectKind.REGISTRATION])
def test_a_missing_object_is_named(compared: Comparison, kind: ObjectKind) -> None:
    kept = stored(tuple(item for item in objects_of(compared) if item.kind is not kind))
    with pytest.raises(InputRejected, match=f"has no {kind}"):
        read_result(kept, compared.current.volume.grid, lesions=compared.result.lesions)


def test_lesions_without_their_segmentation_are_refused(compared: Comparison) -> None:
    objects = objects_of(compared)
    kept = stored(tuple(item for item in objects if item.kind is not ObjectKind.SEGMENTATION))
    with pytest.raises(InputRejected, match="no segmentation"):
        read_result(kept, compared.current.volume.grid, lesions=compared.result.lesions)
    with pytest.raises(InputRejected, match="does not hold what the result names"):
        read_result(stored(objects), compared.current.volume.grid, lesions=compared.result.lesions[:2])


def test_no_object_of_a_moved_study_tells_the_time(compared: Comparison) -> None:
    moved = with_headers(compared, LongitudinalTemporalInformationModified="MODIFIED")
    allowed = {str(moved.current.reference[k].value) for k in ("StudyDate", "PatientBirthDate")}
    for item in objects_of(moved):
        for element in item.dataset.iterall():
            if element.VR in ("DA", "DT") and element.value:
                assert str(element.value)[:8] in allowed, element.keyword


def test_names_keep_their_letters(tmp_path: Path) -> None:
    # The scanner writes Latin-1, every object is UTF-8.
    made = comparison(tmp_path, patient=other_patient("Jürgens^Åsa"))
    assert made.current.reference.SpecificCharacterSet == "ISO_IR 100"
    for dataset in stored(objects_of(made, review_of([1], [2, 3]))):
        assert str(dataset.PatientName) == "Jürgens^Åsa"
        assert dataset.SpecificCharacterSet == "ISO_IR 192"


def test_odd_values_in_the_source_do_not_stop_a_result(compared: Comparison) -> None:
    odd = with_headers(compared, PatientSex="", PatientBirthDate="", StudyTime="", AccessionNumber="", StudyID="")
    assert len(objects_of(odd)) == len(objects_of(compared))


def test_a_source_without_frame_of_reference_is_refused(compared: Comparison) -> None:
    with pytest.raises(InputRejected, match="UID is missing"):
        objects_of(with_headers(compared, FrameOfReferenceUID=""))


@pytest.mark.parametrize("case", ["draft", "signed", "nothing accepted", "unacceptable", "multi-frame"])
def test_dciodvfy_finds_no_error_in_anything(
    case: str, compared: Comparison, compared_multi_frame: Comparison, tmp_path: Path
) -> None:
    reviews = {
        "signed": review_of([1, 3], [2]),
        "nothing accepted": review_of([], [1, 2, 3]),
        "unacceptable": unacceptable(),
    }
    made = compared_multi_frame if case == "multi-frame" else compared
    seen: Counter[ObjectKind] = Counter()
    for item in objects_of(made, reviews.get(case)):
        seen[item.kind] += 1
        # The slices of a series differ in position and pixels only.
        if seen[item.kind] > 2:
            continue
        path = tmp_path / "object.dcm"
        path.write_bytes(to_part10(item.dataset))
        assert dciodvfy_errors(path) == [], item.kind


def test_a_signed_object_says_by_which_clock_it_is_dated(compared: Comparison) -> None:
    """Shortly after midnight at the site it is still yesterday in UTC."""
    signed_at = datetime(2026, 6, 2, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    for review in (review_of([1, 2, 3], []), unacceptable()):
        for item in objects_of(compared, replace(review, signed_at=signed_at)):
            dataset = item.dataset
            assert (str(dataset.ContentDate), str(dataset.ContentTime)) == ("20260602", "003000")
            assert dataset.TimezoneOffsetFromUTC == "+0200"
    assert all("TimezoneOffsetFromUTC" not in item.dataset for item in objects_of(compared))


def replaced(made: Comparison, first: SignedReview, second: SignedReview) -> tuple[ResultObject, ...]:
    """The objects of a second signature that replace those of the first."""
    provenance = PROVENANCE.as_signed(second.edition)
    finals, before = objects_of(made, second), objects_of(made, first)
    return replacing(made.current.reference, finals, before, provenance, second)


def test_a_second_signature_withdraws_every_object_of_the_first(compared: Comparison, tmp_path: Path) -> None:
    first, second = review_of([1, 2], [3]), replace(review_of([1], [2, 3]), edition=2)
    before, objects = objects_of(compared, first), replaced(compared, first, second)
    assert uids(before).isdisjoint(uids(objects)), "what is signed again is never taken for what was signed before"
    (withdrawal,) = [item.dataset for item in objects if item.kind is ObjectKind.WITHDRAWAL]
    assert referenced(withdrawal) == uids(before)
    assert withdrawal.ConceptNameCodeSequence[0].CodeValue == "113001"
    assert any("revision 2" in str(element.value) for element in withdrawal.iterall())
    images = {str(header.SOPInstanceUID) for header in (*compared.current.headers, *compared.prior_headers)}
    assert referenced(withdrawal).isdisjoint(images), "the patient's own images are never hidden"
    (report,) = [item.dataset for item in objects if item.kind is ObjectKind.REPORT]
    predecessor = report.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert predecessor.ReferencedSOPInstanceUID == PROVENANCE.as_signed().uid("report", 1)
    for item in (withdrawal, report):
        file = tmp_path / "object.dcm"
        file.write_bytes(to_part10(item))
        assert dciodvfy_errors(file) == []


def test_a_rejection_withdraws_what_was_accepted_before(compared: Comparison) -> None:
    second = replace(unacceptable(), edition=2)
    objects = replaced(compared, review_of([1, 2, 3], []), second)
    kinds = [item.kind for item in objects]
    assert kinds == [ObjectKind.REJECTION, ObjectKind.DOCUMENT, ObjectKind.WITHDRAWAL]
    assert referenced(objects[-1].dataset) == uids(objects_of(compared, review_of([1, 2, 3], [])))


def test_what_no_target_took_is_not_withdrawn(compared: Comparison) -> None:
    review = replace(review_of([1], [2, 3]), edition=2)
    objects = replacing(compared.current.reference, objects_of(compared, review), (), PROVENANCE.as_signed(2), review)
    assert ObjectKind.WITHDRAWAL not in {item.kind for item in objects}
