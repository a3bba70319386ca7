from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from processing.stages.distance import depth_within, distance_from


@pytest.mark.parametrize("spacing", [(3.0, 1.0, 1.2), (1.0, 1.0, 1.0), (0.7, 4.0, 0.7)])
def test_distances_are_those_of_an_independent_transform(spacing: tuple[float, float, float]) -> None:
    structure = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(20, 40, 30)), 3) > 0.03
    assert np.allclose(
        distance_from(structure, spacing), ndimage.distance_transform_edt(~structure, sampling=spacing), atol=1e-3
    )
    assert np.allclose(
        depth_within(structure, spacing), ndimage.distance_transform_edt(structure, sampling=spacing), atol=1e-3
    )


def test_nothing_is_infinitely_far_and_all_is_infinitely_deep() -> None:
    assert np.isinf(distance_from(np.zeros((3, 4, 5), bool), (1.0, 1.0, 1.0))).all()
    assert np.isinf(depth_within(np.ones((3, 4, 5), bool), (1.0, 1.0, 1.0))).all()
