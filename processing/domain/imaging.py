"""Images with their place in the patient.

Arrays are indexed (z, y, x): slice, row, column. World coordinates are DICOM's patient coordinates: LPS, in
millimetres, ordered (x, y, z) (PS3.3 C.7.6.2.1.1). A `Grid` ties the two together with one 4 x 4 matrix, so
that spacing, orientation and origin can't contradict each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import fractional_matrix_power

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Grid:
    """A regular lattice of voxels in the patient.

    Parameters
    ----------
    shape : tuple of int
        Number of voxels along (z, y, x).
    affine : ndarray of float64, shape (4, 4)
        Maps a homogeneous voxel index (z, y, x, 1) to LPS millimetres (x, y, z, 1). Voxel indices are at voxel
        centres.
    """

    shape: tuple[int, int, int]
    affine: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.array_equal(affine[3], (0.0, 0.0, 0.0, 1.0)):
            raise ValueError("a grid's affine is a 4 x 4 matrix with the last row (0, 0, 0, 1)")
        if abs(np.linalg.det(affine[:3, :3])) < 1e-9:
            raise ValueError("a grid's axes are linearly independent")
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise ValueError("a grid has at least one voxel along each of its three axes")
        affine.setflags(write=False)
        object.__setattr__(self, "affine", affine)
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))

    @classmethod
    def from_axes(
        cls,
        shape: tuple[int, int, int],
        *,
        origin_mm: npt.ArrayLike,
        spacing_mm: tuple[float, float, float],
        directions: npt.ArrayLike,
    ) -> Grid:
        """Build a grid from its parts.

        Parameters
        ----------
        shape : tuple of int
            Voxels along (z, y, x).
        origin_mm : array_like, shape (3,)
            LPS position of the centre of voxel (0, 0, 0).
        spacing_mm : tuple of float
            Distance between voxel centres along (z, y, x).
        directions : array_like, shape (3, 3)
            Columns are the LPS unit vectors along which z, y and x increase.
        """
        affine = np.eye(4)
        affine[:3, :3] = np.asarray(directions, dtype=np.float64) * np.asarray(spacing_mm, dtype=np.float64)
        affine[:3, 3] = np.asarray(origin_mm, dtype=np.float64)
        return cls(shape, affine)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between voxel centres along (z, y, x), in millimetres."""
        z, y, x = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(z), float(y), float(x)

    @property
    def origin_mm(self) -> npt.NDArray[np.float64]:
        """LPS position (x, y, z) of the centre of voxel (0, 0, 0), in millimetres."""
        origin: npt.NDArray[np.float64] = self.affine[:3, 3]
        return origin

    @property
    def directions(self) -> npt.NDArray[np.float64]:
        """Unit vectors in LPS, as columns, along which the indices z, y and x increase."""
        directions: npt.NDArray[np.float64] = self.affine[:3, :3] / np.asarray(self.spacing_mm)
        return directions

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel in cubic millimetres."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    def index_to_lps(self, index_zyx: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Map voxel indices, shape (..., 3) as (z, y, x), to LPS millimetres, shape (..., 3) as (x, y, z)."""
        index = np.asarray(index_zyx, dtype=np.float64)
        mapped: npt.NDArray[np.float64] = index @ self.affine[:3, :3].T + self.affine[:3, 3]
        return mapped

    def lps_to_index(self, points_mm: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Map LPS millimetres, shape (..., 3) as (x, y, z), to fractional voxel indices as (z, y, x)."""
        points = np.asarray(points_mm, dtype=np.float64) - self.affine[:3, 3]
        mapped: npt.NDArray[np.float64] = points @ np.linalg.inv(self.affine[:3, :3]).T
        return mapped

    def same_as(self, other: Grid, *, tolerance_mm: float = 1e-3) -> bool:
        """Whether both grids have the same shape and no voxel centre differs by more than the tolerance."""
        if self.shape != other.shape:
            return False
        corners = np.array([[z, y, x] for z in (0, 1) for y in (0, 1) for x in (0, 1)]) * (np.array(self.shape) - 1)
        return bool(np.abs(self.index_to_lps(corners) - other.index_to_lps(corners)).max() <= tolerance_mm)


@dataclass(frozen=True, eq=False)
class Volume:
    """A scalar image.

    Parameters
    ----------
    array : ndarray of float32, shape (z, y, x)
        Intensities after the modality transformation (rescale slope and intercept).
    grid : Grid
    """

    array: npt.NDArray[np.float32]
    grid: Grid

    def __post_init__(self) -> None:
        array = np.ascontiguousarray(self.array, dtype=np.float32).view()
        if array.shape != self.grid.shape:
            raise ValueError(f"the array has shape {array.shape}, its grid {self.grid.shape}")
        array.setflags(write=False)
        object.__setattr__(self, "array", array)

    def with_array(self, array: FloatArray) -> Volume:
        """Return a volume with other intensities on the same grid."""
        return Volume(np.asarray(array, dtype=np.float32), self.grid)


@dataclass(frozen=True, eq=False)
class LabelMap:
    """An image of whole numbers: 0 is background, each other number one structure.

    Parameters
    ----------
    array : ndarray of uint16, shape (z, y, x)
    grid : Grid
    """

    array: npt.NDArray[np.uint16]
    grid: Grid

    def __post_init__(self) -> None:
        array = np.ascontiguousarray(self.array, dtype=np.uint16).view()
        if array.shape != self.grid.shape:
            raise ValueError(f"the array has shape {array.shape}, its grid {self.grid.shape}")
        array.setflags(write=False)
        object.__setattr__(self, "array", array)

    @property
    def labels(self) -> tuple[int, ...]:
        """The labels present, ascending, without background."""
        return tuple(int(label) for label in np.unique(self.array) if label)

    def keep(self, labels: frozenset[int] | set[int]) -> LabelMap:
        """Return a map in which every label that is not named is background."""
        kept = np.where(np.isin(self.array, sorted(labels)), self.array, 0)
        return LabelMap(kept.astype(np.uint16), self.grid)


@dataclass(frozen=True, eq=False)
class RigidTransform:
    """A rotation and translation between two patient coordinate systems.

    Parameters
    ----------
    matrix : ndarray of float64, shape (4, 4)
        Maps an LPS point of the fixed image to the LPS point of the moving image that shows the same anatomy
        (the direction in which a resampler needs it).
    """

    matrix: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix, dtype=np.float64)
        if matrix.shape != (4, 4) or not np.array_equal(matrix[3], (0.0, 0.0, 0.0, 1.0)):
            raise ValueError("a rigid transform is a 4 x 4 matrix with the last row (0, 0, 0, 1)")
        rotation = matrix[:3, :3]
        if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-5):
            raise ValueError("a rigid transform has an orthonormal rotation")
        if np.linalg.det(rotation) < 0:
            raise ValueError("a rigid transform does not mirror")
        matrix.setflags(write=False)
        object.__setattr__(self, "matrix", matrix)

    @classmethod
    def identity(cls) -> RigidTransform:
        """The transform that moves nothing."""
        return cls(np.eye(4))

    def apply(self, points_mm: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Map LPS points of the fixed image, shape (..., 3), to LPS points of the moving image."""
        points = np.asarray(points_mm, dtype=np.float64)
        mapped: npt.NDArray[np.float64] = points @ self.matrix[:3, :3].T + self.matrix[:3, 3]
        return mapped

    def inverse(self) -> RigidTransform:
        """The transform from moving to fixed."""
        return RigidTransform(np.asarray(np.linalg.inv(self.matrix), dtype=np.float64))

    def after(self, first: RigidTransform) -> RigidTransform:
        """The transform that applies `first` and then this one."""
        return RigidTransform(self.matrix @ first.matrix)

    def half(self) -> RigidTransform:
        """The transform that, applied twice, equals this one (the matrix square root).

        With it both scans can be resampled into the space half-way between them, so that both are interpolated
        alike (Smith et al., NeuroImage 2002, SIENA).
        """
        root = np.real(fractional_matrix_power(self.matrix, 0.5))
        left, _, right = np.linalg.svd(root[:3, :3])
        root[:3, :3] = left @ right
        root[3] = (0.0, 0.0, 0.0, 1.0)
        return RigidTransform(root)
