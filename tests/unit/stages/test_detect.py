from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from processing.domain.imaging import Grid, Volume
from processing.stages.change import ChangeParameters, lesion_before, onto_grid
from processing.stages.detect import Candidate, DetectionParameters, Evidence, detect_rise
from processing.stages.resample import rotation_about
from processing.stages.subtract import SubtractionParameters, subtract

GRID = Grid.from_axes((15, 60, 60), origin_mm=(0, 0, 0), spacing_mm=(3, 1, 1), directions=np.eye(3)[:, ::-1])
EVERYWHERE = np.ones(GRID.shape, bool)
WHITE = Volume(np.ones(GRID.shape, np.float32), GRID)
PARAMS = DetectionParameters()

Array = npt.NDArray[np.float32]


def ball(centre: tuple[float, float, float], radius_mm: float) -> npt.NDArray[np.bool_]:
    places = np.moveaxis(np.indices(GRID.shape), 0, -1)
    distance = np.linalg.norm((places - np.array(centre)) * GRID.spacing_mm, axis=-1)
    return np.asarray(distance <= radius_mm)


def scan(seed: int, *lesions: tuple[npt.NDArray[np.bool_], float]) -> Volume:
    array: Array = 1 + np.random.default_rng(seed).normal(0, 0.03, GRID.shape).astype(np.float32)
    for mask, height in lesions:
        array[mask] += np.float32(height)
    return Volume(array, GRID)


def detect(
    later: Volume,
    earlier: Volume,
    *,
    t1_z: Volume | None = None,
    t2_z: Volume | None = None,
    white: Volume = WHITE,
    params: DetectionParameters = PARAMS,
) -> tuple[Candidate, ...]:
    rise = subtract(later, earlier, brain=EVERYWHERE, white_matter=EVERYWHERE, params=SubtractionParameters())
    return detect_rise(later, Evidence(rise, t1_z, t2_z), brain=EVERYWHERE, white_matter_prior=white, params=params)


LESION = ball((7, 30, 30), 4.0)


def test_a_new_lesion_is_found_where_it_is() -> None:
    (found,) = detect(scan(1, (LESION, 0.5)), scan(2))
    assert (found.mask & LESION).sum() / (found.mask | LESION).sum() > 0.85
    assert found.volume_mm3 == pytest.approx(found.mask.sum() * 3.0)
    assert 0.5 < found.score <= 1.0


def test_noise_alone_holds_no_lesion() -> None:
    assert detect(scan(1), scan(2)) == ()


def test_a_stable_lesion_is_no_change() -> None:
    assert detect(scan(1, (LESION, 0.5)), scan(2, (LESION, 0.5))) == ()


def test_what_lies_outside_white_matter_or_at_the_brains_edge_is_left() -> None:
    later, earlier = scan(1, (LESION, 0.5)), scan(2)
    assert detect(later, earlier, white=WHITE.with_array(np.full(GRID.shape, 0.2))) == ()
    rise = subtract(later, earlier, brain=EVERYWHERE, white_matter=EVERYWHERE, params=SubtractionParameters())
    mostly_outside = ~ball((7, 30, 30), 9.0)
    assert detect_rise(later, Evidence(rise), brain=mostly_outside, white_matter_prior=WHITE, params=PARAMS) == ()


@pytest.mark.parametrize(
    ("t1", "t2", "found"),
    [(None, None, 1), (0.0, 3.0, 1), (0.0, 0.5, 0), (3.0, 3.0, 0), (None, 0.5, 0), (3.0, None, 0), (np.nan, np.nan, 1)],
)
def test_t1_and_t2_confirm_or_refute(t1: float | None, t2: float | None, found: int) -> None:
    def everywhere(value: float | None) -> Volume | None:
        return None if value is None else WHITE.with_array(np.full(GRID.shape, value))

    candidates = detect(scan(1, (LESION, 0.5)), scan(2), t1_z=everywhere(t1), t2_z=everywhere(t2))
    assert len(candidates) == found


def test_a_weak_rise_needs_t2() -> None:
    weak = replace(PARAMS, peak_robust=1e6, peak_robust_with_t2=3.0)
    later, earlier = scan(1, (LESION, 0.5)), scan(2)
    assert detect(later, earlier, params=weak) == ()
    assert len(detect(later, earlier, params=weak, t2_z=WHITE.with_array(np.full(GRID.shape, 2.0)))) == 1


def test_growth_is_told_from_a_new_lesion() -> None:
    old, grown = ball((7, 28, 30), 3.0), ball((7, 30, 30), 6.0)
    added = grown & ~old
    params = ChangeParameters()
    before = lesion_before(
        added, scan(1, (grown, 0.5)), scan(2, (old, 0.5)), brain=EVERYWHERE, white_matter_prior=WHITE, params=params
    )
    assert before == pytest.approx(old.sum() * 3.0, rel=0.1)
    fresh = lesion_before(
        grown, scan(1, (grown, 0.5)), scan(2), brain=EVERYWHERE, white_matter_prior=WHITE, params=params
    )
    assert fresh == 0.0
    elsewhere = scan(2, (ball((7, 30, 48), 4.0), 0.5))
    assert (
        lesion_before(
            grown, scan(1, (grown, 0.5)), elsewhere, brain=EVERYWHERE, white_matter_prior=WHITE, params=params
        )
        == 0.0
    )


@pytest.mark.parametrize("spacing", [(3.0, 1.0, 1.0), (1.0, 3.0, 1.0), (5.0, 0.7, 0.7), (1.0, 1.0, 1.0)])
def test_every_component_keeps_its_volume_and_place_on_another_grid(spacing: tuple[float, float, float]) -> None:
    masks = (ball((4, 20, 20), 6.0), ball((7, 40, 40), 1.3), ball((10, 12, 45), 2.5))
    shape = tuple(int(n * s / t) + 12 for n, s, t in zip(GRID.shape, GRID.spacing_mm, spacing, strict=True))
    motion = rotation_about(np.array([30.0, 30.0, 20.0]), np.array([0.1, -0.2, 0.15]))
    target = Grid.from_axes(
        (shape[0], shape[1], shape[2]), origin_mm=(-5, -5, -5), spacing_mm=spacing, directions=np.eye(3)[:, ::-1]
    )
    labels = onto_grid(masks, GRID, target, to_source=motion.matrix)
    for number, mask in enumerate(masks, start=1):
        there = labels == number
        volume = mask.sum() * GRID.voxel_volume_mm3
        assert there.sum() * target.voxel_volume_mm3 == pytest.approx(volume, abs=0.5 * target.voxel_volume_mm3 + 1e-6)
        centre = motion.apply(target.index_to_lps(np.argwhere(there))).mean(axis=0)
        assert np.linalg.norm(centre - GRID.index_to_lps(np.argwhere(mask)).mean(axis=0)) < max(spacing) / 2


def test_a_component_outside_the_target_has_no_voxel_there() -> None:
    away = np.eye(4)
    away[0, 3] = 500.0
    assert not onto_grid((LESION,), GRID, GRID, to_source=away).any()
