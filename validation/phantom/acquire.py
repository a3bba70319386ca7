"""Scanning the world: contrast, slices, bias and noise."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from processing.domain.imaging import Grid, RigidTransform, Volume
from processing.domain.study import SeriesRole
from processing.stages.resample import resample, rotation_about
from validation.phantom.anatomy import Anatomy, Tissue
from validation.phantom.spec import PoseSpec, ScannerSpec

SIGNALS: Mapping[SeriesRole, Mapping[Tissue, float]] = {
    SeriesRole.FLAIR: {
        Tissue.WHITE_MATTER: 1.0,
        Tissue.GREY_MATTER: 1.22,
        Tissue.FLUID: 0.2,
        Tissue.BONE: 0.05,
        Tissue.MARROW: 0.35,
        Tissue.FAT: 0.8,
        Tissue.MUSCLE: 0.45,
    },
    SeriesRole.T1: {
        Tissue.WHITE_MATTER: 1.0,
        Tissue.GREY_MATTER: 0.72,
        Tissue.FLUID: 0.3,
        Tissue.BONE: 0.06,
        Tissue.MARROW: 0.8,
        Tissue.FAT: 1.4,
        Tissue.MUSCLE: 0.55,
    },
    SeriesRole.T2: {
        Tissue.WHITE_MATTER: 1.0,
        Tissue.GREY_MATTER: 1.35,
        Tissue.FLUID: 3.0,
        Tissue.BONE: 0.05,
        Tissue.MARROW: 0.6,
        Tissue.FAT: 1.5,
        Tissue.MUSCLE: 0.4,
    },
}
"""Signal of each tissue in units of white matter, as spin-echo sequences at 1.5 T show them."""

LESION_SIGNAL: Mapping[SeriesRole, float] = {SeriesRole.T1: 0.75, SeriesRole.T2: 2.0}
"""Signal of a lesion where it is not the spec's to say."""

_HEAD_CENTRE_MM = np.array([0.0, 18.0, 6.0])


def pose(spec: PoseSpec) -> RigidTransform:
    """Return the transform that maps a point of the scanner to the point of the world (the head) that lies there."""
    turned = rotation_about(_HEAD_CENTRE_MM, Rotation.from_euler("xyz", spec.rotation_deg, degrees=True).as_rotvec())
    shift = np.eye(4)
    shift[:3, 3] = spec.shift_mm
    return turned.after(RigidTransform(shift))


def scan_grid(scanner: ScannerSpec, slice_mm: float) -> Grid:
    """Return the stack of slices that a scanner lays over the head, about the isocentre, in its own coordinates."""
    tilt = np.deg2rad(scanner.tilt_deg)
    up = np.array([0.0, -np.sin(tilt), np.cos(tilt)])
    back = np.array([0.0, np.cos(tilt), np.sin(tilt)])
    left = np.array([1.0, 0.0, 0.0])
    rows = round(scanner.field_of_view_mm / scanner.in_plane_mm)
    slices = round(scanner.coverage_mm / slice_mm)
    directions = np.stack([up, back, left], axis=1)
    spacing = (slice_mm, scanner.in_plane_mm, scanner.in_plane_mm)
    shape = (slices, rows, rows)
    origin = _HEAD_CENTRE_MM - directions @ ((np.array(shape) - 1) / 2 * spacing)
    return Grid.from_axes(shape, origin_mm=origin, spacing_mm=spacing, directions=directions)


def contrast(
    anatomy: Anatomy,
    lesions: npt.NDArray[np.float32],
    texture: npt.NDArray[np.float32],
    role: SeriesRole,
    *,
    grey_contrast: float,
    lesion_contrast: float,
) -> Volume:
    """Turn tissues into signal.

    Parameters
    ----------
    anatomy : Anatomy
    lesions : ndarray of float32, shape (z, y, x)
        Part of each voxel that is lesion; a lesion takes the place of white matter only.
    texture : ndarray of float32, shape (z, y, x)
        Factor of the brain's own unevenness.
    role : SeriesRole
    grey_contrast : float
        Multiplies every brain tissue's distance from white matter, except fluid's.
    lesion_contrast : float
        FLAIR signal of a lesion above white matter.

    Returns
    -------
    Volume
        In units of white matter, on the world's grid.
    """
    signals = dict(SIGNALS[role])
    signals[Tissue.GREY_MATTER] = 1.0 + grey_contrast * (signals[Tissue.GREY_MATTER] - 1.0)
    signal = np.zeros(anatomy.grid.shape, np.float32)
    for tissue, level in signals.items():
        signal += np.float32(level) * anatomy.fractions[tissue]
    lesion = 1.0 + lesion_contrast if role is SeriesRole.FLAIR else LESION_SIGNAL[role]
    signal += np.float32(lesion - 1.0) * lesions * anatomy.fractions[Tissue.WHITE_MATTER]
    return Volume(signal * texture, anatomy.grid)


def acquire(signal: Volume, grid: Grid, scanner: ScannerSpec, generator: np.random.Generator) -> Volume:
    """Scan a head: average over the slice's thickness, shade by the coil, add Rician noise, store whole numbers.

    Parameters
    ----------
    signal : Volume
        The world, in units of white matter.
    grid : Grid
        Slices in scanner coordinates.
    scanner : ScannerSpec
    generator : Generator

    Returns
    -------
    Volume
        Non-negative whole numbers on `grid`.
    """
    sub = max(1, round(grid.spacing_mm[0] / signal.grid.spacing_mm[0]))
    z, y, x = grid.shape
    affine = np.array(grid.affine)
    affine[:3, 0] /= sub
    affine[:3, 3] -= affine[:3, 0] * (sub - 1) / 2
    fine = Grid((z * sub, y, x), affine)
    thick = resample(signal, fine, to_volume=pose(scanner.pose).matrix).array.reshape(z, sub, y, x).mean(axis=1)
    shaded = thick * bias_field(grid.shape, scanner.bias, generator)
    noise = generator.standard_normal((2, z, y, x), dtype=np.float32) * np.float32(scanner.noise)
    magnitude = np.hypot(shaded + noise[0], noise[1])
    return Volume(np.rint(magnitude * scanner.white_matter_signal).astype(np.float32), grid)


def bias_field(
    shape: tuple[int, int, int], amplitude: float, generator: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return a smooth factor: a few cosines no shorter than the field of view, of the given log amplitude."""
    axes = [np.linspace(-1, 1, n, dtype=np.float32) for n in shape]
    log = np.zeros(shape, np.float32)
    for _ in range(4):
        direction = generator.normal(size=3).astype(np.float32)
        direction *= np.float32(generator.uniform(1.0, 2.5)) / np.linalg.norm(direction)
        phase = np.float32(generator.uniform(0, 2 * np.pi))
        argument = (
            direction[0] * axes[0][:, None, None] + direction[1] * axes[1][None, :, None] + direction[2] * axes[2]
        )
        log += np.cos(argument + phase)
    log -= log.mean()
    field: npt.NDArray[np.float32] = np.exp(log * np.float32(amplitude / max(float(np.abs(log).max()), 1e-6)))
    return field
