from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from processing.domain.imaging import RigidTransform, Volume
from processing.domain.result import LesionChange, LongitudinalResult
from processing.domain.study import SeriesRole
from tests.unit.validation.made_outputs import GRID, lesion, output
from validation.outputs import CaseOutput
from validation.perturb import PERTURBATIONS, rescan
from validation.stability import Repeated, differing, follow, limits_of, stability_table

BALL = Volume(
    np.where(np.linalg.norm(np.indices((12, 48, 48)) - np.array([6, 24, 24])[:, None, None, None], axis=0) < 9, 400, 20)
    .astype(np.float32)
    .reshape(12, 48, 48),
    type(GRID)((12, 48, 48), GRID.affine),
)


@pytest.mark.parametrize("name", [name for name in PERTURBATIONS if name != "cropping"])
def test_a_disturbance_grows_with_its_strength_and_vanishes_without(name: str) -> None:
    perturb, strengths, _ = PERTURBATIONS[name]
    differences = [
        float(np.abs(perturb(BALL, strength, np.random.default_rng(2)).array - BALL.array).mean())
        for strength in (0.0, *strengths)
    ]
    assert differences[0] < 0.01
    assert all(b > a for a, b in itertools.pairwise(differences))


def test_cropping_takes_slices_from_the_upper_end() -> None:
    perturb, _, _ = PERTURBATIONS["cropping"]
    cut = perturb(BALL, 0.25, np.random.default_rng(0))
    assert cut.grid.shape == (9, 48, 48)
    assert np.array_equal(cut.array, BALL.array[:9])


def test_a_rescan_shows_the_same_anatomy_elsewhere() -> None:
    (again,), pose = (lambda pair: (tuple(pair[0].values()), pair[1]))(
        rescan({SeriesRole.FLAIR: BALL}, np.random.default_rng(4))
    )
    assert not np.allclose(pose.matrix, np.eye(4))

    def middle(volume: Volume) -> np.ndarray:
        bright = volume.array > volume.array.max() / 2
        return volume.grid.index_to_lps(np.argwhere(bright).mean(axis=0))

    assert np.linalg.norm(pose.apply(middle(again)) - middle(BALL)) < 1.0


def result(*found: tuple[tuple[float, float, float], float, LesionChange]) -> LongitudinalResult:
    made = output()
    assert made.lesion_map is not None
    lesions = tuple(lesion(number, volume, change) for number, (_, volume, change) in enumerate(found, start=1))
    lesions = tuple(
        type(one)(**{**vars(one), "centroid_mm": place}) for one, (place, _, _) in zip(lesions, found, strict=True)
    )
    blank = Volume(np.zeros(GRID.shape, np.float32), GRID)
    return LongitudinalResult(lesions, made.lesion_map, blank, blank, RigidTransform.identity(), ())


def shifted(x: float) -> RigidTransform:
    matrix = np.eye(4)
    matrix[0, 3] = x
    return RigidTransform(matrix)


def test_lesions_are_followed_by_their_place_in_the_head() -> None:
    new, vanished = LesionChange.NEW, LesionChange.VANISHED
    first = result(((0, 0, 0), 100, new), ((30, 0, 0), 50, new), ((0, 0, 1), 90, vanished))
    second = result(((25, 0, 0), 60, new), ((-5, 0, 0), 120, new))
    found = follow("made", [(first, shifted(0)), (second, shifted(5))])
    assert {one.volumes_mm3: one.missed for one in found} == {(100, 120): 0, (50, 60): 0}


def test_limits_are_the_factor_within_which_repeats_lie() -> None:
    rng = np.random.default_rng(8)
    same = [Repeated("made", True, tuple(100 * np.exp(rng.normal(0, 0.1, 20))), 0) for _ in range(30)]
    (limit,) = limits_of(same)
    assert limit.factor == pytest.approx(np.exp(1.96 * np.sqrt(2) * 0.1), rel=0.05)
    assert (limit.low_mm3, limit.high_mm3, limit.lesions) == (50, 150, 30)
    assert limits_of(same[:1]) == ()
    assert "30" in stability_table(same)
    assert "too few" in stability_table(same[:1])


@pytest.mark.parametrize(
    ("change", "named"),
    [(lambda: output(), ()), (lambda: output(shift=1), ("lesions",)), (lambda: output(offset=1e-6), ("subtraction",))],
)
def test_what_differs_between_two_runs_is_named(change: Callable[[], CaseOutput], named: tuple[str, ...]) -> None:
    assert differing(output(), change()) == named
