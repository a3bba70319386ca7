from __future__ import annotations

import pytest

from tests.unit.validation.made_outputs import output, truth
from validation.statistics import calibration, estimate, set_figures


def test_nothing_has_no_mean_and_one_value_no_interval() -> None:
    assert estimate([]) is None
    one = estimate([0.5])
    assert one is not None
    assert (one.value, one.low, one.high) == (0.5, None, None)


def test_the_interval_holds_the_mean_and_narrows_with_more_values() -> None:
    few, many = estimate([0.0, 1.0] * 5), estimate([0.0, 1.0] * 50)
    assert few is not None
    assert many is not None
    assert few.low is not None
    assert few.high is not None
    assert many.low is not None
    assert many.high is not None
    assert few.low < 0.5 < few.high
    assert many.high - many.low < few.high - few.low
    assert estimate([0.0, 1.0] * 5) == few


def test_a_set_is_told_by_size() -> None:
    records = [
        output(case="one", figures=truth(3, 1, 2)).record,
        output(case="two", figures=truth(1, 1, 0)).record,
        output(case="three").record,
    ]
    found = set_figures("made", records)
    small, middle, large = found.sizes
    assert (small.found, small.present) == (0, 2)
    assert (middle.found, middle.present) == (4, 4)
    assert (large.present, large.sensitivity) == (0, None)
    assert found.false_positives_per_case is not None
    assert found.false_positives_per_case.value == 1.0
    assert found.cases == 3
    assert found.landmark_mean_mm is None


def test_scores_that_are_chances_have_no_error() -> None:
    honest = calibration([(0.75, True)] * 3 + [(0.75, False)])
    assert honest is not None
    assert honest.expected_error == pytest.approx(0.0)
    boasting = calibration([(0.95, False)] * 4)
    assert boasting is not None
    assert boasting.expected_error == pytest.approx(0.95)
    assert boasting.brier == pytest.approx(0.95**2)
    assert calibration([]) is None
