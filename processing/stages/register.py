"""Rigid registration of two scans of one head.

Two steps. Mutual information on 5 mm voxels finds the way from any two positions in a scanner (Mattes et al., IEEE
TMI 2003; SimpleITK). Then a Gauss-Newton fit on 1.5 mm voxels, first few and then more of them, where both scans are
whitened: each voxel's distance from the local mean in units of the local standard deviation, so that coils, scanners
and their scales drop out. The gradient is the mean of both scans' gradients (Vercauteren et al., NeuroImage 2009: the
efficient second-order step), and Tukey's weights take what really changed out of the fit.

The fit is sequential on purpose: SimpleITK's threaded metric adds up in the order in which threads finish, and its
result differs in the last digits from run to run.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813 - the library's own abbreviation
from scipy import ndimage

from processing.domain.errors import RegistrationFailed
from processing.domain.imaging import Grid, RigidTransform, Volume
from processing.stages.itk_images import from_itk_transform, to_itk
from processing.stages.resample import blur, isotropic, resample, rotation_about

FloatPoints = npt.NDArray[np.float64]

_HEAD_RADIUS_MM = 100.0
"""Turns an angle into the way that the head's surface goes."""


@dataclass(frozen=True)
class RegistrationParameters:
    """Numbers of the rigid registration; lengths in millimetres."""

    coarse_spacing_mm: float = 5.0
    fine_spacing_mm: float = 1.5
    whitening_fwhm_mm: float = 24.0
    first_samples: int = 5_000
    first_step_mm: float = 0.02
    samples: int = 20_000
    last_step_mm: float = 0.001
    iterations: int = 60
    tukey: float = 3.0
    minimum_correlation: float = 0.6
    minimum_overlap: float = 0.6


@dataclass(frozen=True, eq=False)
class Registration:
    """A rigid transform with figures that say how far to trust it.

    Parameters
    ----------
    transform : RigidTransform
        Maps a point of the fixed scan to the moving scan.
    correlation : float
        Pearson correlation of the whitened scans over the fixed scan's head, -1 to 1.
    overlap : float
        Part of the fixed scan's head that the moving scan's field of view covers, 0 to 1.
    """

    transform: RigidTransform
    correlation: float
    overlap: float


def register_rigid(fixed: Volume, moving: Volume, *, params: RegistrationParameters) -> Registration:
    """Find the rigid transform from one scan of a head to another of the same contrast.

    Parameters
    ----------
    fixed, moving : Volume
        Whole heads, any orientation, spacing and intensity scale.
    params : RegistrationParameters

    Returns
    -------
    Registration

    Raises
    ------
    RegistrationFailed
        If an image holds no head, or the best fit leaves the scans too unlike each other to be compared.
    """
    # Both steps work on one set of small voxels: the coarse ones are made from the fine ones.
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda scan: isotropic(scan, params.fine_spacing_mm), (fixed, moving))
        # The coarse step keeps one core busy, because its sum must not depend on threads; the other core whitens.
        starting = pool.submit(coarse_rigid, one, other, spacing_mm=params.coarse_spacing_mm)
        whitening = [pool.submit(_whiten, scan, fwhm_mm=params.whitening_fwhm_mm) for scan in (one, other)]
        start = starting.result()
        found = _fine(whitening[0].result(), whitening[1].result(), start, params=params)
    if found.overlap < params.minimum_overlap:
        raise RegistrationFailed("The two scans show too little of the same anatomy to be compared; review by hand.")
    if found.correlation < params.minimum_correlation:
        raise RegistrationFailed("The two scans do not match each other after registration; review by hand.")
    return found


def coarse_rigid(fixed: Volume, moving: Volume, *, spacing_mm: float) -> RigidTransform:
    """Maximise mutual information on coarse voxels, from the alignment of the centres of mass.

    Parameters
    ----------
    fixed, moving : Volume
        Two scans of one head, of any contrasts.
    spacing_mm : float
        Edge of the voxels.

    Returns
    -------
    RigidTransform
        Good to a few millimetres.

    Raises
    ------
    RegistrationFailed
        If an image holds nothing to go by.
    """
    coarse_fixed, coarse_moving = to_itk(isotropic(fixed, spacing_mm)), to_itk(isotropic(moving, spacing_mm))
    transform = sitk.Euler3DTransform()
    try:
        transform = sitk.Euler3DTransform(
            sitk.CenteredTransformInitializer(
                coarse_fixed, coarse_moving, transform, sitk.CenteredTransformInitializerFilter.MOMENTS
            )
        )
        method = sitk.ImageRegistrationMethod()
        # Not SetNumberOfThreads: that one leaves the metric threaded, and its result differs from run to run.
        method.SetNumberOfWorkUnits(1)
        method.SetMetricAsMattesMutualInformation(32)
        method.SetMetricSamplingStrategy(method.REGULAR)
        method.SetMetricSamplingPercentage(0.25, 1)
        method.SetInterpolator(sitk.sitkLinear)
        method.SetOptimizerAsRegularStepGradientDescent(2.0, 0.02, 80)
        method.SetOptimizerScalesFromPhysicalShift()
        method.SetInitialTransform(transform, inPlace=True)
        method.Execute(coarse_fixed, coarse_moving)
    except RuntimeError as failure:
        raise RegistrationFailed("An image holds nothing that could be registered; review by hand.") from failure
    return RigidTransform(from_itk_transform(transform))


@dataclass(frozen=True, eq=False)
class _Whitened:
    """A whitened scan, its gradient in LPS per millimetre, and where the head is."""

    volume: Volume
    gradient: tuple[npt.NDArray[np.float32], ...]
    head: npt.NDArray[np.bool_]


def _whiten(cubes: Volume, *, fwhm_mm: float) -> _Whitened:
    bright = float(np.percentile(cubes.array, 98))
    if not np.isfinite(bright) or bright <= 0 or float(np.ptp(cubes.array)) <= 0:
        raise RegistrationFailed("An image holds no signal; review by hand.")
    scaled = cubes.with_array(cubes.array / bright)
    mean = _neighbourhood(scaled, fwhm_mm)
    spread = np.sqrt(np.maximum(_neighbourhood(scaled.with_array(scaled.array**2), fwhm_mm) - mean**2, 0.0))
    # The constant keeps air, where the spread is nothing but noise, from being raised to the level of the brain.
    whitened = cubes.with_array((scaled.array - mean) / (spread + 0.1))
    gradient = tuple(np.gradient(whitened.array, cubes.grid.spacing_mm[0]))
    head = ndimage.binary_closing(scaled.array > 0.25, iterations=2)
    head = ndimage.binary_erosion(head, iterations=1)
    return _Whitened(whitened, gradient, head)


def _neighbourhood(cubes: Volume, fwhm_mm: float) -> npt.NDArray[np.float32]:
    """Mean around every voxel, weighted by a Gaussian.

    Blocks of voxels are averaged first, smoothed, and interpolated again: the mean over centimetres says the same on
    voxels of a quarter of its width, at a small part of the time.
    """
    factor = max(1, int(fwhm_mm / 4.0 / cubes.grid.spacing_mm[0]))
    # One block more on every side, so that no voxel lies beyond the centres of the outermost blocks.
    pads = [(factor, factor + -n % factor) for n in cubes.grid.shape]
    padded = np.pad(cubes.array, pads, mode="edge")
    z, y, x = (n // factor for n in padded.shape)
    blocks = padded.reshape(z, factor, y, factor, x, factor).mean(axis=(1, 3, 5), dtype=np.float32)
    affine = np.array(cubes.grid.affine)
    affine[:3, :3] *= factor
    affine[:3, 3] = cubes.grid.index_to_lps([-factor + (factor - 1) / 2] * 3)
    smooth = blur(Volume(blocks, Grid((z, y, x), affine)), (fwhm_mm, fwhm_mm, fwhm_mm))
    return resample(smooth, cubes.grid).array


def _fine(one: _Whitened, other: _Whitened, start: RigidTransform, *, params: RegistrationParameters) -> Registration:
    """Refine a start by robust, symmetric Gauss-Newton steps on the whitened scans."""
    few = _places(one, params.first_samples)
    many = _places(one, params.samples)
    nearly = _fit(few, other, start, until_mm=params.first_step_mm, params=params)
    transform = _fit(many, other, nearly, until_mm=params.last_step_mm, params=params)
    sampled, _, inside = _sample(other, transform, many.points)
    correlation = float(np.corrcoef(many.values[inside], sampled)[0, 1]) if inside.sum() > 2 else 0.0
    return Registration(transform, correlation if np.isfinite(correlation) else 0.0, float(inside.mean()))


@dataclass(frozen=True, eq=False)
class _Places:
    """Points of the fixed scan's head, and what it shows there: values and LPS gradients per millimetre."""

    points: FloatPoints
    values: FloatPoints
    gradients: FloatPoints


def _places(scan: _Whitened, number: int) -> _Places:
    """Take about so many of the head's voxels, evenly."""
    index = np.argwhere(scan.head)
    if len(index) < 1000:
        raise RegistrationFailed("An image holds no head that could be registered; review by hand.")
    index = index[:: max(1, len(index) // number)]
    gradients = np.stack([axis[tuple(index.T)] for axis in scan.gradient], -1) @ scan.volume.grid.directions.T
    values = scan.volume.array[tuple(index.T)].astype(np.float64)
    return _Places(scan.volume.grid.index_to_lps(index), values, gradients)


def _fit(
    places: _Places, other: _Whitened, start: RigidTransform, *, until_mm: float, params: RegistrationParameters
) -> RigidTransform:
    """Take Gauss-Newton steps until one moves the head by less than `until_mm` in each direction."""
    centre = places.points.mean(axis=0)
    transform = start
    for _ in range(params.iterations):
        sampled, sampled_gradients, inside = _sample(other, transform, places.points)
        if inside.sum() < 500:
            raise RegistrationFailed("The two scans do not overlap after registration; review by hand.")
        slope = 0.5 * (places.gradients[inside] + sampled_gradients @ transform.matrix[:3, :3])
        residual = places.values[inside] - sampled
        scale = 1.4826 * float(np.median(np.abs(residual))) + 1e-9
        weight = tukey_weight(residual / scale, params.tukey)
        jacobian = np.concatenate([np.cross(places.points[inside] - centre, slope), slope], axis=1)
        weighted = jacobian * weight[:, None]
        step = np.linalg.solve(weighted.T @ jacobian + 1e-9 * np.eye(6), weighted.T @ residual)
        shift = np.eye(4)
        shift[:3, 3] = step[3:]
        transform = transform.after(RigidTransform(shift).after(rotation_about(centre, step[:3])))
        if np.abs(step[3:]).max() < until_mm and np.abs(step[:3]).max() < until_mm / _HEAD_RADIUS_MM:
            break
    return transform


def tukey_weight(deviations: FloatPoints, cut: float) -> FloatPoints:
    """Return Tukey's weights of residuals in units of their spread: 1 at 0, falling to 0 at `cut`."""
    weight: FloatPoints = np.clip(1.0 - (deviations / cut) ** 2, 0.0, 1.0) ** 2
    return weight


def _sample(
    scan: _Whitened, transform: RigidTransform, points: FloatPoints
) -> tuple[FloatPoints, FloatPoints, npt.NDArray[np.bool_]]:
    """Return values and LPS gradients of a scan at mapped points, and which of the points it covers."""
    index = scan.volume.grid.lps_to_index(transform.apply(points))
    inside = np.asarray(((index >= 0) & (index <= np.array(scan.volume.grid.shape) - 1)).all(axis=1), dtype=bool)
    at = index[inside].T
    values = ndimage.map_coordinates(scan.volume.array, at, order=1, output=np.float64)
    along = [ndimage.map_coordinates(axis, at, order=1, output=np.float64) for axis in scan.gradient]
    return values, np.stack(along, -1) @ scan.volume.grid.directions.T, inside
