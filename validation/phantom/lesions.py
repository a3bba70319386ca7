"""Lesions as soft ellipsoids at known places in the white matter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial.transform import Rotation

from processing.domain.imaging import Grid
from validation.phantom.anatomy import Anatomy, Tissue
from validation.phantom.spec import LesionSpec

_APART_MM = 10.0
_EDGE_MM = 0.4


@dataclass(frozen=True, eq=False)
class PlacedLesion:
    """A lesion in the world.

    Parameters
    ----------
    number : int
    spec : LesionSpec
    centre_mm : ndarray of float64, shape (3,)
        LPS in the world.
    shape : ndarray of float64, shape (3, 3)
        Maps a distance from the centre in millimetres to the unit sphere of an ellipsoid of 1 mm3.
    """

    number: int
    spec: LesionSpec
    centre_mm: npt.NDArray[np.float64]
    shape: npt.NDArray[np.float64]

    def depth_mm(self, points_mm: npt.NDArray[np.float64], volume_mm3: float) -> npt.NDArray[np.float64]:
        """Roughly how far inside the surface points, shape (..., 3), lie when the lesion has this volume."""
        scale = volume_mm3 ** (1 / 3)
        radius = np.linalg.norm((points_mm - self.centre_mm) @ self.shape.T, axis=-1) / scale
        depth: npt.NDArray[np.float64] = (1.0 - radius) * scale * (3 / (4 * np.pi)) ** (1 / 3)
        return depth

    def fraction(self, points_mm: npt.NDArray[np.float64], volume_mm3: float) -> npt.NDArray[np.float64]:
        """Part that is lesion at points, 0 to 1, with a soft edge."""
        if volume_mm3 <= 0:
            return np.zeros(points_mm.shape[:-1])
        soft: npt.NDArray[np.float64] = 1 / (1 + np.exp(-self.depth_mm(points_mm, volume_mm3) / _EDGE_MM * 2))
        return soft

    def box(self, grid: Grid, volume_mm3: float) -> tuple[slice, slice, slice]:
        """Indices of a grid in the world that hold the lesion with its soft edge."""
        reach = 2.0 * (3 * max(volume_mm3, 1.0) / (4 * np.pi)) ** (1 / 3) + 3.0
        corners = np.array([[i, j, k] for i in (-reach, reach) for j in (-reach, reach) for k in (-reach, reach)])
        index = grid.lps_to_index(self.centre_mm + corners)
        low = np.clip(np.floor(index.min(axis=0)).astype(int), 0, grid.shape)
        high = np.clip(np.ceil(index.max(axis=0)).astype(int) + 1, 0, grid.shape)
        return slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])


def place_lesions(
    anatomy: Anatomy, specs: tuple[LesionSpec, ...], generator: np.random.Generator
) -> tuple[PlacedLesion, ...]:
    """Place lesions in white matter, the largest first, none closer than 10 mm to another's surface.

    Raises
    ------
    ValueError
        If the white matter has no room for them.
    """
    white = anatomy.fractions[Tissue.WHITE_MATTER]
    step = anatomy.grid.spacing_mm[0]
    room = ndimage.distance_transform_edt(white > 0.7).astype(np.float32) * step
    # No lesion below the pons, where many scans end; none in the outermost shell of the brain.
    index = np.argwhere((room > 1.5) & (white > 0.85))
    index = index[anatomy.grid.index_to_lps(index)[:, 2] > -40]
    index = index[generator.permutation(len(index))]
    points = anatomy.grid.index_to_lps(index)
    free = room[tuple(index.T)]
    placed: list[PlacedLesion] = []
    radius = [(3 * max(s.volume_mm3, s.prior_volume_mm3) / (4 * np.pi)) ** (1 / 3) for s in specs]
    for i in sorted(range(len(specs)), key=lambda i: -radius[i]):
        fits = free >= min(0.8 * radius[i] + 0.5, 5.5)
        for other in placed:
            gap = np.linalg.norm(points - other.centre_mm, axis=1)
            fits &= gap > radius[i] + radius[other.number - 1] + _APART_MM
        chosen = np.flatnonzero(fits)
        if len(chosen) == 0:
            raise ValueError("the white matter has no room for these lesions")
        placed.append(PlacedLesion(i + 1, specs[i], points[chosen[0]], _shape(generator)))
    return tuple(sorted(placed, key=lambda lesion: lesion.number))


def _shape(generator: np.random.Generator) -> npt.NDArray[np.float64]:
    """A random ellipsoid of 1 mm3, its axes within 1.6 to 1."""
    axes = generator.uniform(0.8, 1.25, 3)
    axes *= (3 / (4 * np.pi)) ** (1 / 3) / float(np.prod(axes)) ** (1 / 3)
    rotation = Rotation.from_rotvec(generator.uniform(-1, 1, 3) * 2).as_matrix()
    shape: npt.NDArray[np.float64] = np.diag(1 / axes) @ rotation
    return shape


def lesion_fractions(anatomy: Anatomy, lesions: tuple[PlacedLesion, ...], *, prior: bool) -> npt.NDArray[np.float32]:
    """Part of every world voxel that is lesion at a visit, shape (z, y, x)."""
    fractions = np.zeros(anatomy.grid.shape, np.float32)
    for lesion in lesions:
        volume = lesion.spec.prior_volume_mm3 if prior else lesion.spec.volume_mm3
        if volume <= 0:
            continue
        box = lesion.box(anatomy.grid, volume)
        index = np.stack(np.meshgrid(*(np.arange(s.start, s.stop) for s in box), indexing="ij"), -1)
        soft = lesion.fraction(anatomy.grid.index_to_lps(index), volume)
        fractions[box] = np.maximum(fractions[box], soft)
    return fractions


def truth_labels(
    lesions: tuple[PlacedLesion, ...], grid: Grid, *, to_world: npt.NDArray[np.float64], prior: bool
) -> npt.NDArray[np.uint16]:
    """Label every lesion on a scan's grid: the voxels that hold most of it, as many as its volume needs.

    Parameters
    ----------
    lesions : tuple of PlacedLesion
    grid : Grid
    to_world : ndarray of float64, shape (4, 4)
        Maps LPS points of the grid's frame to the world (mm).
    prior : bool
        Volumes of the prior visit instead of the current one.

    Returns
    -------
    ndarray of uint16, shape (z, y, x)
        A lesion outside the field of view has no voxel.
    """
    world = Grid(grid.shape, to_world @ grid.affine)
    labels = np.zeros(grid.shape, np.uint16)
    parts = np.stack(np.meshgrid(*([(np.arange(4) - 1.5) / 4] * 3), indexing="ij"), -1).reshape(-1, 3)
    for lesion in lesions:
        volume = lesion.spec.prior_volume_mm3 if prior else lesion.spec.volume_mm3
        if volume <= 0:
            continue
        box = lesion.box(world, volume)
        index = np.stack(np.meshgrid(*(np.arange(s.start, s.stop) for s in box), indexing="ij"), -1)
        if index.size == 0:
            continue
        inside = np.zeros(index.shape[:-1])
        for part in parts:
            inside += lesion.depth_mm(world.index_to_lps(index + part), volume) >= 0
        wanted = max(1, round(volume / grid.voxel_volume_mm3))
        order = np.argsort(-inside, axis=None, kind="stable")[:wanted]
        chosen = np.zeros(inside.shape, bool)
        chosen.flat[order] = True
        labels[box][chosen & (inside > 0)] = lesion.number
    return labels
