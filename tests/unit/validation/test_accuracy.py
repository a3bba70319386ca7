from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import pytest

from processing.domain.imaging import Grid, LabelMap, RigidTransform, Volume
from processing.domain.result import Lesion, LesionChange, LongitudinalResult, QualityFigure, Region, Side
from processing.pipelines.ms_longitudinal.spec import MODEL_FOLDER
from processing.stages.learned import CHANNELS, LearnedModel
from validation.accuracy import CaseFigures, figures, increases, measure_all
from validation.accuracy_report import curve_picture, curve_table, sensitivity_table, volume_table
from validation.accuracy_sets import LEFT_OUT_NETWORKS, AccuracyCase, Material, all_cases
from validation.grid import GRID
from validation.phantom import DEMO_PHANTOM
from validation.real_pairs import CROSS_SECTIONAL_PATIENTS, LONGITUDINAL_PATIENTS

PLACE = Grid.from_axes((4, 20, 20), origin_mm=(0, 0, 0), spacing_mm=(3, 1, 1), directions=np.eye(3)[:, ::-1])


def lesion(number: int, change: LesionChange, score: float) -> Lesion:
    place, region = (0.0, 0.0, 0.0), Region.DEEP_WHITE_MATTER
    return Lesion(number, change, 54.0, 0.0, place, region, Side.LEFT, score, partial_volume_mm3=27.0)


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


def material(truth: npt.NDArray[np.uint16], ignored: npt.NDArray[np.bool_] | None = None) -> Material:
    return Material({}, {}, truth, {2: 40.0, 9: 60.0}, ignored, frozenset({1}), outlined_new=frozenset({1, 2}))


def measured(result: LongitudinalResult, truth: npt.NDArray[np.uint16], score: float = 0.7) -> CaseFigures:
    return figures(result, material(truth), minimum_score=score, group="a set", name="one")


def test_figures_say_at_which_score_an_increase_is_found(
    result: LongitudinalResult, truth: npt.NDArray[np.uint16]
) -> None:
    case = measured(result, truth)
    assert [(lesion.label, lesion.score, lesion.visible) for lesion in case.lesions] == [
        (1, 0.97, True),
        (2, 0.65, False),
        (9, None, False),
    ]
    assert [lesion.volume_mm3 for lesion in case.lesions] == pytest.approx([27.0, 40.0, 60.0])
    assert case.false_scores == (0.75,)
    assert [(case.found(score), case.false_positives(score)) for score in (0.6, 0.7, 0.8)] == [(2, 1), (1, 1), (1, 0)]
    assert (case.lesions[0].marked_mm3, case.lesions[0].partial_mm3) == (54.0, 27.0)
    assert case.lesions[1].marked_mm3 is None
    assert measured(result, truth, 0.6).dice > case.dice


def test_an_ignored_place_is_neither_right_nor_wrong(result: LongitudinalResult, truth: npt.NDArray[np.uint16]) -> None:
    ignored = np.zeros(PLACE.shape, bool)
    ignored[3] = True
    case = figures(result, material(truth, ignored), minimum_score=0.7, group="a set", name="one")
    assert case.false_scores == ()


def test_what_the_images_show_is_judged_by_the_rise(result: LongitudinalResult, truth: npt.NDArray[np.uint16]) -> None:
    rise = np.zeros(PLACE.shape, np.float32)
    rise[truth == 1], rise[truth == 2] = 0.11, 0.09
    seen = replace(
        result,
        subtraction=Volume(rise, PLACE),
        quality=(QualityFigure("noise of the difference", 5.0, "% of white matter", acceptable=True),),
    )
    case = figures(seen, Material({}, {}, truth, {}), minimum_score=0.7, group="a set", name="one")
    assert [lesion.visible for lesion in case.lesions] == [True, False]


def test_tables_and_curve_hold_what_was_measured(result: LongitudinalResult, truth: npt.NDArray[np.uint16]) -> None:
    cases = [measured(result, truth), measured(result, truth).model_copy(update={"name": "two"})]
    head, whole, *single = sensitivity_table(cases, 0.7).splitlines()
    assert head.startswith("set")
    assert whole.split()[:8] == ["a", "set", "2/2", "2/4", "0/0", "0/2", "-", "2/2"]
    assert [line.split()[0] for line in single] == ["one", "two"]
    assert "2 1.0" in curve_table(cases).splitlines()[1]
    assert volume_table(cases).splitlines()[1].split() == ["a", "set", "2.00", "1.00", "(2)", "-", "-"]
    picture = ElementTree.fromstring(curve_picture(cases, 0.7))  # noqa: S314 - our own text
    names = {"{http://www.w3.org/2000/svg}" + kind for kind in ("polyline", "circle")}
    assert names <= {part.tag for part in picture}


def test_an_interrupted_measurement_goes_on_where_it_was(
    result: LongitudinalResult, truth: npt.NDArray[np.uint16], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured_now: list[str] = []

    def count(case: AccuracyCase) -> CaseFigures:
        measured_now.append(case.name)
        return measured(result, truth).model_copy(update={"name": case.name})

    monkeypatch.setattr("validation.accuracy.measure", count)
    cases = [AccuracyCase("a set", name, Path("none"), lambda: material(truth)) for name in ("one", "two")]
    first = measure_all(cases[:1], lambda _: None, kept=tmp_path)
    both = measure_all(cases, lambda _: None, kept=tmp_path)
    assert measured_now == ["one", "two"]
    assert both[0] == first[0]


def test_without_data_the_phantoms_are_measured() -> None:
    assert {case.group for case in all_cases(None)} == {"phantom"}
    named = [(case.group, case.name) for case in all_cases(Path("anywhere"))]
    assert len(set(named)) == len(named)
    assert len({group for group, _ in named}) >= 7


def test_each_real_patient_is_measured_by_a_network_of_its_own_fold() -> None:
    assert set(LEFT_OUT_NETWORKS) == {*LONGITUDINAL_PATIENTS, *CROSS_SECTIONAL_PATIENTS}
    shipped = (MODEL_FOLDER / "change.onnx").read_bytes()
    for file in set(LEFT_OUT_NETWORKS.values()):
        assert file.read_bytes() != shipped
        chances = LearnedModel(file.read_bytes()).chances(np.ones((len(CHANNELS), 4, 16, 16), np.float32))
        assert 0.0 <= float(chances.min()) <= float(chances.max()) <= 1.0


def test_each_phantom_of_the_grid_differs_from_the_demo_and_from_the_others() -> None:
    specs = [DEMO_PHANTOM, *GRID.values()]
    assert len({repr(spec) for spec in specs}) == len(specs) >= 9
    assert all(spec.lesions == DEMO_PHANTOM.lesions for spec in specs)
