"""Intensities as the viewer gets them: whole numbers and a window that shows the head well."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.filters import threshold_otsu

from processing.domain.imaging import FloatArray, Grid, IntArray, LabelMap, Volume

_INT16_TOP, _UINT8_TOP = 32767, 255
_LOW_PERCENTILE, _HIGH_PERCENTILE = 1.0, 99.5
_SAMPLED_SLICES = 32
_COARSE = 4


@dataclass(frozen=True, eq=False)
class ReviewVolume:
    """A volume as the viewer gets it.

    Parameters
    ----------
    grid : Grid
    pixels : bytes
        Little-endian, order (z, y, x) with x fastest.
    pixel_type : str
        ``int16`` or ``uint8``.
    window_center, window_width : float
        How to show it, in the units of `pixels`.
    """

    grid: Grid
    pixels: bytes
    pixel_type: str
    window_center: float
    window_width: float

    @property
    def array(self) -> IntArray:
        """The voxels, shape (z, y, x); read-only."""
        stored: type[np.int16] | type[np.uint8] = np.uint8 if self.pixel_type == "uint8" else np.int16
        return np.frombuffer(self.pixels, dtype=np.dtype(stored).newbyteorder("<")).reshape(self.grid.shape)


def grey_volume(volume: Volume) -> ReviewVolume:
    """Return intensities as int16 with a window that shows the head well.

    The window runs between the 1st and the 99.5th percentile of the head, so that neither the empty background
    nor a few very bright voxels of fat and vessels decide about it. Intensities that int16 can't hold, or that are
    so small that rounding would show, are scaled; the reader compares pictures, not numbers.
    """
    array = volume.array
    sample = array[:: max(1, array.shape[0] // _SAMPLED_SLICES)]
    head = sample[head_mask(sample)]
    low, high = (float(value) for value in np.percentile(head, (_LOW_PERCENTILE, _HIGH_PERCENTILE)))
    if high <= low:
        low, high = float(array.min()), float(array.max())
    peak = max(float(array.max()), -float(array.min()))
    scale = 1.0
    if peak > _INT16_TOP or 0.0 < high - low < 200.0:
        scale = min(_INT16_TOP / peak, 2000.0 / max(high - low, 1e-12))
    scaled = array if scale == 1.0 else array * np.float32(scale)
    return ReviewVolume(
        grid=volume.grid,
        pixels=np.clip(np.rint(scaled), -_INT16_TOP, _INT16_TOP).astype("<i2").tobytes(),
        pixel_type="int16",
        window_center=(low + high) / 2 * scale,
        window_width=max(high - low, 1e-6) * scale,
    )


def difference_volume(volume: Volume, *, half_width: float) -> ReviewVolume:
    """Return a difference as int16: no change is the middle of the window, whatever the images are."""
    pixels = np.clip(np.rint(volume.array), -_INT16_TOP, _INT16_TOP).astype("<i2")
    return ReviewVolume(volume.grid, pixels.tobytes(), "int16", window_center=0.0, window_width=2 * half_width)


def label_volume(labels: LabelMap) -> ReviewVolume:
    """Return a lesion map: uint8 where that holds all numbers, else int16; no result has 32767 lesions."""
    array = labels.array
    pixel_type, stored_type = ("uint8", "u1") if array.max(initial=0) <= _UINT8_TOP else ("int16", "<i2")
    return ReviewVolume(
        labels.grid, array.astype(stored_type).tobytes(), pixel_type, window_center=0.5, window_width=1.0
    )


def coarse_head(volume: ReviewVolume) -> tuple[Grid, npt.NDArray[np.bool_]]:
    """Return the head in every fourth voxel along each axis, with the grid of these voxels."""
    array = volume.array[::_COARSE, ::_COARSE, ::_COARSE]
    z, y, x = array.shape
    return Grid((z, y, x), volume.grid.affine @ np.diag([_COARSE, _COARSE, _COARSE, 1.0])), head_mask(array)


def head_mask(array: FloatArray | IntArray) -> npt.NDArray[np.bool_]:
    """Voxels above the threshold between background and tissue (Otsu, 1979), without specks."""
    sample = array[:: max(1, array.shape[0] // _SAMPLED_SLICES), ::2, ::2].astype(np.float32)
    threshold = threshold_otsu(np.minimum(sample, np.percentile(sample, 99.9)).ravel())
    mask: npt.NDArray[np.bool_] = ndimage.binary_opening(array > threshold, np.ones((1, 3, 3), dtype=bool))
    return mask if mask.any() else np.ones(array.shape, dtype=bool)
