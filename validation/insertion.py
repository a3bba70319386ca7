"""Lesions of known place, size and contrast, put into real scans.

Sensitivity by size can then be measured on real noise, real anatomy and a real registration; the untouched pair gives
the false positives. Shapes and contrasts come from lesions that readers outlined. A lesion replaces the tissue that
it covers, is laid out finer than any voxel and averaged through the slice profile, as a scanner would see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial.transform import Rotation

from processing.domain.imaging import Grid, LabelMap, Volume
from processing.stages.resample import FWHM_TO_SIGMA
from validation.lesion_shapes import LesionShape

Mask = npt.NDArray[np.bool_]
Field = npt.NDArray[np.float32]

LARGEST_MM3 = 600.0
"""Upper end of the open size class."""

EDGE_MM = 1.0
"""Width over which a lesion fades into its surroundings."""


@dataclass(frozen=True, eq=False)
class PlacedLesion:
    """A shape at its place.

    Parameters
    ----------
    shape : LesionShape
    centre_mm : ndarray of float64, shape (3,)
        LPS, in the frame of the scan that places were drawn in.
    rotation : ndarray of float64, shape (3, 3)
        Maps LPS offsets from the centre to the shape's own axes (x, y, z).
    volume_mm3 : float
        Wanted volume: the shape is scaled to it.
    contrast : float
        What the lesion's tissue adds to white matter, as a part of white matter's own intensity.
    """

    shape: LesionShape
    centre_mm: npt.NDArray[np.float64]
    rotation: npt.NDArray[np.float64]
    volume_mm3: float
    contrast: float

    @property
    def scale(self) -> float:
        """Factor on lengths that gives the shape its volume."""
        return float((self.volume_mm3 / self.shape.volume_mm3) ** (1 / 3))

    @property
    def radius_mm(self) -> float:
        """No part of the lesion is further from its centre."""
        return self.shape.radius_mm * self.scale + EDGE_MM

    def resized(self, volume_mm3: float) -> PlacedLesion:
        """The same lesion at another volume."""
        return replace(self, volume_mm3=volume_mm3)


def draw_lesion(
    shapes: Sequence[LesionShape],
    centre_mm: npt.NDArray[np.float64],
    *,
    size_class_mm3: tuple[float, float],
    contrast: float,
    generator: np.random.Generator,
) -> PlacedLesion:
    """Draw a shape near the wanted size, turn it at random, and scale it to a volume within the class."""
    low, high = size_class_mm3[0], min(size_class_mm3[1], LARGEST_MM3)
    volume = float(np.exp(generator.uniform(np.log(low), np.log(high))))
    # A shape is not blown up or shrunk more than needed: small lesions are round, large ones are not.
    ratio = np.array([abs(np.log(shape.volume_mm3 / volume)) for shape in shapes])
    near = np.argsort(ratio, kind="stable")[: max(5, len(shapes) // 4)]
    shape = shapes[int(generator.choice(near))]
    rotation = Rotation.random(rng=generator).as_matrix()
    return PlacedLesion(shape, np.asarray(centre_mm, np.float64), rotation, volume, contrast)


def draw_places(
    allowed: Mask, grid: Grid, count: int, *, apart_mm: float, generator: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Draw points in the allowed voxels, no two closer than `apart_mm`; fewer than `count` if they don't fit.

    Returns
    -------
    ndarray of float64, shape (n, 3)
        LPS, jittered within their voxels.
    """
    index = np.argwhere(allowed)
    generator.shuffle(index)
    chosen: list[npt.NDArray[np.float64]] = []
    for voxel in index:
        if len(chosen) == count:
            break
        point = grid.index_to_lps(voxel + generator.uniform(-0.5, 0.5, 3))
        if all(float(np.linalg.norm(point - other)) >= apart_mm for other in chosen):
            chosen.append(point)
    return np.array(chosen).reshape(-1, 3)


def _occupancy(
    lesion: PlacedLesion, shape: tuple[int, ...], index_to_lps: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """How much of the tissue at each index is lesion, 0 to 1; the affine map leads into the lesion's frame."""
    step = lesion.shape.spacing_mm * lesion.scale
    turn = lesion.rotation[::-1] / step
    field = ndimage.affine_transform(
        lesion.shape.field,
        turn @ index_to_lps[:3, :3],
        offset=turn @ (index_to_lps[:3, 3] - lesion.centre_mm) + (np.array(lesion.shape.field.shape) - 1) / 2,
        output_shape=shape,
        output=np.float32,
        order=1,
    )
    # Across the outline the field falls by 0.66 for each of the shape's own millimetres (a step blurred by 0.6 mm).
    inside: npt.NDArray[np.float32] = np.clip(
        (field - lesion.shape.level) * (lesion.scale / (0.66 * EDGE_MM)) + 0.5, 0, 1
    )
    inside[field < 0.02] = 0.0
    return inside


def fractions(
    lesion: PlacedLesion, grid: Grid, *, to_frame: npt.NDArray[np.float64]
) -> tuple[tuple[slice, slice, slice], Field] | None:
    """Average a lesion over the voxels of a grid.

    Within a slice a voxel sees its own square; along the widest spacing it sees a Gaussian whose full width at half
    maximum is the distance between slices.

    Parameters
    ----------
    lesion : PlacedLesion
    grid : Grid
    to_frame : ndarray of float64, shape (4, 4)
        Maps LPS points of the grid's frame to the frame in which the lesion was placed (mm).

    Returns
    -------
    tuple of slices and ndarray of float32, or None
        The box of the grid that the lesion touches, and its part of each voxel; None if it touches none.
    """
    inverse = np.linalg.inv(to_frame)
    centre = grid.lps_to_index(inverse[:3, :3] @ lesion.centre_mm + inverse[:3, 3])
    spacing = np.array(grid.spacing_mm)
    reach = lesion.radius_mm / spacing + 1.5
    low = np.maximum(np.ceil(centre - reach).astype(int), 0)
    high = np.minimum(np.floor(centre + reach).astype(int) + 1, grid.shape)
    if (high <= low).any():
        return None
    box = (slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1])), slice(int(low[2]), int(high[2])))
    size = tuple(int(n) for n in high - low)
    through = int(np.argmax(np.round(spacing, 3)))
    total = np.zeros(size, np.float32)
    for offset, weight in _samples(grid.spacing_mm, through):
        index_to_lps = np.array(grid.affine)
        index_to_lps[:3, 3] = grid.index_to_lps(low + offset)
        total += np.float32(weight) * _occupancy(lesion, size, to_frame @ index_to_lps)
    return box, total


def _samples(spacing_mm: tuple[float, float, float], through: int) -> list[tuple[npt.NDArray[np.float64], float]]:
    """Offsets in voxels and weights at which a voxel is sampled."""
    across = [0.0] if spacing_mm[through] < 0.5 else [float(v) for v in np.linspace(-0.9, 0.9, 7)]
    weights = np.exp(-0.5 * (np.array(across) / FWHM_TO_SIGMA) ** 2)
    weights /= weights.sum()
    in_plane = [(-0.25, -0.25), (-0.25, 0.25), (0.25, -0.25), (0.25, 0.25)]
    samples = []
    for step, weight in zip(across, weights, strict=True):
        for a, b in in_plane:
            offset = np.insert(np.array([a, b]), through, step)
            samples.append((offset, float(weight) / len(in_plane)))
    return samples


def insert(
    scan: Volume, lesions: Sequence[PlacedLesion], *, white_matter: Mask, to_frame: npt.NDArray[np.float64]
) -> Volume:
    """Put lesions into a scan.

    Parameters
    ----------
    scan : Volume
        FLAIR, any intensity scale.
    lesions : sequence of PlacedLesion
    white_matter : ndarray of bool, shape (z, y, x)
        Where the scan shows white matter: it gives the level above which a lesion's contrast counts.
    to_frame : ndarray of float64, shape (4, 4)
        Maps LPS points of the scan's frame to the frame in which the lesions were placed (mm).

    Returns
    -------
    Volume
        The scan's own noise stays: only the tissue under it is replaced.
    """
    array = np.array(scan.array)
    everywhere = float(np.median(scan.array[white_matter]))
    for lesion in lesions:
        found = fractions(lesion, scan.grid, to_frame=to_frame)
        if found is None:
            continue
        box, part = found
        level = level_near(scan, white_matter, box, everywhere)
        tissue = ndimage.median_filter(scan.array[box], size=3)
        array[box] += part * np.maximum(0.0, level * (1.0 + lesion.contrast) - tissue).astype(np.float32)
    return scan.with_array(array)


def level_near(scan: Volume, white_matter: Mask, box: tuple[slice, slice, slice], everywhere: float) -> float:
    """Median of the white matter within 10 mm of a box, or of the scan where there is too little."""
    margin = np.ceil(10.0 / np.array(scan.grid.spacing_mm)).astype(int)
    wide = tuple(slice(max(0, s.start - m), s.stop + m) for s, m in zip(box, margin, strict=True))
    nearby = scan.array[wide][white_matter[wide]]
    return float(np.median(nearby)) if nearby.size > 50 else everywhere


def truth(lesions: Sequence[PlacedLesion], grid: Grid, *, to_frame: npt.NDArray[np.float64]) -> LabelMap:
    """Label each lesion's voxels: those with the largest part of it, until their volume is the lesion's."""
    labels = np.zeros(grid.shape, np.uint16)
    share = np.zeros(grid.shape, np.float32)
    for number, lesion in enumerate(lesions, start=1):
        found = fractions(lesion, grid, to_frame=to_frame)
        if found is None:
            continue
        box, part = found
        wanted = max(1, round(lesion.volume_mm3 / grid.voxel_volume_mm3))
        chosen = np.zeros(part.shape, bool)
        chosen.flat[np.argsort(-part, axis=None, kind="stable")[:wanted]] = True
        chosen &= (part > 0) & (part > share[box])
        labels[box][chosen] = number
        share[box][chosen] = part[chosen]
    return LabelMap(labels, grid)
