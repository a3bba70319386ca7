from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from pydicom.dataset import Dataset

from processing.dicom import formats
from processing.dicom.palette import TUMOUR_COLOURS_RGB
from processing.dicom.provenance import Provenance
from processing.dicom.result import ObjectKind, ResultObject, to_part10
from processing.dicom.tumour_pages import TumourContent
from processing.domain.decision import Acceptance, Verdict
from processing.domain.errors import Defect, InputRejected
from processing.domain.messages import JobOutcome, OutcomeStatus
from processing.domain.result import TumourResult
from processing.domain.tumour import TumourLabel
from tests.unit.dicom.made import dciodvfy_errors, review_of, unacceptable
from tests.unit.dicom.tumour_made import ALARM, CENTRE_MM, MadeTumour, made_tumour

PROVENANCE = Provenance("tumour_volumetry", "0.1.0", "Brain tumour volumes", seed="job-1")
ALL = review_of([1, 2, 3], [])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadeTumour:
    return made_tumour(tmp_path_factory.mktemp("tumour"))


def outcome_of(result: TumourResult) -> JobOutcome:
    """As it travels."""
    empty = JobOutcome(job_id="job-1", attempt=1, status=OutcomeStatus.SUCCEEDED)
    return JobOutcome.model_validate_json(formats.succeeded(empty, result).model_dump_json())


def one(objects: Sequence[ResultObject], kind: ObjectKind) -> Dataset:
    return next(item.dataset for item in objects if item.kind is kind)


def numbers(report: Dataset) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for element in report.iterall():
        if element.keyword == "ContentSequence":
            for item in element.value:
                if item.ValueType == "NUM":
                    code = str(item.ConceptNameCodeSequence[0].CodeValue)
                    found.setdefault(code, []).append(float(item.MeasuredValueSequence[0].NumericValue))
    return found


def test_a_draft_and_a_signed_result_are_what_the_standard_allows(made: MadeTumour, tmp_path: Path) -> None:
    for review in (None, ALL, unacceptable()):
        objects = formats.write(made.images, made.result, PROVENANCE, review)
        for kind in {item.kind for item in objects}:
            path = tmp_path / "object.dcm"
            path.write_bytes(to_part10(one(objects, kind)))
            assert dciodvfy_errors(path) == [], kind


def test_a_stored_draft_is_read_back_as_it_was(made: MadeTumour) -> None:
    objects = formats.write(made.images, made.result, PROVENANCE)
    read = formats.read((item.dataset for item in objects), made.images.reference.volume.grid, outcome_of(made.result))
    assert isinstance(read, TumourResult)
    assert formats.same_outlines(read, made.result)
    assert read.findings == made.result.findings
    assert read.warnings == made.result.warnings
    np.testing.assert_allclose(read.to_atlas, made.result.to_atlas, atol=1e-6)
    for role, transform in made.result.to_series.items():
        np.testing.assert_allclose(read.to_series[role].matrix, transform.matrix, atol=1e-6)
        np.testing.assert_allclose(read.aligned[role].array, made.result.aligned[role].array, atol=0.6)
    again = formats.write(made.images, read, PROVENANCE, ALL)
    assert {item.kind for item in again} == {item.kind for item in objects} | {ObjectKind.DOCUMENT}


def test_a_missing_object_or_part_is_refused(made: MadeTumour) -> None:
    grid, outcome = made.images.reference.volume.grid, outcome_of(made.result)
    objects = formats.write(made.images, made.result, PROVENANCE)
    for kind in (ObjectKind.SEGMENTATION, ObjectKind.REGISTRATION, ObjectKind.ALIGNED_FLAIR):
        with pytest.raises(InputRejected):
            formats.read((item.dataset for item in objects if item.kind is not kind), grid, outcome)


def test_segments_lie_on_the_side_of_the_tumour_and_say_what_they_are(made: MadeTumour) -> None:
    dataset = one(formats.write(made.images, made.result, PROVENANCE), ObjectKind.SEGMENTATION)
    volume = hd.seg.Segmentation.from_dataset(dataset).get_volume(combine_segments=True, allow_missing_positions=True)
    mirrored = np.array(CENTRE_MM) * [-1.0, 1.0, 1.0]
    for point, inside in ((np.array(CENTRE_MM), True), (mirrored, False)):
        index = np.rint(volume.map_reference_to_indices(point[None])).astype(int)[0]
        within = bool(((index >= 0) & (index < volume.array.shape[:3])).all())
        assert (within and bool(volume.array[tuple(index)] > 0)) is inside
    types = {item.SegmentLabel: item.SegmentedPropertyTypeCodeSequence[0].CodeValue for item in dataset.SegmentSequence}
    assert types == {
        "Non-enhancing or necrotic core": "C81175",
        "FLAIR hyperintensity": "79654002",
        "Enhancing tumour": "C113842",
    }


def test_the_report_holds_volumes_ratios_diameters_alarms_and_the_side(made: MadeTumour) -> None:
    report = one(formats.write(made.images, made.result, PROVENANCE, ALL), ObjectKind.REPORT)
    measured, volumes = numbers(report), made.result.volumes
    assert measured["118565006"] == pytest.approx(
        [1000 * ml for ml in (volumes.whole_ml, volumes.core_ml, volumes.hyperintensity_ml, volumes.enhancing_ml)],
        abs=0.06,
    )
    assert {code: values[0] for code, values in measured.items() if "/" in code} == pytest.approx(
        dict(zip(_RATIO_CODES, volumes.ratios().values(), strict=True)), abs=1e-4
    )
    assert (measured["103339001"], measured["131189007"]) == ([12.0], [11.0])
    assert measured["DISCORDALARMS"] == [1.0]
    meanings = [str(element.value) for element in report.iterall() if element.keyword == "CodeMeaning"]
    assert "Left" in meanings
    assert "Right" not in meanings
    said = " ".join(str(element.value) for element in report.iterall() if element.keyword == "TextValue")
    assert ALARM.words in said


_RATIO_CODES = ("ET/NCR", "ET/ET+NCR", "ET/ED", "ET/WT", "ED/NCR", "ED/ET+NCR", "ED/WT", "NCR/WT")


def test_a_rejected_part_is_left_out_of_everything_and_so_are_the_sums(made: MadeTumour) -> None:
    objects = formats.write(made.images, made.result, PROVENANCE, review_of([2, 3], [TumourLabel.CORE]))
    segments = [str(item.TrackingID) for item in one(objects, ObjectKind.SEGMENTATION).SegmentSequence]
    assert segments == ["Tumour part 2", "Tumour part 3"]
    measured = numbers(one(objects, ObjectKind.REPORT))
    assert len(measured["118565006"]) == 2
    assert not [code for code in measured if "/" in code]
    (content,) = [item.content for item in objects if item.content is not None]
    assert isinstance(content, TumourContent)
    assert content.parts == (TumourLabel.HYPERINTENSITY, TumourLabel.ENHANCING)


def test_of_a_rejected_tumour_nothing_but_the_rejection_leaves(made: MadeTumour) -> None:
    objects = formats.write(made.images, made.result, PROVENANCE, unacceptable())
    assert {item.kind for item in objects} == {ObjectKind.REJECTION, ObjectKind.DOCUMENT}


def test_verdicts_of_another_result_are_a_defect(made: MadeTumour) -> None:
    wrong = replace(ALL, verdicts={7: Verdict.ACCEPTED})
    assert wrong.acceptance is Acceptance.ACCEPTABLE
    with pytest.raises(Defect, match="not those of this tumour"):
        formats.write(made.images, made.result, PROVENANCE, wrong)


def test_the_overview_marks_the_tumour_on_the_patients_left(made: MadeTumour) -> None:
    pictures = [
        item.dataset for item in formats.write(made.images, made.result, PROVENANCE) if item.kind is ObjectKind.PICTURES
    ]
    largest = pictures[1 + (len(pictures) - 1) // 2].pixel_array.astype(int)
    enhancing = np.abs(largest - np.array(TUMOUR_COLOURS_RGB[TumourLabel.ENHANCING])).sum(axis=-1) < 20
    columns = np.flatnonzero(enhancing[104:-70].any(axis=0))
    width = largest.shape[1]
    second = columns[(columns > width // 4) & (columns < width // 2)]
    assert second.size
    assert second.mean() > 3 * width / 8, "the patient's left is on the picture's right"
