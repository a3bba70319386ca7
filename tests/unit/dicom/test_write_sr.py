from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from processing.dicom.read import parse_part10
from processing.dicom.result import to_part10
from processing.dicom.sr_document import person_name
from processing.dicom.write_seg import write_segmentation
from processing.dicom.write_sr import days_between, write_report
from processing.domain.decision import SignedReview
from processing.domain.result import Lesion, Outline
from tests.unit.dicom.made import NOTE, PROVENANCE, Comparison, dciodvfy_errors, review_of


def report_of(
    made: Comparison, review: SignedReview | None = None, *, lesions: tuple[Lesion, ...] | None = None
) -> Dataset:
    provenance = PROVENANCE if review is None else PROVENANCE.as_signed()
    segmentation = write_segmentation(made.current, made.result.lesion_map, made.result.lesions, provenance)
    report = write_report(
        made.current,
        made.prior_headers,
        lesions or made.result.lesions,
        provenance,
        segmentation=segmentation,
        notes=made.result.warnings,
        review=review,
    )
    (parsed,) = parse_part10([to_part10(report)])
    return parsed


def items(parent: Dataset) -> Iterator[Dataset]:
    yield from parent.get("ContentSequence", [])


def name(item: Dataset) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeValue) if "ConceptNameCodeSequence" in item else ""


def groups(report: Dataset) -> list[Dataset]:
    (container,) = [item for item in items(report) if name(item) == "126010"]
    return list(items(container))


def number(group: Dataset, code: str) -> tuple[float, str]:
    (item,) = [item for item in items(group) if name(item) == code and item.ValueType == "NUM"]
    measured = item.MeasuredValueSequence[0]
    return float(measured.NumericValue), str(measured.MeasurementUnitsCodeSequence[0].CodeValue)


def code(group: Dataset, concept: str) -> Dataset:
    (item,) = [item for item in items(group) if name(item) == concept and item.ValueType == "CODE"]
    return item


VOLUME, ADDED, LOST, PRIOR = "118565006", "ADDEDVOLUME", "LOSTVOLUME", "PRIORVOLUME"


def volumes(group: Dataset) -> dict[str, float]:
    found = {name(item) for item in items(group)} & {VOLUME, ADDED, LOST, PRIOR}
    return {concept: number(group, concept)[0] for concept in found}


def test_only_a_new_lesion_has_a_whole_volume_now(compared: Comparison) -> None:
    new, growing, vanished = compared.result.lesions
    in_report = [volumes(group) for group in groups(report_of(compared))[1:]]
    expected = [
        {VOLUME: new.volume_mm3},
        {ADDED: growing.volume_mm3, PRIOR: growing.prior_volume_mm3},
        {LOST: vanished.volume_mm3, PRIOR: vanished.prior_volume_mm3},
    ]
    assert in_report == [pytest.approx(one, abs=0.05) for one in expected]


def test_volumes_are_in_cubic_millimetres(compared: Comparison) -> None:
    concepts = [VOLUME, ADDED, LOST]
    for concept, group in zip(concepts, groups(report_of(compared))[1:], strict=True):
        assert number(group, concept)[1] == "mm3"


def test_a_private_volume_says_what_it_is(compared: Comparison) -> None:
    _, growing, vanished = groups(report_of(compared))[1:]
    meanings = [
        (item.ConceptNameCodeSequence[0].CodingSchemeDesignator, item.ConceptNameCodeSequence[0].CodeMeaning)
        for group, concept in ((growing, ADDED), (vanished, LOST))
        for item in items(group)
        if name(item) == concept
    ]
    assert meanings == [
        ("99INTERVAL", "Volume added since the prior study"),
        ("99INTERVAL", "Volume lost since the prior study"),
    ]


def test_each_lesion_is_named_and_tracked(compared: Comparison) -> None:
    lesion_groups = groups(report_of(compared))[1:]
    found = [
        (item.TextValue if item.ValueType == "TEXT" else item.UID)
        for group in lesion_groups
        for item in items(group)
        if name(item) in ("112039", "112040")
    ]
    expected = [part for n in (1, 2, 3) for part in (f"Lesion {n}", PROVENANCE.tracking_uid(n))]
    assert found == expected


def test_side_site_and_change_are_coded(compared: Comparison) -> None:
    lesion_groups = groups(report_of(compared))[1:]
    changes = [code(group, "111049").ConceptCodeSequence[0].CodeValue for group in lesion_groups]
    assert changes == ["129721008", "15454001", "272519000"]
    sides = []
    for group in lesion_groups:
        site = code(group, "363698007")
        assert site.ConceptCodeSequence[0].CodeMeaning.endswith("White Matter")
        sides.append([item.ConceptCodeSequence[0].CodeMeaning for item in items(site)])
    assert sides == [["Left"], ["Right"], []]
    comments = [item.TextValue for group in lesion_groups for item in items(group) if name(item) == "121106"]
    assert comments[0] == "New lesion, periventricular, left; confidence 0.90 of 1"
    assert comments[1].startswith("Growing lesion, infratentorial, right")


def test_partial_volume_and_doubt_are_said_of_what_the_algorithm_drew(compared: Comparison) -> None:
    drawn, agreed, corrected = compared.result.lesions
    lesions = (
        replace(drawn, partial_volume_mm3=21.3, disputed=True),
        replace(agreed, volume_mm3=49.9),
        replace(corrected, volume_mm3=49.9, partial_volume_mm3=9.0, outline=Outline.CORRECTED, measured_mm3=12.0),
    )
    made = groups(report_of(compared, lesions=lesions))[1:]
    assert number(made[0], "PARTIALVOLUME") == (21.3, "mm3")
    assert [any(name(item) == "PARTIALVOLUME" for item in items(group)) for group in made] == [True, False, False]
    comments = [item.TextValue for group in made for item in items(group) if name(item) == "121106"]
    assert ["found by one of two detectors only" in comment for comment in comments] == [True, False, False]
    # Of a reader's own outline nothing is taken back.
    assert ["below the limit of quantification (50 mm³)" in comment for comment in comments][1:] == [True, False]


def test_each_lesion_refers_to_its_segment(compared: Comparison) -> None:
    uid = PROVENANCE.uid("segmentation", 1)
    for segment, group in enumerate(groups(report_of(compared))[1:], start=1):
        (item,) = [item for item in items(group) if name(item) == "121191"]
        reference = item.ReferencedSOPSequence[0]
        assert (str(reference.ReferencedSOPInstanceUID), int(reference.ReferencedSegmentNumber)) == (uid, segment)


def test_source_images_are_those_that_a_lesion_lies_on(compared: Comparison) -> None:
    labels = compared.result.lesion_map.array
    for lesion, group in enumerate(groups(report_of(compared))[1:], start=1):
        slices = [z for z in range(len(labels)) if (labels[z] == lesion).any()]
        expected = {str(compared.current.headers[z].SOPInstanceUID) for z in slices}
        found = {
            str(item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
            for item in items(group)
            if name(item) == "121233"
        }
        assert found == expected


def test_the_summary_counts_and_adds_what_appeared(compared: Comparison) -> None:
    summary = groups(report_of(compared))[0]
    assert number(summary, "246206008") == (3.0, "1")
    appeared = sum(lesion.volume_mm3 for lesion in compared.result.lesions[:2])
    assert volumes(summary) == pytest.approx({ADDED: appeared}, abs=0.05)


def test_no_lesion_is_reported_as_zero(unchanged: Comparison) -> None:
    (summary,) = groups(report_of(unchanged))
    assert number(summary, "246206008") == (0.0, "1")
    assert volumes(summary) == {}


def test_algorithm_and_time_points(compared: Comparison) -> None:
    for group in groups(report_of(compared)):
        texts = {name(item): item.TextValue for item in items(group) if item.ValueType == "TEXT"}
        assert texts["111001"] == PROVENANCE.title
        assert texts["111003"] == "ms_longitudinal 1.2.3"
        assert texts["126070"] == "current"
        assert number(group, "126073") == (2.0, "1")
        assert number(group, "128740") == (371.0, "d")


def test_both_studies_are_evidence(compared: Comparison) -> None:
    report = report_of(compared)
    current = report.CurrentRequestedProcedureEvidenceSequence
    other = report.PertinentOtherEvidenceSequence
    assert [str(item.StudyInstanceUID) for item in current] == [compared.current.reference.StudyInstanceUID]
    assert [str(item.StudyInstanceUID) for item in other] == [compared.prior_headers[0].StudyInstanceUID]


def test_a_draft_says_that_it_is_one(compared: Comparison) -> None:
    report = report_of(compared)
    assert (report.VerificationFlag, report.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")
    comments = [item.TextValue for item in items(report) if name(item) == "121106"]
    assert comments == ["Research use, not a medical device.", NOTE, "Draft: not reviewed by a reader."]


def test_a_signed_report_names_its_reader(compared: Comparison) -> None:
    report = report_of(compared, review_of([1, 2, 3], []))
    assert (report.VerificationFlag, report.PreliminaryFlag) == ("VERIFIED", "FINAL")
    observer = report.VerifyingObserverSequence[0]
    assert str(observer.VerifyingObserverName).rstrip("^") == "Dr. Jörg Prüfer"
    assert observer.VerificationDateTime == "20250401102030+0000"
    assert report.ContentDate == "20250401"
    comments = [item.TextValue for item in items(report) if name(item) == "121106"]
    assert "The reader rated the result 4 of 5 (5 is best)." in comments
    assert "Reader's comment: Good agreement, überprüft." in comments


def test_the_research_warning_stands_in_the_series_description(compared: Comparison) -> None:
    assert "research use, not a medical device" in str(report_of(compared).SeriesDescription)


@pytest.mark.parametrize(
    ("earlier", "later", "days"),
    [("20240101", "20240102", 1), ("20240228", "20240301", 2), ("", "20240101", None), ("2024", "20240101", None)],
)
def test_days_between(earlier: str, later: str, days: int | None) -> None:
    headers = []
    for day in (earlier, later):
        header = Dataset()
        header.add_new("StudyDate", "LO", day)
        headers.append(header)
    assert days_between(headers[0], headers[1]) == days


def test_a_name_can_not_break_a_person_name() -> None:
    assert person_name("A=B^C\\D") == "A B C D^"
    assert len(person_name("x" * 100)) == 64


@pytest.mark.parametrize("case", ["draft", "signed", "unchanged", "multi-frame"])
def test_dciodvfy_finds_no_error(
    case: str, compared: Comparison, unchanged: Comparison, compared_multi_frame: Comparison, tmp_path: Path
) -> None:
    made = {"unchanged": unchanged, "multi-frame": compared_multi_frame}.get(case, compared)
    report = report_of(made, review_of([1, 2, 3], []) if case == "signed" else None)
    path = tmp_path / "sr.dcm"
    path.write_bytes(to_part10(report))
    assert dciodvfy_errors(path) == []
