from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from processing.domain.imaging import Grid, LabelMap, RigidTransform, Volume
from processing.domain.result import Lesion, LesionChange, LongitudinalResult, Region, Side
from validation.accuracy import (
    SCORES,
    CaseAccuracy,
    CurvePoint,
    MeasuredVolume,
    curve_table,
    increases,
    operating_curve,
    volume_table,
)
from validation.grid import GRID
from validation.metrics import compare
from validation.phantom import DEMO_PHANTOM

PLACE = Grid.from_axes((4, 20, 20), origin_mm=(0, 0, 0), spacing_mm=(3, 1, 1), directions=np.eye(3)[:, ::-1])


def lesion(number: int, change: LesionChange, score: float) -> Lesion:
    return Lesion(number, change, 30.0, 0.0, (0.0, 0.0, 0.0), Region.DEEP_WHITE_MATTER, Side.LEFT, score)


@pytest.fixture
def truth() -> npt.NDArray[np.uint16]:
    labels = np.zeros(PLACE.shape, np.uint16)
    labels[1, 2:5, 2:5] = 1
    labels[1, 12:15, 2:5] = 2
    return labels


@pytest.fixture
def result(truth: npt.NDArray[np.uint16]) -> LongitudinalResult:
    """Lesion 1 true and sure, 2 true and doubtful, 3 false and doubtful, 4 false and no increase."""
    marked = truth.copy()
    marked[3, 2:5, 12:15] = 3
    marked[3, 12:15, 12:15] = 4
    lesions = (
        lesion(1, LesionChange.NEW, 0.97),
        lesion(2, LesionChange.GROWING, 0.65),
        lesion(3, LesionChange.NEW, 0.75),
        lesion(4, LesionChange.VANISHED, 1.0),
    )
    image = Volume(np.zeros(PLACE.shape, np.float32), PLACE)
    return LongitudinalResult(lesions, LabelMap(marked, PLACE), image, image, RigidTransform.identity(), ())


def test_only_increases_of_enough_score_count(result: LongitudinalResult) -> None:
    assert set(np.unique(increases(result))) == {0, 1, 2, 3}
    assert set(np.unique(increases(result, minimum_score=0.7))) == {0, 1, 3}


def test_the_curve_follows_the_score(result: LongitudinalResult, truth: npt.NDArray[np.uint16]) -> None:
    found = [(point.found, point.present, point.false_positives) for point in operating_curve(result, truth)]
    assert found == [(2, 2, 1), (2, 2, 1), (1, 2, 1), (1, 2, 0), (1, 2, 0), (1, 2, 0)]
    ignored = np.zeros(PLACE.shape, bool)
    ignored[3] = True
    assert {point.false_positives for point in operating_curve(result, truth, ignored=ignored)} == {0}


def test_tables_hold_a_line_for_every_case(result: LongitudinalResult, truth: npt.NDArray[np.uint16]) -> None:
    agreement = compare(increases(result), truth, voxel_volume_mm3=3.0)
    points = tuple(CurvePoint(score, 1, 2, 3) for score in SCORES)
    volumes = (MeasuredVolume(20.0, 40.0), MeasuredVolume(30.0, 15.0), MeasuredVolume(400.0, 500.0))
    case = CaseAccuracy("one", agreement, frozenset({1, 2}), 0.1, 1.0, 2.0, curve=points, volumes=volumes)
    assert curve_table([case]).splitlines()[1].split() == ["one", *["1/2,", "3"] * len(SCORES)]
    assert volume_table([case]).splitlines()[1].split() == ["one", "1.00", "(2)", "-", "1.25", "(1)"]


def test_each_phantom_of_the_grid_differs_from_the_demo_and_from_the_others() -> None:
    specs = [DEMO_PHANTOM, *GRID.values()]
    assert len({repr(spec) for spec in specs}) == len(specs) >= 9
    assert all(spec.lesions == DEMO_PHANTOM.lesions for spec in specs)
