"""A result of another kind goes the same way: run, comparison and gate know no lesions of it."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from processing.domain.imaging import LabelMap, Volume
from processing.domain.result import QualityFigure, TumourResult
from processing.domain.study import SeriesRole
from processing.domain.tumour import Diameters, TumourFindings, TumourLabel, TumourVolumes
from tests.unit.validation.made_outputs import GRID, PROVENANCE
from validation.comparable import found_in
from validation.compare import Verdict, compare_case
from validation.datasets import GradedBy, Truth
from validation.gate import Evidence, decide
from validation.outputs import CaseOutput, CaseRecord, map_print, print_of, samples_of
from validation.release import OtherPipeline, datasets_at_hand, same_output


def tumour(width: int = 10, *, longest_mm: float = 21.0) -> TumourResult:
    labels = np.zeros(GRID.shape, np.uint16)
    labels[4:8, 10:30, 10:30] = TumourLabel.HYPERINTENSITY
    labels[5:7, 14:26, 14 : 14 + width] = TumourLabel.ENHANCING
    label_map = LabelMap(labels, GRID)
    millilitres = [float((labels == part).sum()) * GRID.voxel_volume_mm3 / 1000 for part in TumourLabel]
    findings = TumourFindings(TumourVolumes(*millilitres), Diameters(5, longest_mm, 12.0), (), (), 0, ((), (), ()))
    flair = Volume(np.random.default_rng(3).normal(100, 9, GRID.shape).astype(np.float32), GRID)
    return TumourResult(
        findings, label_map, {SeriesRole.FLAIR: flair}, {}, np.eye(4), np.zeros((1, 2, 3)),
        (QualityFigure("overlap", 0.9, "", True),),
    )  # fmt: skip


def output(result: TumourResult, *, version: str = "1.0.0", truth: Truth | None = None) -> CaseOutput:
    found = found_in(result, truth)
    record = CaseRecord(
        dataset="tumours",
        case="one",
        pipeline="tumour_volumetry",
        version=version,
        lesions=found.lesions,
        measurements=found.measurements,
        quality=found.quality,
        images={"lesions": map_print(found.label_map), **{name: print_of(v) for name, v in found.images.items()}},
        truth=found.truth,
        provenance=PROVENANCE,
    )
    return CaseOutput(record, found.label_map, {name: samples_of(v) for name, v in found.images.items()})


def true_parts(result: TumourResult) -> Truth:
    none = np.zeros((0, 3))
    return Truth(result.tumour.array, None, frozenset(int(part) for part in TumourLabel), none, none)


def test_the_same_tumour_is_identical() -> None:
    one, other = output(tumour()), output(tumour())
    assert compare_case(other, one).verdict is Verdict.IDENTICAL
    assert same_output(one, other)


@pytest.mark.parametrize(
    ("result", "what"),
    [
        (tumour(11), {"lesions", "part", "enhancing tumour", "FLAIR hyperintensity"}),
        (tumour(longest_mm=25), {"longest diameter"}),
    ],
)
def test_what_changed_of_a_tumour_is_named(result: TumourResult, what: set[str]) -> None:
    compared = compare_case(output(result), output(tumour()))
    assert compared.verdict is Verdict.CHANGED
    assert {one.what for one in compared.findings if one.verdict is not Verdict.IDENTICAL} == what
    assert not same_output(output(result), output(tumour()))


def test_a_part_that_moved_far_makes_versions_incompatible() -> None:
    compared = compare_case(output(tumour(14), version="1.1.0"), output(tumour(10)))
    assert compared.volume_change_percent == pytest.approx(40)
    evidence = Evidence("tumour_volumetry", "1.1.0", [compared], (), (), {"tumours": GradedBy.READERS}, {}, {})
    decision = decide(evidence, today=date(2026, 5, 4))
    assert decision.entry is not None
    assert decision.entry.incompatible_with_earlier
    assert decision.to_rate == (("tumours", "one"),)


def test_parts_are_held_against_the_truth() -> None:
    figures = output(tumour(10), truth=true_parts(tumour(12))).record.truth
    assert figures is not None
    hyperintensity, enhancing = figures.lesions
    assert enhancing.overlap == pytest.approx(20 / 22, abs=1e-3)
    assert hyperintensity.overlap > 0.9
    assert (figures.false_positives, figures.dice) == (0, 1.0)
    missed = output(tumour(2), truth=true_parts(tumour(12))).record.truth
    assert missed is not None
    assert [one.found for one in missed.lesions] == [True, False]


def test_without_a_reference_case_the_gate_stays_closed() -> None:
    decision = decide(Evidence("another", "0.1.0", [], (), (), {}, {}, {}), today=date(2026, 5, 4))
    assert not decision.passed
    assert "admit" in decision.blocked


def test_sets_belong_to_pipelines() -> None:
    said: list[str] = []
    assert "phantom" in {one.name for one in datasets_at_hand("ms_longitudinal", said.append)}
    assert "phantom" not in {one.name for one in datasets_at_hand("another", said.append)}
    with pytest.raises(OtherPipeline, match="phantom"):
        datasets_at_hand("another", said.append, ["phantom"])
