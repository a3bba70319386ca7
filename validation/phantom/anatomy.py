"""The head as it is: how much of each tissue every voxel of the world holds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from processing.domain.imaging import Grid
from processing.stages.atlas import read_template

Fraction = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_MARGIN_MM = 20
_NECK_MM = 30


class Tissue(IntEnum):
    """Tissues in the order of the first axis of `Anatomy.fractions`."""

    WHITE_MATTER = 0
    GREY_MATTER = 1
    FLUID = 2
    BONE = 3
    MARROW = 4
    FAT = 5
    MUSCLE = 6


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A head.

    Parameters
    ----------
    fractions : ndarray of float32, shape (tissue, z, y, x)
        Part of each voxel that is this tissue; the rest is air.
    brain : ndarray of bool, shape (z, y, x)
    grid : Grid
        MNI coordinates turned to LPS.
    """

    fractions: Fraction
    brain: Mask
    grid: Grid


def build_anatomy(world_mm: int) -> Anatomy:
    """Build the head around the template's brain.

    Parameters
    ----------
    world_mm : int
        Voxel size, 1 or 2.

    Raises
    ------
    Defect
        If nilearn's data files are not installed.
    """
    t1, white, grey = read_template()
    step = world_mm
    pads = (
        ((_MARGIN_MM + _NECK_MM) // step, _MARGIN_MM // step),
        (_MARGIN_MM // step, _MARGIN_MM // step),
        (_MARGIN_MM // step, _MARGIN_MM // step),
    )
    affine = np.array(t1.grid.affine)
    affine[:3, 3] = t1.grid.index_to_lps([(step - 1) / 2] * 3)
    affine[:3, :3] *= step
    affine[:3, 3] -= affine[:3, :3] @ [pad[0] for pad in pads]
    t1_array, white_array, grey_array = (np.pad(_shrink(v.array, step), pads) for v in (t1, white, grey))
    z, y, x = t1_array.shape
    grid = Grid((z, y, x), affine)
    brain = _brain(t1_array)
    total = np.maximum(white_array + grey_array, 1.0)
    fractions = np.zeros((len(Tissue), z, y, x), np.float32)
    fractions[Tissue.WHITE_MATTER] = white_array / total * brain
    fractions[Tissue.GREY_MATTER] = grey_array / total * brain
    fractions[Tissue.FLUID] = np.clip(1.0 - (white_array + grey_array) / total, 0, 1) * brain
    for tissue, mask in _coats(grid, brain, step).items():
        fractions[tissue][mask] = 1.0
    return Anatomy(fractions, brain, grid)


def _shrink(array: npt.NDArray[np.float32], factor: int) -> Fraction:
    if factor == 1:
        return array
    z, y, x = (n // factor for n in array.shape)
    blocks = array[: z * factor, : y * factor, : x * factor].reshape(z, factor, y, factor, x, factor)
    shrunk: Fraction = blocks.mean(axis=(1, 3, 5), dtype=np.float32)
    return shrunk


def _brain(t1: Fraction) -> Mask:
    """What the template shows, without the specks that lie apart from it, its holes filled."""
    pieces, _ = ndimage.label(t1 > 25)
    largest = pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    filled: Mask = np.stack([ndimage.binary_fill_holes(plane) for plane in largest])
    return filled


def _coats(grid: Grid, brain: Mask, step: int) -> dict[Tissue, Mask]:
    """Fluid, skull, marrow, scalp and the muscles of face and neck around the brain.

    Distances are taken on 2 mm voxels from a brain whose sulci are closed: on the world's own they take seconds, and
    nobody reads a scalp's thickness off this phantom.
    """
    coarse = max(1, 2 // step)
    small = brain[::coarse, ::coarse, ::coarse]
    voxel = float(step * coarse)
    padded = np.pad(small, 8)
    reach = ndimage.distance_transform_edt(~padded) * voxel <= 12.0
    closed = (ndimage.distance_transform_edt(reach) * voxel > 12.0)[8:-8, 8:-8, 8:-8] | small
    away = ndimage.distance_transform_edt(~closed).astype(np.float32) * voxel
    zoomed = ndimage.zoom(away, coarse, order=1, grid_mode=True, mode="nearest") if coarse > 1 else away
    distance = np.full(brain.shape, np.float32(99.0))
    part = tuple(slice(0, min(a, b)) for a, b in zip(zoomed.shape, brain.shape, strict=True))
    distance[part] = zoomed[part]
    z, y, x = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in grid.shape), indexing="ij", sparse=True)
    right, front, up = (
        -(grid.affine[0, 2] * x + grid.affine[0, 3]),
        -(grid.affine[1, 1] * y + grid.affine[1, 3]),
        grid.affine[2, 0] * z + grid.affine[2, 3],
    )
    face = (right / 58) ** 2 + ((front - 48) / 50) ** 2 + ((up + 62) / 48) ** 2 < 1
    neck = ((right / 56) ** 2 + ((front + 30) / 62) ** 2 < 1) & (up < -40)
    sinus = (right / 14) ** 2 + ((front - 72) / 18) ** 2 + ((up + 48) / 26) ** 2 < 1
    eyes = ((np.abs(right) - 32) / 12) ** 2 + ((front - 76) / 12) ** 2 + ((up + 34) / 12) ** 2 < 1
    outside = ~brain
    scalp = distance <= 15
    flesh = (face | neck) & (distance > 9) & ~sinus
    skin = ndimage.binary_dilation(flesh, iterations=max(1, 3 // step)) & (distance > 9) & ~sinus & ~flesh & ~scalp
    return {
        Tissue.FLUID: outside & (distance <= 3) | (eyes & (distance > 9)),
        Tissue.BONE: outside & (((distance > 3) & (distance <= 5)) | ((distance > 7) & (distance <= 9))),
        Tissue.MARROW: outside & (distance > 5) & (distance <= 7),
        Tissue.FAT: (((distance > 9) & scalp & ~flesh) | skin) & ~eyes,
        Tissue.MUSCLE: flesh & ~eyes,
    }
