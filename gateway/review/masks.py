"""A lesion's voxels as they travel and are kept: a box of bits on the current FLAIR's grid."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from processing.domain.errors import InputRejected
from processing.domain.imaging import Grid
from processing.domain.result import Side

Mask = npt.NDArray[np.bool_]
Index = tuple[int, int, int]

MOST_VOXELS = 16_000_000
"""Of a box: more than any lesion's, and few enough to unpack at once."""


@dataclass(frozen=True, eq=False)
class BoxMask:
    """A mask within a box.

    Parameters
    ----------
    first : tuple of int
        Index (z, y, x) of the box's first voxel.
    array : ndarray of bool, shape (z, y, x)
    """

    first: Index
    array: Mask

    @classmethod
    def around(cls, mask: Mask) -> BoxMask:
        """Cut the smallest box that holds a mask of the whole grid; raises ValueError if the mask is empty."""
        places = [
            np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis))) for axis in range(3)
        ]
        if not all(len(found) for found in places):
            raise ValueError("an empty mask has no box")
        box = tuple(slice(int(found[0]), int(found[-1]) + 1) for found in places)
        z, y, x = (part.start for part in box)
        return cls((z, y, x), np.array(mask[box]))

    @classmethod
    def unpacked(cls, first: Index, size: Index, packed: bytes) -> BoxMask:
        """Read what `packed` wrote, or a browser sent.

        Raises
        ------
        InputRejected
            If it is not exactly as many bits as the box has voxels.
        """
        voxels = size[0] * size[1] * size[2]
        if min(size) < 1 or voxels > MOST_VOXELS:
            raise InputRejected("The outline's box has no sensible size.")
        wanted = (voxels + 7) // 8
        reader = zlib.decompressobj()
        try:
            bits = reader.decompress(packed, wanted + 1)
        except zlib.error as error:
            raise InputRejected("The outline can't be read.") from error
        if len(bits) != wanted or not reader.eof:
            raise InputRejected("The outline does not fill its box.")
        array = np.unpackbits(np.frombuffer(bits, np.uint8), count=voxels).astype(bool).reshape(size)
        return cls(first, array)

    @property
    def size(self) -> Index:
        """Voxels of the box along (z, y, x)."""
        z, y, x = self.array.shape
        return z, y, x

    @property
    def packed(self) -> bytes:
        """One bit per voxel, x fastest, most significant bit first, compressed with zlib."""
        return zlib.compress(np.packbits(self.array).tobytes())

    def inside(self, shape: Index) -> bool:
        """Whether the whole box lies on a grid."""
        ends = (start + length for start, length in zip(self.first, self.size, strict=True))
        return min(self.first) >= 0 and all(end <= limit for end, limit in zip(ends, shape, strict=True))

    def window(self) -> tuple[slice, slice, slice]:
        """The box as slices of the grid."""
        z, y, x = (slice(a, a + n) for a, n in zip(self.first, self.size, strict=True))
        return z, y, x

    def volume_mm3(self, grid: Grid) -> float:
        """Volume of the voxels."""
        return float(np.count_nonzero(self.array)) * grid.voxel_volume_mm3

    def inner_index(self, grid: Grid) -> Index:
        """Return the index (z, y, x) on the grid of the voxel nearest to the centre of mass."""
        index = np.argwhere(self.array) + np.array(self.first)
        points = grid.index_to_lps(index)
        z, y, x = index[int(np.argmin(((points - points.mean(axis=0)) ** 2).sum(axis=1)))]
        return int(z), int(y), int(x)


def side_of(grid: Grid, head: Mask, point_mm: npt.ArrayLike, *, midline_mm: float = 5.0) -> Side:
    """Propose on which side of the head an LPS point lies, by the middle of the head at the point's own height.

    A proposal only: a turned head makes it wrong near the middle, so the reader confirms it.
    """
    points = grid.index_to_lps(np.argwhere(head))
    here = np.asarray(point_mm, dtype=np.float64)
    near = points[np.abs(points[:, 2] - here[2]) < 15.0]
    across = (near if len(near) else points)[:, 0]
    off_mm = float(here[0]) - float(across.min() + across.max()) / 2
    if abs(off_mm) <= midline_mm:
        return Side.MIDLINE
    return Side.LEFT if off_mm > 0 else Side.RIGHT
