"""Orientation, resampling and the space half-way between two scans."""

from __future__ import annotations

from enum import Enum

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813 - the library's own abbreviation
from scipy.spatial.transform import Rotation

from processing.domain.imaging import Grid, RigidTransform, Volume
from processing.stages.itk_images import THREADS, from_itk, to_itk, to_itk_transform

FWHM_TO_SIGMA = 1.0 / 2.354820045
"""A Gaussian's standard deviation for a full width at half maximum of one."""


class Interpolation(Enum):
    """How intensities between voxel centres are found."""

    NEAREST = sitk.sitkNearestNeighbor
    LINEAR = sitk.sitkLinear
    CUBIC = sitk.sitkBSpline3


def canonical_axes(grid: Grid) -> tuple[tuple[int, int, int], tuple[bool, bool, bool]]:
    """Find how to reorder and flip a grid's axes so that they run closest to superior, posterior, left.

    Returns
    -------
    order : tuple of int
        Index axis of the input that becomes axis 0 (superior), 1 (posterior) and 2 (left).
    flips : tuple of bool
        Whether that axis is then reversed.
    """
    directions = grid.directions
    best: tuple[int, int, int] = (0, 1, 2)
    best_score = -1.0
    # Six ways only: the best one as a whole never takes one axis twice, as an axis-wise choice could at 45 degrees.
    for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
        score = sum(abs(float(directions[world, axis])) for axis, world in zip(order, (2, 1, 0), strict=True))
        if score > best_score + 1e-9:
            best, best_score = order, score
    z, y, x = (float(directions[world, axis]) < 0 for axis, world in zip(best, (2, 1, 0), strict=True))
    return best, (z, y, x)


def reorient(volume: Volume) -> Volume:
    """Reorder and flip the axes so that z runs to the head, y to the back and x to the patient's left.

    No intensity is interpolated: every voxel keeps its value and its place in the patient. Slices that were acquired
    in another plane or stored in reverse order come out as the same array.

    Parameters
    ----------
    volume : Volume

    Returns
    -------
    Volume
        The same voxels with axes closest to LPS.
    """
    order, flips = canonical_axes(volume.grid)
    array = np.transpose(volume.array, order)
    affine = np.array(volume.grid.affine)
    affine[:3, :3] = affine[:3, list(order)]
    for axis, flip in enumerate(flips):
        if flip:
            affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
            affine[:3, axis] = -affine[:3, axis]
            array = np.flip(array, axis)
    z, y, x = array.shape
    return Volume(np.ascontiguousarray(array), Grid((z, y, x), affine))


def resample(
    volume: Volume,
    grid: Grid,
    *,
    to_volume: npt.NDArray[np.float64] | None = None,
    interpolation: Interpolation = Interpolation.LINEAR,
    outside: float = 0.0,
) -> Volume:
    """Sample a volume on another grid.

    Parameters
    ----------
    volume : Volume
    grid : Grid
        Where samples are wanted.
    to_volume : ndarray of float64, shape (4, 4), optional
        Maps an LPS point of `grid`'s frame to the LPS point of `volume`'s frame (mm). Identity by default.
    interpolation : Interpolation
    outside : float
        Value beyond the volume's outermost voxel centres.

    Returns
    -------
    Volume
        On `grid`, float32.
    """
    matrix = np.linalg.inv(volume.grid.affine) @ (np.eye(4) if to_volume is None else to_volume) @ grid.affine
    # In index space the filter needs no direction cosines, so a grid with sheared axes is as good as any other.
    reverse = np.eye(4)[[2, 1, 0, 3]]
    image = sitk.GetImageFromArray(volume.array)
    resampler = sitk.ResampleImageFilter()
    resampler.SetNumberOfThreads(THREADS)
    resampler.SetSize(grid.shape[::-1])
    resampler.SetTransform(to_itk_transform(reverse @ matrix @ reverse))
    resampler.SetInterpolator(interpolation.value)
    resampler.SetDefaultPixelValue(outside)
    resampler.SetOutputPixelType(sitk.sitkFloat32)
    return Volume(sitk.GetArrayFromImage(resampler.Execute(image)), grid)


def coverage(volume: Volume, grid: Grid, *, to_volume: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return where on `grid` the volume holds data, as a bool array (z, y, x); half a voxel beyond is outside."""
    whole = volume.with_array(np.ones(volume.grid.shape, np.float32))
    return resample(whole, grid, to_volume=to_volume, interpolation=Interpolation.NEAREST).array > 0.5


def blur(volume: Volume, fwhm_mm: tuple[float, float, float]) -> Volume:
    """Smooth with a Gaussian of the given full widths at half maximum along (z, y, x), in millimetres."""
    smoothed = to_itk(volume)
    for axis, (width, spacing) in enumerate(zip(fwhm_mm[::-1], volume.grid.spacing_mm[::-1], strict=True)):
        sigma = width * FWHM_TO_SIGMA
        # Below a third of a voxel the recursive filter is inexact, and there is nothing left to smooth.
        if sigma > spacing / 3 and smoothed.GetSize()[axis] >= 4:
            smoother = sitk.RecursiveGaussianImageFilter()
            smoother.SetNumberOfThreads(THREADS)
            smoother.SetDirection(axis)
            smoother.SetSigma(sigma)
            smoothed = smoother.Execute(smoothed)
    return Volume(sitk.GetArrayFromImage(smoothed), volume.grid)


def blur_to_voxel(volume: Volume, voxel_mm: tuple[float, float, float]) -> Volume:
    """Smooth so that a finer scan shows what a scan with this voxel size (z, y, x) would: widths add in squares."""
    fwhm = tuple(max(0.0, v**2 - s**2) ** 0.5 for v, s in zip(voxel_mm, volume.grid.spacing_mm, strict=True))
    return blur(volume, (fwhm[0], fwhm[1], fwhm[2]))


def isotropic(volume: Volume, spacing_mm: float) -> Volume:
    """Resample to cubic voxels over the same field of view, smoothed first where that makes voxels larger.

    Parameters
    ----------
    volume : Volume
    spacing_mm : float
        Edge of the cubic voxels. A volume that has them already is returned as it is.
    """
    if np.allclose(volume.grid.spacing_mm, spacing_mm, rtol=0.0, atol=1e-9):
        return volume
    size_mm = np.array(volume.grid.shape) * volume.grid.spacing_mm
    shape = np.maximum(1, np.ceil(size_mm / spacing_mm - 1e-6)).astype(int)
    centre = volume.grid.index_to_lps((np.array(volume.grid.shape) - 1) / 2)
    directions = volume.grid.directions
    origin = centre - directions @ ((shape - 1) / 2 * spacing_mm)
    grid = Grid.from_axes(
        (int(shape[0]), int(shape[1]), int(shape[2])),
        origin_mm=origin,
        spacing_mm=(spacing_mm, spacing_mm, spacing_mm),
        directions=directions,
    )
    # Held edges: a coarse voxel at the border must not turn black because its centre lies half a voxel outside.
    smooth = to_itk(blur_to_voxel(volume, (spacing_mm, spacing_mm, spacing_mm)))
    resampler = sitk.ResampleImageFilter()
    resampler.SetNumberOfThreads(THREADS)
    resampler.SetReferenceImage(to_itk(Volume(np.zeros(grid.shape, np.float32), grid)))
    resampler.SetInterpolator(sitk.sitkLinear)
    resampler.UseNearestNeighborExtrapolatorOn()
    return from_itk(resampler.Execute(smooth))


def halfway_grid(current: Volume, prior: Volume, current_to_prior: RigidTransform) -> Grid:
    """Lay a grid into the space half-way between two scans, with the coarser spacing along each axis.

    Both scans are then interpolated alike (Smith et al., NeuroImage 2002, SIENA): no scan is smoothed by resampling
    while the other stays sharp, which would light up every edge of the difference.

    Parameters
    ----------
    current, prior : Volume
        Reoriented, so that their axes correspond.
    current_to_prior : RigidTransform

    Returns
    -------
    Grid
        In half-way coordinates: `current_to_prior.half()` maps its points to the prior, the inverse to the current.
    """
    half = current_to_prior.half()
    towards_current, towards_prior = half.inverse().matrix[:3, :3], half.matrix[:3, :3]
    seen_current = towards_current.T @ current.grid.directions
    seen_prior = towards_prior.T @ prior.grid.directions
    left, _, right = np.linalg.svd(seen_current + seen_prior)
    spacing = np.maximum(current.grid.spacing_mm, prior.grid.spacing_mm)
    extent = np.maximum(
        np.array(current.grid.shape) * current.grid.spacing_mm, np.array(prior.grid.shape) * prior.grid.spacing_mm
    )
    shape = np.ceil(extent / spacing - 1e-6).astype(int)
    centre_current = half.apply(current.grid.index_to_lps((np.array(current.grid.shape) - 1) / 2))
    centre_prior = half.inverse().apply(prior.grid.index_to_lps((np.array(prior.grid.shape) - 1) / 2))
    directions = left @ right
    origin = (centre_current + centre_prior) / 2 - directions @ ((shape - 1) / 2 * spacing)
    return Grid.from_axes(
        (int(shape[0]), int(shape[1]), int(shape[2])),
        origin_mm=origin,
        spacing_mm=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
        directions=directions,
    )


def crop(grid: Grid, mask: npt.NDArray[np.bool_], *, margin_voxels: int) -> Grid:
    """Return the part of a grid that holds the mask (bool, z, y, x) and a margin; the whole grid if it is empty."""
    if not mask.any():
        return grid
    low, high = [], []
    for axis in range(3):
        used = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        low.append(max(0, int(used[0]) - margin_voxels))
        high.append(min(grid.shape[axis], int(used[-1]) + 1 + margin_voxels))
    affine = np.array(grid.affine)
    affine[:3, 3] = grid.index_to_lps(low)
    return Grid((high[0] - low[0], high[1] - low[1], high[2] - low[2]), affine)


def rotation_about(centre_mm: npt.NDArray[np.float64], rotation_vector: npt.NDArray[np.float64]) -> RigidTransform:
    """Return the rotation about a point; the vector's length is the angle in radians."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(rotation_vector).as_matrix()
    matrix[:3, 3] = centre_mm - matrix[:3, :3] @ centre_mm
    return RigidTransform(matrix)
