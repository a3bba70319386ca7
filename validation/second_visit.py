"""The same scan as a second visit would show it, where nothing changed: another pose, another coil, fresh noise."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from processing.domain.imaging import Grid, RigidTransform, Volume
from processing.stages.resample import resample, rotation_about

TURN_DEG = (3.0, -2.0, 4.0)
SHIFT_MM = (4.0, -3.0, 5.0)
NOISE = 0.03
"""Standard deviation in both channels of the receiver, as a part of `level`."""
COIL = 0.1
"""Largest relative change of the sensitivity over the head."""


def second_visit(scan: Volume, *, level: float, seed: int) -> tuple[Volume, RigidTransform]:
    """Take a scan again with slices laid at an angle and the patient elsewhere.

    Parameters
    ----------
    scan : Volume
    level : float
        Intensity of white matter, which noise is measured by.
    seed : int

    Returns
    -------
    Volume
        On a grid of its own, interpolated once.
    RigidTransform
        Maps points of the second visit's frame to the first's (mm).
    """
    generator = np.random.default_rng(seed)
    centre = scan.grid.index_to_lps((np.array(scan.grid.shape) - 1) / 2)
    turn = rotation_about(centre, np.deg2rad(TURN_DEG))
    slices = Grid(scan.grid.shape, turn.matrix @ scan.grid.affine)
    seen = resample(scan, slices)
    moved = np.eye(4)
    moved[:3, 3] = SHIFT_MM
    affine = moved @ rotation_about(centre, np.deg2rad(-np.array(TURN_DEG))).matrix @ slices.affine
    coil = ndimage.zoom(
        generator.normal(size=(3, 3, 3)), [n / 3 for n in scan.grid.shape], order=1, grid_mode=True, mode="nearest"
    )
    field = np.exp(COIL * coil / np.abs(coil).max())
    again = with_noise(seen.with_array((seen.array * field).astype(np.float32)), level=level, generator=generator)
    grid = Grid(scan.grid.shape, affine)
    return Volume(again.array, grid), RigidTransform(slices.affine @ np.linalg.inv(affine))


def with_noise(scan: Volume, *, level: float, generator: np.random.Generator) -> Volume:
    """Add Rician noise where there is signal."""
    noise = generator.normal(0.0, NOISE * level, (2, *scan.grid.shape))
    noisy = np.hypot(scan.array + noise[0], noise[1])
    return scan.with_array(np.where(scan.array > 0, noisy, 0.0).astype(np.float32))
