"""Normalisation, differential bias and subtraction."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from processing.domain.errors import InputRejected
from processing.domain.imaging import Grid, Volume
from processing.stages.bias_field import BiasParameters, remove_differential_bias
from processing.stages.normalise import NormalisationParameters, normalise_pair
from processing.stages.subtract import SubtractionParameters, robust_spread, subtract, subtract_both

Mask = npt.NDArray[np.bool_]

GRID = Grid.from_axes((20, 64, 64), origin_mm=(0, 0, 0), spacing_mm=(3.0, 1.5, 1.5), directions=np.eye(3)[:, ::-1])
BRAIN: Mask = np.ones(GRID.shape, bool)
INSIDE = (slice(4, -4), slice(12, -12), slice(12, -12))


def tissue(seed: int = 0) -> npt.NDArray[np.float32]:
    """White matter of 1, grey of 1.2 and fluid of 0.3 in blocks of some voxels."""
    generator = np.random.default_rng(seed)
    kinds = generator.choice([1.0, 1.2, 0.3], size=(5, 16, 16), p=[0.6, 0.3, 0.1])
    return np.kron(kinds, np.ones((4, 4, 4))).astype(np.float32)


def noise(seed: int, sigma: float) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, sigma, GRID.shape).astype(np.float32)


def white(array: npt.NDArray[np.float32]) -> Mask:
    return np.asarray(np.abs(array - 1.0) < 1e-6)


@pytest.mark.parametrize(("scale_now", "scale_before", "offset"), [(800.0, 300.0, 0.0), (0.01, 4000.0, 500.0)])
def test_two_scanners_scales_come_to_one(scale_now: float, scale_before: float, offset: float) -> None:
    truth = tissue()
    now = Volume((truth + noise(1, 0.02)) * scale_now, GRID)
    before = Volume((truth + noise(2, 0.02)) * scale_before + offset, GRID)
    one, other = normalise_pair(now, before, brain=BRAIN, white_matter=white(truth), params=NormalisationParameters())
    assert np.median(one.array[white(truth)]) == pytest.approx(1.0, abs=1e-3)
    assert np.median(other.array[white(truth)]) == pytest.approx(1.0, abs=5e-3)
    assert np.median(other.array[truth < 0.5]) == pytest.approx(np.median(one.array[truth < 0.5]), abs=0.02)


def test_lesions_do_not_bend_the_normalisation() -> None:
    truth = tissue()
    with_lesions = truth.copy()
    with_lesions[5:10, 20:40, 20:40] = 2.5
    one, other = normalise_pair(
        Volume(with_lesions + noise(1, 0.02), GRID),
        Volume(truth * 500 + 500 * noise(2, 0.02), GRID),
        brain=BRAIN,
        white_matter=white(truth),
        params=NormalisationParameters(),
    )
    assert np.median((one.array - other.array)[truth == np.float32(1.2)]) == pytest.approx(0.0, abs=0.02)
    assert (one.array - other.array)[6:9, 24:36, 24:36].mean() > 1.0


def test_scans_without_anatomy_in_common_are_refused() -> None:
    truth = tissue()
    with pytest.raises(InputRejected, match="in common"):
        normalise_pair(
            Volume(truth, GRID), Volume(-truth, GRID), brain=BRAIN, white_matter=white(truth),
            params=NormalisationParameters(),
        )  # fmt: skip
    with pytest.raises(InputRejected, match="too little white matter"):
        normalise_pair(
            Volume(truth, GRID), Volume(truth, GRID), brain=BRAIN, white_matter=np.zeros(GRID.shape, bool),
            params=NormalisationParameters(),
        )  # fmt: skip


def test_a_slow_ratio_is_removed_and_a_lesion_stays() -> None:
    truth = tissue()
    y = np.linspace(-1, 1, GRID.shape[1], dtype=np.float32)[None, :, None]
    shaded = truth * np.exp(0.15 * y)
    shaded[9:11, 30:34, 30:34] = 1.8
    now, before = remove_differential_bias(
        Volume(shaded, GRID), Volume(truth, GRID), brain=BRAIN, params=BiasParameters()
    )
    difference = now.array - before.array
    plain = white(truth)
    plain[8:12, 29:35, 29:35] = False
    assert np.abs((shaded - truth)[INSIDE][plain[INSIDE]]).max() > 0.08
    assert np.abs(difference[INSIDE][plain[INSIDE]]).max() < 0.05
    assert difference[9:11, 31:33, 31:33].min() > 0.5


def test_two_equal_scans_differ_nowhere() -> None:
    scan = Volume(tissue() + noise(1, 0.02), GRID)
    now, before = remove_differential_bias(scan, scan, brain=BRAIN, params=BiasParameters())
    found = subtract(now, before, brain=BRAIN, white_matter=white(tissue()), params=SubtractionParameters())
    assert (found.z.array == 0).all()
    assert (found.robust.array <= 0).all()


def test_noise_alone_has_unit_deviation_and_its_size_is_reported() -> None:
    flat = np.ones(GRID.shape, np.float32)
    found = subtract(
        Volume(flat + noise(1, 0.04), GRID), Volume(flat + noise(2, 0.03), GRID),
        brain=BRAIN, white_matter=BRAIN, params=SubtractionParameters(edge_weight=0.0),
    )  # fmt: skip
    assert found.noise == pytest.approx(0.05, rel=0.03)
    assert robust_spread(found.z.array[INSIDE]) == pytest.approx(1.0, rel=0.1)


def test_a_shift_of_one_voxel_is_no_robust_rise() -> None:
    truth = tissue()
    before = Volume(truth + noise(1, 0.01), GRID)
    now = Volume(np.roll(truth, 1, axis=2) + noise(2, 0.01), GRID)
    found = subtract(now, before, brain=BRAIN, white_matter=white(truth), params=SubtractionParameters())
    assert found.robust.array[INSIDE].max() < 5.0
    assert (now.array - before.array)[INSIDE].max() / found.noise > 5.0


def test_fall_is_rise_with_the_scans_exchanged() -> None:
    truth = tissue()
    one, other = Volume(truth + noise(1, 0.02), GRID), Volume(tissue(5) + noise(2, 0.02), GRID)
    params = SubtractionParameters()
    _, fall = subtract_both(one, other, brain=BRAIN, white_matter=white(truth), params=params)
    rise = subtract(other, one, brain=BRAIN, white_matter=white(truth), params=params)
    assert np.allclose(fall.z.array, rise.z.array, atol=1e-5)
    assert np.allclose(fall.robust.array, rise.robust.array, atol=1e-4)
    assert np.allclose(fall.difference.array, rise.difference.array)


@pytest.mark.parametrize("through", [0, 1, 2])
def test_the_slice_axis_is_the_one_with_the_largest_spacing(through: int) -> None:
    spacing = [1.0, 1.0, 1.0]
    spacing[through] = 4.0
    grid = Grid.from_axes(
        (15, 15, 15), origin_mm=(0, 0, 0), spacing_mm=(spacing[0], spacing[1], spacing[2]), directions=np.eye(3)
    )
    before = np.ones(grid.shape, np.float32)
    before[7, 7, 7] = 2.0
    everywhere = np.ones(grid.shape, bool)
    found = subtract(
        Volume(np.ones(grid.shape, np.float32), grid), Volume(before, grid),
        brain=everywhere, white_matter=everywhere, params=SubtractionParameters(),
    )  # fmt: skip
    fall = found.robust.array * np.float32(found.noise)
    for axis in range(3):
        beside = [7, 7, 7]
        beside[axis] = 8
        assert fall[tuple(beside)] == pytest.approx(-0.5 if axis == through else -1.0, abs=1e-5)
