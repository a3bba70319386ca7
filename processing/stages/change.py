"""Whether a rise is a new lesion or the growth of one that was there, and how both stand on the current scan's grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from processing.domain.imaging import Grid, Volume
from processing.stages.components import connected_components
from processing.stages.resample import resample
from processing.stages.subtract import robust_spread

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ChangeParameters:
    """Numbers that separate growing from new."""

    lesion_contrast: float = 0.5
    lesion_deviations: float = 3.0
    white_matter_prior: float = 0.5
    touching_mm: float = 1.5
    minimum_prior_volume_mm3: float = 12.0
    reach_mm: float = 15.0


def lesion_before(
    rise: Mask, later: Volume, earlier: Volume, *, brain: Mask, white_matter_prior: Volume, params: ChangeParameters
) -> float:
    """Measure the lesion that a rise touches in the earlier scan.

    A voxel of the earlier scan belongs to a lesion if it lies in the atlas's white matter, stands out of the scan's
    white matter, and is at least half as bright above it as the rise is in the later scan.

    Parameters
    ----------
    rise : ndarray of bool, shape (z, y, x)
        One component, not empty.
    later, earlier : Volume
        In units of the white-matter median, on one grid.
    brain : ndarray of bool, shape (z, y, x)
    white_matter_prior : Volume
    params : ChangeParameters

    Returns
    -------
    float
        Volume of the earlier lesion in mm3; 0 if the rise is new.
    """
    spacing = np.array(earlier.grid.spacing_mm)
    index = np.argwhere(rise)
    margin = np.ceil(params.reach_mm / spacing).astype(int)
    low = np.maximum(index.min(axis=0) - margin, 0)
    high = np.minimum(index.max(axis=0) + margin + 1, rise.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    white = (white_matter_prior.array > 0.9) & brain
    level = float(np.median(earlier.array[white]))
    spread = robust_spread(earlier.array[white])
    height = float(later.array[rise].mean()) - level
    threshold = level + max(params.lesion_contrast * height, params.lesion_deviations * spread)
    bright = (earlier.array[box] > threshold) & (white_matter_prior.array[box] > params.white_matter_prior) & brain[box]
    volume = earlier.grid.voxel_volume_mm3
    before = connected_components(bright, voxel_volume_mm3=volume, minimum_volume_mm3=params.minimum_prior_volume_mm3)
    near = ndimage.distance_transform_edt(~rise[box], sampling=tuple(spacing)) <= max(
        params.touching_mm, 1.01 * float(spacing.min())
    )
    touched = np.unique(before[near & (before > 0)])
    return float(np.isin(before, touched).sum()) * volume if touched.size else 0.0


def onto_grid(
    masks: tuple[Mask, ...], source: Grid, target: Grid, *, to_source: npt.NDArray[np.float64]
) -> npt.NDArray[np.uint16]:
    """Carry components to another grid so that none is lost and each keeps its volume.

    Each component is interpolated linearly, and the target voxels with the largest share of it are taken until their
    volume is that of the component: a threshold would drop a small one between two voxels.

    Parameters
    ----------
    masks : tuple of ndarray of bool, shape (z, y, x)
        Components on `source`.
    source, target : Grid
    to_source : ndarray of float64, shape (4, 4)
        Maps an LPS point of the target's frame to the source's (mm).

    Returns
    -------
    ndarray of uint16, shape (z, y, x) of the target
        Label i + 1 for `masks[i]`. Where two meet, the one with the larger share keeps the voxel. A component that
        lies wholly outside the target has no voxel.
    """
    labels = np.zeros(target.shape, np.uint16)
    share = np.zeros(target.shape, np.float32)
    source_index = np.linalg.inv(target.affine) @ np.linalg.inv(to_source) @ source.affine
    for number, mask in enumerate(masks, start=1):
        index = np.argwhere(mask)
        corners = np.array(np.meshgrid(*zip(index.min(axis=0) - 1, index.max(axis=0) + 1, strict=True))).reshape(3, -1)
        mapped = source_index[:3, :3] @ corners + source_index[:3, 3:]
        low = np.maximum(np.floor(mapped.min(axis=1)).astype(int), 0)
        high = np.minimum(np.ceil(mapped.max(axis=1)).astype(int) + 1, target.shape)
        if (high <= low).any():
            continue
        box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        affine = np.array(target.affine)
        affine[:3, 3] = target.index_to_lps(low)
        part = Grid((int(high[0] - low[0]), int(high[1] - low[1]), int(high[2] - low[2])), affine)
        soft = resample(Volume(mask.astype(np.float32), source), part, to_volume=to_source).array
        wanted = max(1, round(float(mask.sum()) * source.voxel_volume_mm3 / target.voxel_volume_mm3))
        order = np.argsort(-soft, axis=None, kind="stable")[:wanted]
        chosen = np.zeros(soft.shape, bool)
        chosen.flat[order] = True
        chosen &= (soft > 0) & (soft > share[box])
        labels[box][chosen] = number
        share[box][chosen] = soft[chosen]
    return labels
