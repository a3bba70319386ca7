from __future__ import annotations

import numpy as np
import pytest

from validation.tumour_cohort import TumourCase, alarm_tables, cohort, growth, overlap_table, triples


def cases(count: int = 30) -> list[TumourCase]:
    """Cases whose similarities follow the overlap with some noise of their own."""
    random = np.random.default_rng(5)
    made = []
    for spec, good in zip(cohort(count), np.linspace(1.0, 0.0, count), strict=True):
        similarities = np.clip(good + random.normal(0, 0.05, (5, 2, 3)), 0, 1)
        similarities[:, 1] = -20 * (1 - similarities[:, 1])
        made.append(TumourCase(spec, np.full(3, good), (50.0, 10.0), similarities))
    return made


def test_a_cohort_grows_harder_and_is_always_the_same() -> None:
    specs = cohort(10)
    assert specs == cohort(10)
    assert [one.conspicuity for one in specs] == sorted((one.conspicuity for one in specs), reverse=True)
    assert [one.scanner.noise for one in specs] == sorted(one.scanner.noise for one in specs)
    assert len({one.seed for one in specs}) == 10
    assert {one.conspicuity for one in cohort(10, hardest=0.0)} == {1.0}


def test_the_tables_name_every_segmenter_and_follow_the_quality() -> None:
    text = alarm_tables(cases())
    for name in ("thresholds", "outlier mixture", "symmetry growth", "level set", "random walker"):
        assert name in text
    r = float(text.split("at alpha 0.1: ")[1].split()[0])
    assert r < -0.8
    assert "Dice 0.500" in overlap_table(cases())


def test_triples_scan_each_tumour_again_and_grown() -> None:
    first, again, grown = triples(cohort(1))
    assert (again.core_ml, again.hyperintensity_ml) == (first.core_ml, first.hyperintensity_ml)
    assert len({first.scan_seed, again.scan_seed, grown.scan_seed}) == 3
    assert grown.core_ml == pytest.approx(1.4 * first.core_ml)
    assert grown.hyperintensity_ml == pytest.approx(1.4 * first.hyperintensity_ml)


def measured(*volumes_ml: float) -> list[TumourCase]:
    spec = cohort(1)[0]
    return [TumourCase(spec, np.ones(3), (volume, 1.0), np.ones((5, 2, 3))) for volume in volumes_ml]


def test_growth_beyond_the_limit_of_agreement_is_seen() -> None:
    found = growth(measured(50, 51, 70, 40, 39.5, 56, 60, 60.5, 84))
    assert found.detected == 1.0
    assert found.false_alarms == 0.0
    assert found.repeatability < np.log(1.1)


def test_where_scans_do_not_repeat_themselves_growth_is_lost() -> None:
    found = growth(measured(50, 90, 70, 40, 20, 56, 60, 30, 84))
    assert found.detected < 1.0
    assert found.repeatability > np.log(1.4)


def test_a_tumour_that_is_overlooked_once_is_no_reason_to_stop() -> None:
    found = growth(measured(50, 51, 70, 0.0, 39.5, 56, 60, 60.5, 84))
    assert np.isfinite(found.repeatability)
