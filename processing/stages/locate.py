"""Where in the brain a lesion lies, in the terms of the McDonald criteria (Thompson et al., Lancet Neurol 2018)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from processing.domain.imaging import Grid, Volume
from processing.domain.result import Region, Side
from processing.stages.atlas import Atlas, Structure
from processing.stages.distance import Distance, distance_from
from processing.stages.resample import Interpolation, resample

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class LocationParameters:
    """Numbers of the location; lengths in millimetres."""

    fluid_level: float = 0.6
    ventricle_reach_mm: float = 8.0
    periventricular_mm: float = 3.0
    juxtacortical_mm: float = 2.0
    midline_mm: float = 3.0


@dataclass(frozen=True, eq=False)
class Landmarks:
    """What a location is measured from, on one grid.

    Parameters
    ----------
    from_ventricles_mm, from_cortex_mm : ndarray of float32, shape (z, y, x)
        Distance to the lateral ventricles and to the cortex.
    infratentorial : ndarray of bool, shape (z, y, x)
    to_atlas : ndarray of float64, shape (4, 4)
        Affine map of LPS points to the atlas (mm).
    grid : Grid
    """

    from_ventricles_mm: Distance
    from_cortex_mm: Distance
    infratentorial: Mask
    to_atlas: npt.NDArray[np.float64]
    grid: Grid


def find_landmarks(
    scan: Volume, *, brain: Mask, atlas: Atlas, to_atlas: npt.NDArray[np.float64], params: LocationParameters
) -> Landmarks:
    """Find ventricles, cortex and posterior fossa in a scan.

    The ventricles are the scan's own fluid near the atlas's ventricles, because an affine alignment misses the edge
    of an enlarged one by more than a lesion's width. Cortex and posterior fossa are the atlas's.

    Parameters
    ----------
    scan : Volume
        FLAIR in units of the white-matter median.
    brain : ndarray of bool, shape (z, y, x)
    atlas : Atlas
    to_atlas : ndarray of float64, shape (4, 4)
        Affine map of the scan's LPS points to the atlas (mm).
    params : LocationParameters
    """
    structures = atlas.structures
    found = resample(
        Volume(structures.array.astype(np.float32), structures.grid),
        scan.grid,
        to_volume=to_atlas,
        interpolation=Interpolation.NEAREST,
    ).array.astype(np.uint16)
    spacing = scan.grid.spacing_mm
    near = distance_from(found == Structure.VENTRICLES, spacing) <= params.ventricle_reach_mm
    fluid = near & brain & (scan.array < params.fluid_level)
    # The atlas's own ventricles stand in where the scan shows none (compressed, or bright from artefact).
    ventricles = fluid if fluid.sum() * scan.grid.voxel_volume_mm3 > 1000.0 else found == Structure.VENTRICLES
    return Landmarks(
        from_ventricles_mm=distance_from(ventricles, spacing),
        from_cortex_mm=distance_from(found == Structure.CORTEX, spacing),
        infratentorial=found == Structure.INFRATENTORIAL,
        to_atlas=to_atlas,
        grid=scan.grid,
    )


def locate(mask: Mask, landmarks: Landmarks, *, params: LocationParameters) -> tuple[Region, Side]:
    """Name the region and the side of a lesion.

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
        The lesion, not empty, on the landmarks' grid.
    landmarks : Landmarks
    params : LocationParameters

    Returns
    -------
    tuple of Region and Side
        A lesion that touches both ventricle and cortex counts as periventricular. The side is the patient's own: in
        LPS, left is positive x from the atlas's midline.
    """
    index = np.argwhere(mask)
    centre = landmarks.grid.index_to_lps(index).mean(axis=0)
    x_mm = float((landmarks.to_atlas[:3, :3] @ centre + landmarks.to_atlas[:3, 3])[0])
    side = Side.MIDLINE if abs(x_mm) <= params.midline_mm else Side.LEFT if x_mm > 0 else Side.RIGHT
    if landmarks.infratentorial[mask].mean() > 0.5:
        return Region.INFRATENTORIAL, side
    if float(landmarks.from_ventricles_mm[mask].min()) <= params.periventricular_mm:
        return Region.PERIVENTRICULAR, side
    if float(landmarks.from_cortex_mm[mask].min()) <= params.juxtacortical_mm:
        return Region.JUXTACORTICAL, side
    return Region.DEEP_WHITE_MATTER, side
