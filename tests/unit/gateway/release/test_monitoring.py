from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from gateway.release.monitoring import BASELINE, RECENT, Chart, Scale, Use, charts

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def over_time(values: list[float], scale: Scale, *, scanner: str = "Avanto 1.5 T") -> list[Use]:
    return [
        Use(START + timedelta(days=day), "ms_longitudinal 1.0.0", scanner, {"figure": (value, "mm", scale)})
        for day, value in enumerate(values)
    ]


def only(uses: list[Use]) -> Chart:
    (chart,) = charts(uses)
    return chart


def test_what_stays_as_it_was_raises_no_alert() -> None:
    values = np.random.default_rng(3).normal(10, 1, 60).tolist()
    chart = only(over_time(values, Scale.MEASURE))
    assert chart.alert == ""
    assert chart.low is not None
    assert chart.low < 10 < (chart.high or 0)


@pytest.mark.parametrize(("shift", "way"), [(3.0, "rose"), (-3.0, "fell")])
def test_a_shift_of_the_latest_results_raises_one(shift: float, way: str) -> None:
    values = np.random.default_rng(3).normal(10, 1, 60)
    values[-RECENT:] += shift
    chart = only(over_time(values.tolist(), Scale.MEASURE))
    assert way in chart.alert
    assert "Avanto 1.5 T" in chart.alert


def test_one_bad_scan_at_the_beginning_does_not_widen_the_limits() -> None:
    values = np.random.default_rng(3).normal(10, 1, 60)
    values[4] = 500.0
    values[-RECENT:] += 3.0
    assert only(over_time(values.tolist(), Scale.MEASURE)).alert


def test_a_rate_that_falls_raises_an_alert_and_a_single_failure_does_not() -> None:
    good = [1.0] * (BASELINE + 20)
    assert only(over_time([*good, 0.0], Scale.RATE)).alert == ""
    assert "fell" in only(over_time([*good, *[0.0] * 6], Scale.RATE)).alert


def test_the_first_of_something_that_never_was_is_no_drift_and_many_are() -> None:
    none = [0.0] * (BASELINE + 20)
    chart = only(over_time([*none, 1.0], Scale.COUNT))
    assert (chart.alert, chart.low) == ("", 0.0)
    assert "rose" in only(over_time([*none, *[1.0] * 9], Scale.COUNT)).alert


def test_too_few_results_have_no_limits() -> None:
    chart = only(over_time([10.0] * (BASELINE + RECENT - 1), Scale.MEASURE))
    assert (chart.centre, chart.alert) == (None, "")


def test_scanners_are_held_against_themselves_and_alerts_come_first() -> None:
    values = np.random.default_rng(3).normal(10, 1, 60)
    drifting = values.copy()
    drifting[-RECENT:] += 4.0
    found = charts(
        [
            *over_time(values.tolist(), Scale.MEASURE, scanner="A"),
            *over_time(drifting.tolist(), Scale.MEASURE, scanner="B"),
            *over_time((values + 50).tolist(), Scale.MEASURE, scanner="C"),
        ]
    )
    assert [chart.scanner for chart in found] == ["B", "A", "C"]
    assert [bool(chart.alert) for chart in found] == [True, False, False]


def test_a_skewed_figure_is_held_against_its_own_mean() -> None:
    lumps = [100.0, 100.0, 100.0, 400.0, 300.0] * 12
    assert only(over_time(lumps, Scale.MEASURE)).alert == ""
    assert only(over_time([*lumps[:-10], *[50.0] * 10], Scale.MEASURE)).alert
