from __future__ import annotations

import numpy as np
import pytest

from validation.metrics import SIZE_CLASSES_MM3, compare, dice, true_components


def bars(*lengths: int) -> np.ndarray:
    """Label maps with bars of the given lengths, well apart."""
    labels = np.zeros((len(lengths) * 3, 1, 400), np.int32)
    for number, length in enumerate(lengths, start=1):
        labels[3 * (number - 1), 0, :length] = number
    return labels


@pytest.mark.parametrize(("marked", "found"), [(4, 0), (5, 1), (50, 1)])
def test_a_lesion_counts_from_ten_percent(marked: int, found: int) -> None:
    truth = bars(50)
    result = np.zeros_like(truth)
    result[0, 0, :marked] = 1
    assert compare(result, truth, voxel_volume_mm3=1.0).found == found


def test_marks_that_touch_no_truth_are_false_positives_once_each() -> None:
    truth = bars(20)
    result = np.zeros_like(truth)
    result[0, 0, 15:40] = 1
    result[0, 0, 100:110] = 2
    result[2, 0, 0:5] = 3
    agreement = compare(result, truth, voxel_volume_mm3=2.0)
    assert agreement.false_positives == 2
    assert agreement.dice == pytest.approx(2 * 5 / (40 + 20))
    assert agreement.lesions[0].volume_mm3 == 40.0
    assert agreement.lesions[0].overlap == pytest.approx(0.25)


def test_what_is_to_be_ignored_is_neither_right_nor_wrong() -> None:
    truth = bars(20)
    result = np.zeros_like(truth)
    result[0, 0, :20] = 1
    result[2, 0, :30] = 2
    ignored = np.zeros(truth.shape, bool)
    ignored[2] = True
    agreement = compare(result, truth, voxel_volume_mm3=1.0, ignored=ignored)
    assert (agreement.false_positives, agreement.dice) == (0, 1.0)


def test_sensitivity_is_counted_by_size() -> None:
    truth = bars(12, 49, 50, 149, 150, 300)
    result = np.where(np.isin(truth, (2, 3, 6)), truth, 0)
    by_size = compare(result, truth, voxel_volume_mm3=1.0).by_size()
    assert [by_size[size] for size in SIZE_CLASSES_MM3] == [(1, 2), (1, 2), (1, 2)]


def test_nothing_in_nothing_agrees_fully() -> None:
    empty = np.zeros((2, 2, 2), np.int32)
    assert dice(empty > 0, empty > 0) == 1.0
    agreement = compare(empty, empty, voxel_volume_mm3=1.0)
    assert (agreement.found, agreement.false_positives, agreement.lesions) == (0, 0, ())


def test_result_and_truth_share_a_grid() -> None:
    with pytest.raises(ValueError, match="different grids"):
        compare(np.zeros((1, 2, 3), np.int32), np.zeros((3, 2, 1), np.int32), voxel_volume_mm3=1.0)


def test_true_components_follow_the_rule_for_results() -> None:
    mask = np.zeros((3, 3, 8), bool)
    mask[0, 0, 0:2] = mask[1, 1, 2:4] = True
    mask[2, 2, 7] = True
    labels = true_components(mask, voxel_volume_mm3=3.0)
    assert labels.max() == 1
    assert labels[2, 2, 7] == 0
