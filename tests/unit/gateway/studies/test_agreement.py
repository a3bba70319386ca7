from __future__ import annotations

import numpy as np
import pytest

from gateway.studies.agreement import (
    Table,
    cohens_kappa,
    fleiss_kappa,
    fleiss_of_counts,
    sensitivity,
    specificity,
    with_interval,
)
from gateway.studies.plan import plan


def pairs(
    both: int, first_only: int, second_only: int, neither: int
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    rows = [[1, 1]] * both + [[1, 0]] * first_only + [[0, 1]] * second_only + [[0, 0]] * neither
    return np.array(rows, dtype=np.int64)


def test_cohens_kappa_of_a_worked_example() -> None:
    # 20 and 15 agreed of 50: observed 0.7, by chance 0.5.
    assert cohens_kappa(pairs(20, 5, 10, 15)) == pytest.approx(0.4)
    assert cohens_kappa(pairs(10, 0, 0, 10)) == 1.0
    assert cohens_kappa(pairs(5, 5, 5, 5)) == pytest.approx(0.0)


def test_fleiss_kappa_of_a_worked_example() -> None:
    # Fourteen raters, ten subjects, five categories (Fleiss, 1971, as worked in textbooks): 0.210.
    counts = [
        *([0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1]),
        *([7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]),
    ]
    assert fleiss_of_counts(np.array(counts, dtype=float)) == pytest.approx(0.2099, abs=1e-4)


def test_for_two_readers_of_equal_habits_both_kappas_agree() -> None:
    table = pairs(20, 7, 7, 16)
    assert fleiss_kappa(table) == pytest.approx(cohens_kappa(table))


def test_a_case_that_somebody_did_not_read_does_not_count() -> None:
    table = np.vstack([pairs(20, 5, 10, 15), [[-1, 1], [1, -1]]])
    assert cohens_kappa(table) == pytest.approx(0.4)
    assert fleiss_kappa(table) == fleiss_kappa(pairs(20, 5, 10, 15))


def test_where_everybody_always_says_one_thing_there_is_no_kappa() -> None:
    assert cohens_kappa(pairs(9, 0, 0, 0)) is None
    assert fleiss_kappa(pairs(9, 0, 0, 0)) is None


def test_sensitivity_and_specificity_count_readings() -> None:
    table = np.array([[1, 1], [1, 0], [0, 0], [0, 1], [1, -1]], dtype=np.int64)
    truth = np.array([1, 1, 0, 0, -1], dtype=np.int64)
    assert sensitivity(table, truth) == 0.75
    assert specificity(table, truth) == 0.75
    assert sensitivity(table, np.zeros(5, dtype=np.int64)) is None


def test_the_interval_holds_the_value_is_repeatable_and_shrinks_with_more_cases() -> None:
    def kappa(table: Table) -> tuple[float, float, float]:
        found = with_interval(len(table), lambda drawn: cohens_kappa(table[drawn]), seed=7)
        assert found == with_interval(len(table), lambda drawn: cohens_kappa(table[drawn]), seed=7)
        assert found.value is not None
        assert found.low is not None
        assert found.high is not None
        return found.low, found.value, found.high

    low, value, high = kappa(pairs(20, 5, 10, 15))
    assert low < value < high
    # The large-sample standard error of this table is 0.127 (Fleiss, Cohen and Everitt, 1969).
    assert high - low == pytest.approx(2 * 1.96 * 0.127, rel=0.15)
    narrow = kappa(pairs(80, 20, 40, 60))
    assert narrow[2] - narrow[0] < 0.7 * (high - low)


def test_every_reader_reads_every_case_both_ways_in_an_order_of_their_own() -> None:
    cases = [f"case-{n}" for n in range(20)]
    anna, bert = plan(cases, "anna", 1), plan(cases, "bert", 1)
    assert anna == plan(cases[::-1], "anna", 1)
    assert [one.case_id for one in anna] != [one.case_id for one in bert]
    assert [one.case_id for one in anna] != [one.case_id for one in plan(cases, "anna", 2)]
    for phase in (1, 2):
        assert sorted(one.case_id for one in anna if one.phase == phase) == sorted(cases)
    assert {(one.case_id, one.overlay) for one in anna} == {(case, way) for case in cases for way in (True, False)}
    assert 9 <= sum(one.overlay for one in anna if one.phase == 1) <= 11, "about half begin with the lesions"


def test_a_handful_of_cases_gets_no_interval() -> None:
    few = pairs(1, 1, 0, 1)
    found = with_interval(len(few), lambda drawn: cohens_kappa(few[drawn]), seed=7)
    assert found.value is not None
    assert (found.low, found.high) == (None, None)
