"""Other places in a scanner at which a head may lie."""

from __future__ import annotations

import numpy as np

from processing.domain.imaging import Grid, RigidTransform, Volume
from processing.stages.resample import rotation_about


def moved_away(scan: Volume, generator: np.random.Generator) -> tuple[Volume, RigidTransform]:
    """Return a scan as if its head had lain up to 25 degrees and 40 mm elsewhere along each axis, and the way there."""
    turned = rotation_about(np.zeros(3), np.deg2rad(generator.uniform(-25, 25, 3)))
    shift = np.eye(4)
    shift[:3, 3] = generator.uniform(-40, 40, 3)
    away = RigidTransform(shift).after(turned)
    return Volume(scan.array, Grid(scan.grid.shape, away.matrix @ scan.grid.affine)), away
