from __future__ import annotations

import numpy as np
import pytest

from processing.domain.imaging import Grid
from processing.stages.atlas import Atlas, load_atlas
from validation.phantom import SMALL_PHANTOM, Phantom, make_phantom


@pytest.fixture(scope="session")
def phantom() -> Phantom:
    return make_phantom(SMALL_PHANTOM)


@pytest.fixture(scope="session")
def atlas() -> Atlas:
    return load_atlas()


@pytest.fixture
def cube() -> Grid:
    """A small grid in LPS order: 12 slices of 3 mm, 40 x 40 pixels of 1 mm, centred on the origin."""
    return Grid.from_axes(
        (12, 40, 40),
        origin_mm=(-19.5, -19.5, -16.5),
        spacing_mm=(3.0, 1.0, 1.0),
        directions=np.eye(3)[:, ::-1],
    )
