from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from processing.domain.study import SeriesRole
from processing.stages.alarms import Aim, raise_alarms
from validation.phantom.tumour import TumourSpec
from validation.tumour_cohort import kept
from validation.tumour_cohort.cases import COMPARED, FUSIONS, TumourCase, cohort, lacking, triples
from validation.tumour_cohort.growth import growth, growth_line, limit_of_agreement
from validation.tumour_cohort.reference import alarm_reference
from validation.tumour_cohort.tables import (
    alarm_table,
    lacking_table,
    overlap_table,
    small_alarm_table,
    threshold_table,
)

SEGMENTERS = ("thresholds", "outlier mixture", "symmetry growth", "level set", "random walker")


def case(good: float, random: np.random.Generator, whole_ml: float = 50.0) -> TumourCase:
    """A case whose similarities follow its overlap with some noise of their own."""
    similarities = np.clip(good + random.normal(0, 0.05, (5, 2, 3)), 0, 1)
    similarities[:, 1] = -20 * (1 - similarities[:, 1])
    overlap = np.full((len(FUSIONS) + len(SEGMENTERS), len(COMPARED)), good)
    volumes = np.array([0.2, 0.6, 0.2]) * whole_ml
    return TumourCase(overlap, np.full(3, 5.0), volumes, similarities, similarities[:3, :, :1], good)


def cases(count: int = 30) -> list[TumourCase]:
    random = np.random.default_rng(5)
    return [case(good, random) for good in np.linspace(1.0, 0.0, count)]


def test_a_cohort_grows_harder_and_is_always_the_same() -> None:
    specs = cohort(10)
    assert specs == cohort(10)
    assert [one.conspicuity for one in specs] == sorted((one.conspicuity for one in specs), reverse=True)
    assert [one.scanner.noise for one in specs] == sorted(one.scanner.noise for one in specs)
    assert len({one.seed for one in specs}) == 10
    assert {one.conspicuity for one in cohort(10, hardest=0.0)} == {1.0}


def test_the_first_table_has_a_row_for_each_alpha_and_every_case_in_it() -> None:
    head, *rows = (line.split() for line in alarm_table(cases()).splitlines())
    assert head == ["alpha", "entropy", "r", "r:dice", "r:hd", "0a", *(f"{k}-{k + 2}a" for k in range(1, 31, 3))]
    assert [row[0] for row in rows][7:9] == ["0.00", "0.10"]
    assert all(sum(map(int, row[5:])) == 30 for row in rows)
    assert all(float(figure) < -0.8 for figure in rows[8][2:5])


def test_the_second_table_is_of_three_segmenters_and_dice_alone() -> None:
    head, *rows = (line.split() for line in small_alarm_table(cases()).splitlines())
    assert head == ["alpha", "entropy", "r:dice", "0a", "1a", "2a", "3a"]
    assert all(sum(map(int, row[3:])) == 30 for row in rows)


def test_thresholds_and_overlap_name_every_segmenter() -> None:
    for table in (threshold_table(cases()), overlap_table(cases())):
        assert all(name in table for name in SEGMENTERS)
    assert "0.500" in overlap_table(cases())


@pytest.mark.parametrize("aim", [None, *Aim])
def test_a_reference_population_names_its_aim_and_raises_few_alarms_in_good_cases(aim: Aim | None) -> None:
    made = cases()
    reference = alarm_reference(made, aim)
    assert reference.cases == 30
    assert reference.segmenters == SEGMENTERS
    assert (reference.alpha == (0.1, 0.1, 0.1)) is (aim is None)
    best, worst = (
        raise_alarms(made[index].similarities, reference.thresholds, alpha=reference.alpha).sum() for index in (0, -1)
    )
    assert best < worst


def test_the_same_tumours_are_scanned_without_a_series() -> None:
    whole, bare = cohort(2), lacking(cohort(2), SeriesRole.T2)
    assert [one.core_ml for one in bare] == [one.core_ml for one in whole]
    assert [role for role, _ in bare[0].scanner.slice_mm] == [SeriesRole.T1, SeriesRole.T1C, SeriesRole.FLAIR]
    assert len(whole[0].scanner.slice_mm) == 4
    lines = lacking_table({"all": cases(3), "without T2": cases(3)[1:]}).splitlines()
    assert lines[1].split() == ["all", *["0.500"] * 4, "0.000"]
    assert lines[2].split() == ["without", "T2", *["0.250"] * 4, "0.000"]


def test_triples_scan_each_tumour_again_and_grown() -> None:
    first, again, grown = triples(cohort(1))
    assert (again.core_ml, again.hyperintensity_ml) == (first.core_ml, first.hyperintensity_ml)
    assert len({first.scan_seed, again.scan_seed, grown.scan_seed}) == 3
    assert grown.core_ml == pytest.approx(1.4 * first.core_ml)
    assert grown.hyperintensity_ml == pytest.approx(1.4 * first.hyperintensity_ml)


def measured(*volumes_ml: float) -> list[TumourCase]:
    random = np.random.default_rng(1)
    return [case(1.0, random, volume) for volume in volumes_ml]


def test_growth_beyond_the_limit_of_agreement_is_seen() -> None:
    told = growth(measured(50, 51, 70, 40, 39.5, 56, 60, 60.5, 84))
    assert told.detected == 1.0
    assert told.false_alarms == 0.0
    assert 1.05 <= told.limit < 1.1
    assert "seen in 100 %" in growth_line(told)


def test_where_scans_do_not_repeat_themselves_growth_is_lost() -> None:
    told = growth(measured(50, 90, 70, 40, 20, 56, 60, 30, 84))
    assert told.detected < 1.0
    assert told.limit > 1.4


def test_a_scan_that_always_measures_more_the_second_time_widens_the_limit() -> None:
    assert limit_of_agreement(np.full(9, 0.2)) == pytest.approx(1.96 * 0.2)


def test_a_tumour_that_is_overlooked_once_is_no_reason_to_stop() -> None:
    assert np.isfinite(growth(measured(50, 51, 70, 0.0, 39.5, 56, 60, 60.5, 84)).limit)


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    made = case(0.7, random)
    measured_specs = []

    def measure(spec: TumourSpec) -> TumourCase:
        measured_specs.append(spec)
        return made

    monkeypatch.setattr(kept, "measure", measure)
    specs = cohort(3)
    kept._keep(specs[1], tmp_path / f"{kept._key(specs[1])}.npz")
    heard: list[tuple[int, int]] = []
    (found,) = kept.measure_all(specs[1:2], tmp_path, processes=1, tell=lambda done, of: heard.append((done, of)))
    assert measured_specs == [specs[1]]
    assert heard == [(1, 1)]
    assert found.small_quality == 0.7
    assert np.array_equal(found.similarities, made.similarities)
    assert kept._key(specs[0]) != kept._key(specs[1])
