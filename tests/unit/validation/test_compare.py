from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from processing.domain.imaging import LabelMap
from processing.domain.result import QualityFigure
from processing.pipelines.registry import SPECS
from tests.unit.validation.made_outputs import GRID, PROVENANCE, output, with_record
from validation.compare import Verdict, compare_case, compare_run, forgotten, percent_change
from validation.matching import match_lesions, overlap, surface_distances_mm
from validation.outputs import CaseOutput, load, save


def verdict(new: CaseOutput, old: CaseOutput) -> Verdict:
    return compare_case(new, old).verdict


def test_the_same_output_is_identical() -> None:
    assert verdict(output(), output()) is Verdict.IDENTICAL


def test_an_output_survives_being_saved(tmp_path: Path) -> None:
    save(output(), tmp_path)
    kept = load(tmp_path, "made", "one")
    assert kept is not None
    assert compare_case(output(), kept).findings == compare_case(output(), output()).findings
    assert kept.lesion_map is not None
    assert kept.lesion_map.grid.same_as(GRID)
    assert load(tmp_path, "made", "two") is None


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (output((11, 6)), Verdict.CHANGED),
        (output((10,)), Verdict.CHANGED),
        (output((10, 6, 4)), Verdict.CHANGED),
        (output(shift=1), Verdict.CHANGED),
        (output(offset=1e-5), Verdict.WITHIN_TOLERANCE),
        (output(offset=0.01), Verdict.CHANGED),
    ],
    ids=["grown", "lost", "gained", "shifted", "last digits", "offset"],
)
def test_what_changed_is_told(new: CaseOutput, expected: Verdict) -> None:
    assert verdict(new, output()) is expected


def test_one_voxel_of_a_lesion_is_within_tolerance() -> None:
    old, new = output((20,)), output((20,))
    assert new.lesion_map is not None
    labels = new.lesion_map.array.copy()
    labels[2, 10, 5] = 0
    moved = CaseOutput(
        new.record.model_copy(update={"lesions": (new.record.lesions[0],)}), LabelMap(labels, GRID), new.samples
    )
    found = compare_case(moved, old)
    assert found.verdict is Verdict.WITHIN_TOLERANCE
    assert found.lesions[0].voxels_changed == 1


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"failure": "The two studies do not match."}, "outcome"),
        ({"warnings": ("A new sentence.",)}, "warnings"),
        ({"quality": (QualityFigure("noise", 1.1, "%", True),)}, "noise"),
        ({"quality": (QualityFigure("noise", 1.0, "%", False),)}, "noise"),
        ({"quality": ()}, "quality figures"),
        ({"provenance": PROVENANCE.model_copy(update={"libraries": {"numpy": "2.1"}})}, "library"),
        ({"current_to_prior": ((1, 0, 0, 0.02), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))}, "registration"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_everything_that_a_reader_gets_is_compared(changes: dict[str, object], what: str) -> None:
    findings = compare_case(with_record(output(), **changes), output()).findings
    assert what in {finding.what for finding in findings if finding.verdict is Verdict.CHANGED}


def test_dropped_digits_are_seen() -> None:
    old, new = output(), output()
    coarse = new.record.images["subtraction"].model_copy(update={"half_precision": True, "sha256": "other"})
    new = with_record(new, images={**new.record.images, "subtraction": coarse})
    (finding,) = [one for one in compare_case(new, old).findings if one.what == "subtraction"]
    assert (finding.verdict, "16-bit" in finding.detail) == (Verdict.CHANGED, True)


def test_a_case_without_reference_counts_as_changed(tmp_path: Path) -> None:
    (one,) = compare_run([output()], tmp_path)
    assert one.verdict is Verdict.CHANGED
    assert one.volume_change_percent == 0.0


def test_cases_that_were_not_run_are_named(tmp_path: Path) -> None:
    save(output(case="one"), tmp_path)
    save(output(case="two"), tmp_path)
    assert forgotten([output(case="one")], SPECS[0], tmp_path) == ("made/two",)


@pytest.mark.parametrize(
    ("before", "after", "percent"), [(0, 0, 0), (100, 125, 25), (100, 70, 30), (50, 0, 100), (0, 12, float("inf"))]
)
def test_relative_change_of_volumes(before: float, after: float, percent: float) -> None:
    assert percent_change(before, after) == pytest.approx(percent)


def test_lesions_are_matched_one_to_one_by_their_common_volume() -> None:
    old, new = output((10, 6)), output((10, 6))
    assert old.lesion_map is not None
    assert new.lesion_map is not None
    renumbered = LabelMap(np.choose(new.lesion_map.array, [0, 2, 1]).astype(np.uint16), GRID)
    pairs = match_lesions(old.lesion_map, renumbered)
    assert {(pair.reference, pair.result) for pair in pairs} == {(1, 2), (2, 1)}
    assert all(pair.dice == 1.0 and pair.surface_mean_mm == 0.0 for pair in pairs)


def test_a_split_lesion_keeps_its_larger_part() -> None:
    old = output((20,)).lesion_map
    assert old is not None
    labels = old.array.copy()
    labels[2, :, 11] = 0
    labels[2, :, 12:25] *= 2
    pairs = match_lesions(old, LabelMap(labels, GRID))
    assert [(pair.reference, pair.result) for pair in pairs] == [(1, 2), (None, 1)]


def test_nothing_against_nothing_has_no_pairs() -> None:
    empty = LabelMap(np.zeros(GRID.shape, np.uint16), GRID)
    assert match_lesions(empty, empty) == ()


def test_overlap_and_surfaces_of_empty_masks_are_defined() -> None:
    empty, full = np.zeros((4, 4, 4), bool), np.ones((4, 4, 4), bool)
    assert overlap(empty, empty) == 1.0
    assert overlap(empty, full) == overlap(full, empty) == 0.0
    assert surface_distances_mm(empty, full, (1, 1, 1)) == (None, None)


def test_surfaces_lie_as_far_apart_as_the_masks_were_moved() -> None:
    one, other = np.zeros((6, 30, 30), bool), np.zeros((6, 30, 30), bool)
    one[1:5, 5:25, 5:25], other[1:5, 5:25, 7:27] = True, True
    mean, far = surface_distances_mm(one, other, (3.0, 1.0, 1.5))
    assert far == pytest.approx(3.0)
    assert mean is not None
    assert 0 < mean < 3.0
    assert surface_distances_mm(one, one, (3.0, 1.0, 1.5)) == (0.0, 0.0)
