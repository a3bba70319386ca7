from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pytest

from processing.domain.errors import InputRejected
from processing.domain.imaging import Grid, Volume
from processing.domain.result import LesionChange, LongitudinalResult, Side
from processing.domain.study import SeriesRole
from processing.pipelines.ms_longitudinal.pipeline import run
from processing.stages.resample import resample, rotation_about
from validation.metrics import compare, dice
from validation.phantom import SMALL_PHANTOM, LesionKind, Phantom, make_phantom
from validation.phantom.acquire import pose

FLAIR = SeriesRole.FLAIR


def silent(stage: str, fraction: float) -> None:
    """Nobody waits."""


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(SMALL_PHANTOM)


@pytest.fixture(scope="module")
def stages() -> list[tuple[str, float]]:
    return []


@pytest.fixture(scope="module")
def result(phantom: Phantom, stages: list[tuple[str, float]]) -> LongitudinalResult:
    return run(phantom.current, phantom.prior, lambda stage, fraction: stages.append((stage, fraction)))


def test_what_grew_and_what_is_new_is_found_and_nothing_else(phantom: Phantom, result: LongitudinalResult) -> None:
    increases = {lesion.number for lesion in result.lesions if lesion.change.increase}
    agreement = compare(
        result.lesion_map.keep(increases).array,
        phantom.increases(),
        voxel_volume_mm3=result.lesion_map.grid.voxel_volume_mm3,
    )
    assert agreement.found == len(agreement.lesions) == 3
    assert agreement.false_positives == 0
    assert agreement.dice > 0.7


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (LesionKind.NEW, LesionChange.NEW),
        (LesionKind.GROWING, LesionChange.GROWING),
        (LesionKind.VANISHED, LesionChange.VANISHED),
    ],
)
def test_every_change_carries_its_own_name(
    phantom: Phantom, result: LongitudinalResult, kind: LesionKind, change: LesionChange
) -> None:
    where = np.where(phantom.current_lesions.array > 0, phantom.current_lesions.array, phantom.prior_lesions.array)
    changes = {lesion.number: lesion.change for lesion in result.lesions}
    wanted = [true.number for true in phantom.changes if true.kind is kind]
    assert wanted
    for number in wanted:
        marked = np.unique(result.lesion_map.array[where == number])
        assert {changes[int(label)] for label in marked if label} == {change}


def test_a_stable_lesion_is_not_marked(phantom: Phantom, result: LongitudinalResult) -> None:
    (stable,) = (true.number for true in phantom.changes if true.kind is LesionKind.STABLE)
    assert not result.lesion_map.array[phantom.current_lesions.array == stable].any()


def test_numbers_volumes_and_centres_are_those_of_the_map(phantom: Phantom, result: LongitudinalResult) -> None:
    grid = phantom.current[FLAIR].grid
    assert result.lesion_map.grid is grid
    assert result.lesion_map.labels == tuple(lesion.number for lesion in result.lesions)
    assert result.lesion_map.labels == tuple(range(1, len(result.lesions) + 1))
    volumes = [lesion.volume_mm3 for lesion in result.lesions]
    assert volumes == sorted(volumes, reverse=True)
    for lesion in result.lesions:
        mask = result.lesion_map.array == lesion.number
        assert lesion.volume_mm3 == pytest.approx(mask.sum() * grid.voxel_volume_mm3)
        index = grid.lps_to_index(lesion.centroid_mm)
        assert np.allclose(index, index.round(), atol=1e-6)
        assert mask[tuple(index.round().astype(int))]
        assert 0 <= lesion.score <= 1
        assert (lesion.prior_volume_mm3 == 0) is (lesion.change is LesionChange.NEW)


def test_sides_are_the_patients_own(phantom: Phantom, result: LongitudinalResult) -> None:
    to_world = pose(SMALL_PHANTOM.current.pose)
    assert {lesion.side for lesion in result.lesions} >= {Side.LEFT, Side.RIGHT}
    for lesion in result.lesions:
        # The template's midline is x = 0; in LPS, left is positive.
        x_mm = float(to_world.apply(lesion.centroid_mm)[0])
        assert lesion.side is (Side.LEFT if x_mm > 0 else Side.RIGHT)


def test_the_prior_is_shown_in_the_current_scans_place(phantom: Phantom, result: LongitudinalResult) -> None:
    shown, current = result.registered_prior, phantom.current[FLAIR]
    assert shown.grid is current.grid
    bright = current.array > 0.3 * np.percentile(current.array, 98)
    assert np.corrcoef(shown.array[bright], current.array[bright])[0, 1] > 0.8
    assert shown.array.max() == pytest.approx(phantom.prior[FLAIR].array.max(), rel=0.1)
    (new, *_) = (true.number for true in phantom.changes if true.kind is LesionKind.NEW)
    assert result.subtraction.array[phantom.current_lesions.array == new].mean() > 0.3
    points = np.random.default_rng(1).uniform((-50, -40, -20), (50, 80, 60), (100, 3))
    gap = result.current_to_prior.apply(points) - phantom.current_to_prior.apply(points)
    assert np.linalg.norm(gap, axis=1).mean() < 0.2


def test_progress_runs_from_nought_towards_one(result: LongitudinalResult, stages: list[tuple[str, float]]) -> None:
    fractions = [fraction for _, fraction in stages]
    assert result.lesions
    assert fractions[0] == 0.0
    assert fractions == sorted(fractions)
    assert fractions[-1] < 1.0
    assert len({stage for stage, _ in stages}) == len(stages) >= 5


def test_quality_is_reported_and_unsuspicious(result: LongitudinalResult) -> None:
    named = {figure.name for figure in result.quality}
    assert named >= {"registration correlation", "current signal to noise", "current brain edge seen"}
    assert all(figure.acceptable for figure in result.quality)
    assert result.warnings == ()


def test_the_result_says_which_series_it_was_made_from(phantom: Phantom, result: LongitudinalResult) -> None:
    assert result.compared == tuple(phantom.current) != ()


def _as_sagittal_from_right(volume: Volume) -> Volume:
    """The same voxels stored as sagittal slices from the patient's right to left, rows from the head down."""
    array = np.flip(np.transpose(volume.array, (2, 0, 1)), axis=1)
    affine = np.array(volume.grid.affine)[:, [2, 0, 1, 3]]
    affine[:3, 3] += affine[:3, 1] * (array.shape[1] - 1)
    affine[:3, 1] *= -1
    z, y, x = array.shape
    return Volume(np.ascontiguousarray(array), Grid((z, y, x), affine))


def _from_head_to_feet(volume: Volume) -> Volume:
    """The same slices in reverse order."""
    affine = np.array(volume.grid.affine)
    affine[:3, 3] += affine[:3, 0] * (volume.grid.shape[0] - 1)
    affine[:3, 0] *= -1
    return Volume(np.ascontiguousarray(volume.array[::-1]), Grid(volume.grid.shape, affine))


def test_a_second_run_is_the_same_to_the_last_bit(phantom: Phantom, result: LongitudinalResult) -> None:
    again = run(phantom.current, phantom.prior, silent)
    assert again.lesions == result.lesions
    assert again.quality == result.quality
    assert np.array_equal(again.current_to_prior.matrix, result.current_to_prior.matrix)
    for one, other in (
        (again.lesion_map.array, result.lesion_map.array),
        (again.registered_prior.array, result.registered_prior.array),
        (again.subtraction.array, result.subtraction.array),
    ):
        assert one.tobytes() == other.tobytes()


def test_storage_order_changes_nothing(phantom: Phantom, result: LongitudinalResult) -> None:
    again = run(
        {FLAIR: _as_sagittal_from_right(phantom.current[FLAIR])},
        {FLAIR: _from_head_to_feet(phantom.prior[FLAIR])},
        silent,
    )
    # Turning an affine around and back rounds its last digits; nothing else may differ.
    assert np.allclose(again.current_to_prior.matrix, result.current_to_prior.matrix, atol=1e-7)
    assert [(one.change, one.region, one.side) for one in again.lesions] == [
        (one.change, one.region, one.side) for one in result.lesions
    ]
    back = np.transpose(np.flip(again.lesion_map.array, axis=1), (1, 2, 0))
    assert dice(back > 0, result.lesion_map.array > 0) > 0.999
    for one, other in zip(again.lesions, result.lesions, strict=True):
        assert one.volume_mm3 == pytest.approx(other.volume_mm3, rel=0.01)
        assert np.allclose(one.centroid_mm, other.centroid_mm, atol=4.1)


def _scanned_again(scan: Volume) -> Volume:
    """The same head, moved a little and with new noise, on an oblique stack."""
    generator = np.random.default_rng(5)
    motion = rotation_about(np.array([0.0, 18.0, 6.0]), np.deg2rad([2.0, -1.5, 3.0]))
    oblique = Grid(scan.grid.shape, motion.inverse().matrix @ scan.grid.affine)
    moved = resample(scan, oblique, to_volume=np.eye(4)).array
    noise: npt.NDArray[np.float32] = generator.normal(0, 16, (2, *moved.shape)).astype(np.float32)
    return Volume(np.hypot(moved + noise[0], noise[1]), oblique)


def test_the_same_head_scanned_twice_holds_no_change(phantom: Phantom) -> None:
    scan = phantom.current[FLAIR]
    found = run({FLAIR: _scanned_again(scan)}, {FLAIR: scan}, silent)
    assert found.lesions == ()
    assert not found.lesion_map.array.any()


@pytest.mark.parametrize("missing", ["current", "prior"])
def test_a_missing_flair_is_refused(phantom: Phantom, missing: str) -> None:
    images: dict[str, Mapping[SeriesRole, Volume]] = {"current": phantom.current, "prior": phantom.prior}
    images[missing] = {SeriesRole.T2: phantom.current[FLAIR]}
    with pytest.raises(InputRejected, match="FLAIR"):
        run(images["current"], images["prior"], silent)


@pytest.mark.parametrize("kind", ["not a number", "too few slices"])
def test_an_unusable_flair_is_refused(phantom: Phantom, kind: str) -> None:
    scan = phantom.current[FLAIR]
    if kind == "not a number":
        array = np.array(scan.array)
        array[3, 3, 3] = np.nan
        bad = scan.with_array(array)
    else:
        bad = Volume(scan.array[:7], Grid((7, *scan.grid.shape[1:]), scan.grid.affine))
    with pytest.raises(InputRejected):
        run({FLAIR: bad}, phantom.prior, silent)
