"""What goes wrong in a scanner, in degrees: noise, motion, ghosts, spikes, blur, shading, missing slices.

Every function takes and returns a volume; strength 0 changes nothing. Signal is measured against the scan's bright
tissue (its 95th percentile), so that one strength means the same on every scanner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from processing.domain.imaging import Grid, RigidTransform, Volume
from processing.domain.study import SeriesRole
from processing.stages.resample import resample, rotation_about
from validation.phantom.acquire import bias_field

Generator = np.random.Generator
Perturbation = Callable[[Volume, float, Generator], Volume]


def _bright(volume: Volume) -> float:
    return float(np.percentile(volume.array, 95))


def noise(volume: Volume, strength: float, generator: Generator) -> Volume:
    """Add Rician noise; strength is its sigma as a part of bright tissue."""
    spread = strength * _bright(volume)
    parts = generator.standard_normal((2, *volume.array.shape), dtype=np.float32) * np.float32(spread)
    return volume.with_array(np.hypot(volume.array + parts[0], parts[1]))


def ghosts(volume: Volume, strength: float, generator: Generator) -> Volume:  # noqa: ARG001 - one signature for all
    """Add two shifted copies along the phase-encoding axis (rows); strength is their part of the signal."""
    rows = volume.array.shape[1]
    copies = np.roll(volume.array, rows // 4, axis=1) + np.roll(volume.array, -(rows // 4), axis=1)
    return volume.with_array(volume.array + np.float32(strength / 2) * copies)


def spikes(volume: Volume, strength: float, generator: Generator) -> Volume:
    """Put a spike into the k-space of every slice: stripes; strength is their height as a part of bright tissue."""
    _, rows, columns = volume.array.shape
    y, x = np.mgrid[:rows, :columns]
    stripes = np.stack(
        [
            np.cos(2 * np.pi * (generator.integers(8, 40) * y / rows + generator.integers(8, 40) * x / columns))
            for _ in range(volume.array.shape[0])
        ]
    )
    return volume.with_array(np.abs(volume.array + strength * _bright(volume) * stripes))


def motion(volume: Volume, strength: float, generator: Generator) -> Volume:
    """Let the head move during the scan: shifts between lines of k-space; strength is their size in millimetres."""
    transformed = fft.fft(volume.array, axis=1, workers=1)
    rows = volume.array.shape[1]
    steps = np.repeat(generator.normal(0, strength, 8), -(-rows // 8))[:rows] / volume.grid.spacing_mm[1]
    # The centre of k-space is taken at rest, or the whole image would only be shifted.
    quiet = np.abs(fft.fftfreq(rows)) < 0.06
    phase = np.exp(-2j * np.pi * fft.fftfreq(rows) * np.where(quiet, 0.0, steps))
    return volume.with_array(np.abs(fft.ifft(transformed * phase[None, :, None], axis=1, workers=1)))


def blur(volume: Volume, strength: float, generator: Generator) -> Volume:  # noqa: ARG001 - one signature for all
    """Blur in the plane; strength is the Gaussian's sigma in millimetres."""
    _, y, x = volume.grid.spacing_mm
    return volume.with_array(ndimage.gaussian_filter(volume.array, (0.0, strength / y, strength / x)))


def shading(volume: Volume, strength: float, generator: Generator) -> Volume:
    """Multiply by a smooth field; strength is the amplitude of its logarithm."""
    return volume.with_array(volume.array * bias_field(volume.grid.shape, strength, generator))


def cropping(volume: Volume, strength: float, generator: Generator) -> Volume:  # noqa: ARG001 - one signature for all
    """Leave out slices at the upper end; strength is their part."""
    kept = max(8, round(volume.grid.shape[0] * (1 - strength)))
    _, rows, columns = volume.grid.shape
    return Volume(volume.array[:kept], Grid((kept, rows, columns), volume.grid.affine))


PERTURBATIONS: Mapping[str, tuple[Perturbation, tuple[float, ...], str]] = {
    "noise": (noise, (0.03, 0.06, 0.12), "of bright tissue"),
    "motion": (motion, (0.5, 1.5, 3.0), "mm"),
    "ghosts": (ghosts, (0.05, 0.15, 0.3), "of the signal"),
    "spikes": (spikes, (0.03, 0.1, 0.2), "of bright tissue"),
    "blur": (blur, (0.7, 1.4, 2.5), "mm"),
    "shading": (shading, (0.15, 0.3, 0.6), "log amplitude"),
    "cropping": (cropping, (0.1, 0.2, 0.35), "of the slices"),
}
"""Each with the strengths that are tried, and their unit."""


def rescan(
    images: Mapping[SeriesRole, Volume], generator: Generator
) -> tuple[dict[SeriesRole, Volume], RigidTransform]:
    """Scan the same head again: it lies otherwise, the scanner's scale, coil and noise are others, slices lie closer.

    Parameters
    ----------
    images : mapping of SeriesRole to Volume
    generator : Generator

    Returns
    -------
    tuple
        The new images, and the transform from a point of their frame to the same anatomy in the old one.
    """
    middle = next(iter(images.values())).grid
    centre = middle.index_to_lps((np.array(middle.shape) - 1) / 2)
    turned = rotation_about(centre, np.deg2rad(generator.uniform(-4, 4, 3)))
    shift = np.eye(4)
    shift[:3, 3] = generator.uniform(-4, 4, 3)
    pose = turned.after(RigidTransform(shift))
    scale, closer = float(generator.uniform(0.5, 2.0)), float(generator.uniform(0.9, 1.0))
    again = {}
    for role, volume in images.items():
        seen = resample(volume, _closer(volume.grid, closer), to_volume=pose.matrix)
        seen = motion(seen.with_array(np.clip(seen.array, 0, None)), 0.2, generator)
        seen = shading(seen, float(generator.uniform(0.03, 0.12)), generator)
        seen = noise(seen, float(generator.uniform(0.01, 0.025)), generator)
        again[role] = seen.with_array(np.rint(seen.array * np.float32(scale)))
    return again, pose


def _closer(grid: Grid, factor: float) -> Grid:
    """Return the same stack with its slices closer together, about its middle."""
    affine: npt.NDArray[np.float64] = np.array(grid.affine)
    affine[:3, 3] += affine[:3, 0] * (grid.shape[0] - 1) / 2 * (1 - factor)
    affine[:3, 0] *= factor
    return Grid(grid.shape, affine)
