from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the library's own abbreviation

from processing.domain.imaging import Grid, LabelMap
from processing.stages.alarms import (
    Aim,
    Calibration,
    Table,
    Thresholds,
    alarm_counts,
    best_alpha,
    calibrate,
    correlation,
    entropy,
    hausdorff_mm,
    raise_alarms,
    similarities,
)
from processing.stages.fusion import Region
from tests.unit.stages.test_fusion import ball

ANISOTROPIC = Grid((20, 20, 20), np.diag([3.0, 0.5, 1.0, 1.0]))
WHOLE = Region("whole", frozenset({1}), paint=1)


def population(cases: int = 40, *, seed: int = 3) -> tuple[Table, np.ndarray]:
    """Similarities (cases, 2 candidates, 2 metrics, 2 regions) that fall with a hidden quality."""
    random = np.random.default_rng(seed)
    quality = random.uniform(0.2, 1.0, cases)
    noise = random.normal(0, 0.05, (cases, 2, 2, 2))
    return quality[:, None, None, None] + noise, quality


def test_hausdorff_is_what_an_independent_program_measures() -> None:
    first, second = ball(4), ball(3, (11, 9, 12))
    measure = sitk.HausdorffDistanceImageFilter()
    images = []
    for mask in (first, second):
        image = sitk.GetImageFromArray(mask.astype(np.uint8))
        image.SetSpacing(ANISOTROPIC.spacing_mm[::-1])
        images.append(image)
    measure.Execute(*images)
    assert hausdorff_mm(first, second, ANISOTROPIC) == pytest.approx(measure.GetHausdorffDistance(), abs=1e-6)


def test_hausdorff_of_empty_masks() -> None:
    nothing = np.zeros(ANISOTROPIC.shape, bool)
    assert hausdorff_mm(nothing, nothing, ANISOTROPIC) == 0.0
    assert hausdorff_mm(nothing, ball(2), ANISOTROPIC) == float("inf")


def test_distances_enter_with_their_sign_turned() -> None:
    grid = Grid((20, 20, 20), np.eye(4))
    fused = LabelMap(ball(5).astype(np.uint16), grid)
    (alike, apart) = similarities([fused, LabelMap(ball(5, (10, 10, 13)).astype(np.uint16), grid)], fused, (WHOLE,))
    assert alike.ravel().tolist() == [1.0, 0.0]
    assert apart[0, 0] < 1.0
    assert apart[1, 0] == pytest.approx(-3.0)


def test_that_nothing_was_found_is_no_agreement() -> None:
    grid = Grid((20, 20, 20), np.eye(4))
    nothing = LabelMap(np.zeros(grid.shape, np.uint16), grid)
    assert np.isnan(similarities([nothing, nothing], nothing, (WHOLE,))).all()


def test_a_part_that_nobody_sees_is_agreement() -> None:
    grid = Grid((20, 20, 20), np.eye(4))
    fused = LabelMap(ball(5).astype(np.uint16), grid)
    table = similarities([fused], fused, (WHOLE, Region("enhancing", frozenset({3}), paint=3)))
    assert table[0, :, 1].tolist() == [1.0, 0.0]


def test_a_threshold_is_the_median_less_alpha_deviations_for_each_candidate_alone() -> None:
    values, _ = population()
    values[:, 1] -= 5.0
    thresholds = Thresholds.of(values)
    expected = np.median(values, axis=0)
    deviation = np.median(np.abs(values - expected), axis=0)
    assert thresholds.at(0.1) == pytest.approx(expected - 0.1 * deviation)
    assert thresholds.at([0.0, 2.0])[..., 0] == pytest.approx(expected[..., 0])
    assert thresholds.at([0.0, 2.0])[..., 1] == pytest.approx((expected - 2.0 * deviation)[..., 1])


def test_values_that_are_not_finite_raise_alarms_and_move_no_threshold() -> None:
    values, _ = population()
    broken = values.copy()
    broken[0, 0, 1, 0], broken[1, 1, 0, 1] = -np.inf, np.nan
    kept = Thresholds.of(broken)
    assert np.isfinite(kept.median).all()
    flags = raise_alarms(broken, kept, alpha=100.0)
    assert int(flags.sum()) == 2
    assert flags[0, 0, 1, 0]
    assert flags[1, 1, 0, 1]


def test_a_small_population_gives_no_thresholds() -> None:
    with pytest.raises(ValueError, match="at least 10"):
        Thresholds.of(population(9)[0])


def test_with_alpha_zero_about_half_of_the_values_raise_an_alarm() -> None:
    values, _ = population(41)
    flags = raise_alarms(values, Thresholds.of(values), alpha=0.0)
    assert flags.sum(axis=0).tolist() == np.full((2, 2, 2), 20).tolist()


def test_more_alpha_never_raises_more_alarms() -> None:
    values, _ = population()
    thresholds = Thresholds.of(values)
    counts = [alarm_counts(values, thresholds, alpha=alpha).sum() for alpha in (-1.0, 0.0, 0.5, 2.0)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]


def test_counts_follow_a_quality_that_the_alarms_do_not_know() -> None:
    values, quality = population(80)
    counts = alarm_counts(values, Thresholds.of(values), alpha=0.1)
    assert correlation(counts, quality) < -0.7


def test_entropy_is_highest_where_cases_are_told_apart() -> None:
    assert entropy(np.array([2, 2, 2, 2])) == 0.0
    assert entropy(np.array([0, 1, 2, 3])) == pytest.approx(np.log(4))


def test_calibration_has_a_row_for_each_alpha_and_every_case_in_it() -> None:
    values, quality = population(60)
    rows = calibrate(values, Thresholds.of(values), quality, alphas=(-3.0, 0.0, 3.0))
    assert [row.alpha for row in rows] == [-3.0, 0.0, 3.0]
    assert all(sum(row.cases_by_count) == 60 for row in rows)
    assert all(len(row.cases_by_count) == 9 for row in rows)
    assert rows[1].correlation < -0.7


def test_each_aim_chooses_its_own_alpha() -> None:
    rows = [
        Calibration(0.0, 1.0, -0.60, ()),
        Calibration(0.5, 0.8, -0.90, ()),
        Calibration(1.0, 0.1, -0.95, ()),
        Calibration(3.0, 0.0, float("nan"), ()),
    ]
    assert best_alpha(rows, Aim.ENTROPY) == 0.0
    assert best_alpha(rows, Aim.QUALITY) == 1.0
    assert best_alpha(rows, Aim.BOTH) == 0.5


def test_without_a_quality_only_the_entropy_is_calibrated() -> None:
    values, _ = population()
    rows = calibrate(values, Thresholds.of(values), None)
    assert best_alpha(rows, Aim.ENTROPY) in {row.alpha for row in rows}
    with pytest.raises(ValueError, match="entropy"):
        best_alpha(rows, Aim.BOTH)
