"""What of a head shows who it is: face and ears, found by the alignment with the atlas.

A face that is rendered from a scan can be recognised (Schwarz et al., N Engl J Med 2019). What is removed is fixed in
the atlas: what lies in front of and below a plane that runs from the brows to below the skull base, and a box around
each ear. What lies within a safe distance of the brain is never touched, whatever the plane says. Because the region
is tied to the patient and not to one image, all series of one frame of reference lose the same piece of the head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from processing.domain.errors import InputRejected
from processing.domain.imaging import Grid, Volume
from processing.stages.atlas import Atlas
from processing.stages.brain import AtlasAlignment, BrainParameters, align_with_atlas, extract_brain
from processing.stages.distance import distance_from
from processing.stages.resample import isotropic, reorient, resample

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class DefaceParameters:
    """Where the face begins, in millimetres of the atlas (LPS), and how far the brain keeps it away.

    Parameters
    ----------
    brows, skull_base : tuple of float
        (y, z) of two points of the plane: y to the back, z to the top.
    ear_side_mm : float
        Ears lie farther than this from the midline.
    ear_front, ear_back, ear_bottom, ear_top : float
        y and z between which they lie.
    brain_margin_mm : float
        No voxel is touched this near to the brain.
    distance_spacing_mm : float
        Voxels of the map of distances.
    thickest_slice_mm : float
        Largest distance of voxels in a scan that a face is found in. In scans of a real head with slices of 5.5 mm
        nose, mouth and chin went, but parts of the eyes stayed: such a scan is refused.
    """

    brows: tuple[float, float] = (-76.0, 12.0)
    skull_base: tuple[float, float] = (-8.0, -78.0)
    ear_side_mm: float = 66.0
    ear_front: float = -12.0
    ear_back: float = 60.0
    ear_bottom: float = -95.0
    ear_top: float = 10.0
    brain_margin_mm: float = 10.0
    distance_spacing_mm: float = 2.0
    thickest_slice_mm: float = 4.5


@dataclass(frozen=True, eq=False)
class FaceRegion:
    """Face and ears of one patient in one frame of reference.

    Parameters
    ----------
    to_atlas : ndarray of float64, shape (4, 4)
        Maps the patient's LPS points to the atlas's (mm).
    brain_distance : Volume
        Millimetres from the brain; it covers the whole brain with a margin, whatever the scan shows of it.
    """

    to_atlas: npt.NDArray[np.float64]
    brain_distance: Volume


def find_face(scan: Volume, atlas: Atlas, *, brain: BrainParameters, params: DefaceParameters) -> FaceRegion:
    """Find the face and the ears of the head that a scan shows.

    Parameters
    ----------
    scan : Volume
        A whole head of any contrast, in any orientation.
    atlas : Atlas
    brain : BrainParameters
        Of the alignment and the brain extraction.
    params : DefaceParameters

    Returns
    -------
    FaceRegion

    Raises
    ------
    InputRejected
        If no brain is found, or the slices are too thick: then nothing says for sure where the face is.
    """
    if max(scan.grid.spacing_mm) > params.thickest_slice_mm:
        raise InputRejected("The slices are too thick to find the face in them.")
    turned = _turned_head(reorient(scan))
    forward = Volume(scan.array, Grid(scan.grid.shape, turned @ scan.grid.affine))
    straight = reorient(forward)
    alignment = align_with_atlas(straight, atlas, params=brain)
    # The extraction also shows whether the alignment is a good one: it refuses what is no brain.
    extracted = extract_brain(straight, atlas, alignment, params=brain)
    alignment = AtlasAlignment(alignment.to_atlas @ turned, alignment.metric)
    extracted = Volume(extracted.array, Grid(extracted.grid.shape, np.linalg.inv(turned) @ extracted.grid.affine))
    grid = _around_the_brain(atlas, alignment, params)
    # The scan may show a part of the brain only: the atlas's brain stands for the rest.
    expected = resample(atlas.brain, grid, to_volume=alignment.to_atlas).array > 0.5
    seen = resample(extracted, grid).array > 0.2
    return FaceRegion(alignment.to_atlas, Volume(distance_from(expected | seen, grid.spacing_mm), grid))


def _turned_head(scan: Volume) -> npt.NDArray[np.float64]:
    """Return the rotation about the long axis that makes a head look forward, from its shape: longer than wide.

    The alignment starts from a head that looks straight ahead and does not find one that is turned by much.
    """
    cubes = isotropic(scan, 4.0)
    bright = cubes.array > 0.25 * float(np.percentile(cubes.array, 98))
    points = cubes.grid.index_to_lps(np.argwhere(bright))
    points = points[points[:, 2] > np.percentile(points[:, 2], 99.5) - 90.0]
    matrix = np.eye(4)
    if len(points) < 100:
        return matrix
    middle = points[:, :2].mean(axis=0)
    axis = np.linalg.eigh(np.cov((points[:, :2] - middle).T))[1][:, -1]
    angle = float(np.arctan2(axis[0], axis[1]))
    angle = (angle + np.pi / 2) % np.pi - np.pi / 2
    if abs(angle) > np.deg2rad(45.0):
        return matrix  # a head as wide as long says nothing
    cosine, sine = np.cos(angle), np.sin(angle)
    matrix[:2, :2] = [[cosine, -sine], [sine, cosine]]
    matrix[:2, 3] = middle - matrix[:2, :2] @ middle
    return matrix


def face_mask(region: FaceRegion, grid: Grid, *, params: DefaceParameters) -> Mask:
    """Return which voxels of a grid in the region's frame of reference lie in the face or an ear.

    Parameters
    ----------
    region : FaceRegion
    grid : Grid
    params : DefaceParameters

    Returns
    -------
    ndarray of bool, shape (z, y, x)
    """
    side, back, up = _atlas_coordinates(region, grid)
    # A finite number beyond the map's edge, where the brain is farther away than any margin.
    far = 2.0 * params.brain_margin_mm
    near = resample(region.brain_distance, grid, outside=far).array
    (y0, z0), (y1, z1) = params.brows, params.skull_base
    length = float(np.hypot(y1 - y0, z1 - z0))
    in_front = ((back - y0) * (z1 - z0) - (up - z0) * (y1 - y0)) / length
    ears = (
        (np.abs(side) > params.ear_side_mm)
        & (back > params.ear_front)
        & (back < params.ear_back)
        & (up > params.ear_bottom)
        & (up < params.ear_top)
    )
    # Half a voxel of the map and of the image lie between what is measured and what is meant.
    margin = params.brain_margin_mm + params.distance_spacing_mm
    mask: Mask = ((in_front > 0.0) | ears) & (near > margin)
    return mask


def _atlas_coordinates(region: FaceRegion, grid: Grid) -> tuple[npt.NDArray[np.float32], ...]:
    """Return x, y and z in the atlas of every voxel, one axis at a time: a head has ten million voxels."""
    matrix = (region.to_atlas @ grid.affine).astype(np.float32)
    z, y, x = (np.arange(n, dtype=np.float32) for n in grid.shape)
    return tuple(
        row[0] * z[:, None, None] + row[1] * y[None, :, None] + row[2] * x[None, None, :] + row[3] for row in matrix[:3]
    )


def _around_the_brain(atlas: Atlas, alignment: AtlasAlignment, params: DefaceParameters) -> Grid:
    """Return a lattice of cubes around the atlas's brain as it lies in the patient, with more than the margin."""
    corners = atlas.grid.index_to_lps(np.argwhere(atlas.brain.array > 0.5))
    back = np.linalg.inv(alignment.to_atlas)
    points = corners @ back[:3, :3].T + back[:3, 3]
    spacing, edge = params.distance_spacing_mm, 3.0 * params.brain_margin_mm
    low, high = points.min(axis=0) - edge, points.max(axis=0) + edge
    x, y, z = (int(n) for n in np.ceil((high - low) / spacing).astype(int) + 1)
    return Grid.from_axes(
        (z, y, x), origin_mm=low, spacing_mm=(spacing, spacing, spacing), directions=np.eye(3)[:, ::-1]
    )
