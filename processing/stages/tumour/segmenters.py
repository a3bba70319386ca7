"""Five ways to outline a tumour that need no weights, and that fail for different reasons."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813 - the library's own abbreviation
from scipy import ndimage
from scipy.stats import chi2

from processing.domain.imaging import LabelMap
from processing.domain.study import SeriesRole
from processing.stages.distance import depth_within
from processing.stages.tumour.evidence import CHANNELS, TumourEvidence
from processing.stages.tumour.parts import Map, Mask, box_around, filled, main_pieces, midway, smoothed
from processing.stages.tumour.random_walk import RandomWalker
from processing.stages.tumour.uptake import enhancing, nothing, with_core


class Segmenter(Protocol):
    """Anything that outlines a tumour: built in, a network, a container or a server."""

    @property
    def name(self) -> str:
        """Under which its result is reported, with its version where it has one of its own."""
        ...

    def segment(self, evidence: TumourEvidence) -> LabelMap:
        """Return `TumourLabel` on the evidence's grid; empty where nothing is found.

        Parameters
        ----------
        evidence : TumourEvidence

        Returns
        -------
        LabelMap
        """
        ...


class Thresholds:
    """Limits set by the scan's own grey matter and noise: the oldest way, and a check on the others."""

    name = "thresholds"

    def segment(self, evidence: TumourEvidence) -> LabelMap:
        """See `Segmenter`."""
        grid, signal = evidence.grid, evidence.hyperintensity
        seen = main_pieces(evidence.brain & (signal.array > signal.limit), grid)
        if SeriesRole.T2 in evidence.contrasts:
            seen &= evidence.contrasts[SeriesRole.T2] > 1.2
        cut = max(midway(evidence.flair[seen], 1.05), signal.limit - 0.05)
        whole = main_pieces(smoothed(evidence.brain & (evidence.flair > cut), grid), grid)
        return with_core(evidence, whole, enhancing(evidence, evidence.enhancement.array, whole))


class OutlierMixture:
    """Normal tissues as a Gaussian mixture with the atlas as spatial prior; what fits none of them is tumour.

    After Van Leemput et al., TMI 2001 (lesions as model outliers), with every contrast that there is.
    """

    name = "outlier mixture"
    _rounds = 12
    _sample = 60_000
    _unusual = 1 / 5000
    """The part of normal voxels that lies farther out than the cut."""

    def segment(self, evidence: TumourEvidence) -> LabelMap:
        """See `Segmenter`."""
        channels = np.stack([evidence.contrasts[role] for role in CHANNELS if role in evidence.contrasts], axis=-1)
        cut = float(chi2.isf(self._unusual, channels.shape[-1]))
        inside = channels[evidence.brain]
        fluid = np.clip(1 - evidence.white_matter - evidence.grey_matter, 0.02, 1)
        prior = np.stack([evidence.white_matter, evidence.grey_matter, fluid], axis=-1)[evidence.brain]
        prior = np.clip(prior, 0.02, None)
        prior /= prior.sum(axis=-1, keepdims=True)
        distance = self._distance(inside, prior, cut)
        unusual = np.zeros(evidence.brain.shape, bool)
        # Bright on FLAIR besides: fluid in a sulcus is unusual too.
        unusual[evidence.brain] = distance > cut
        unusual &= evidence.hyperintensity.array > evidence.hyperintensity.limit - 0.1
        whole = main_pieces(smoothed(unusual, evidence.grid, 1.2), evidence.grid)
        return with_core(evidence, whole, enhancing(evidence, evidence.contrasts[SeriesRole.T1C], whole))

    def _distance(self, values: Map, prior: npt.NDArray[np.float32], cut: float) -> npt.NDArray[np.float64]:
        """Squared Mahalanobis distance of each voxel, shape (n,), to the nearest normal tissue."""
        step = max(1, len(values) // self._sample)
        sample, weight = values[::step].astype(np.float64), prior[::step].astype(np.float64)
        # The first guess is robust: with a large tumour, averages over the atlas's tissues are half tumour.
        means, spreads = map(
            np.stack, zip(*(_robust_gaussian(sample[weight[:, k] > 0.5]) for k in range(3)), strict=True)
        )
        for _ in range(self._rounds):
            distances = _mahalanobis(sample, means, spreads)
            log = np.log(weight) - 0.5 * (distances + np.linalg.slogdet(spreads)[1])
            belongs = np.exp(log - log.max(axis=1, keepdims=True))
            belongs /= belongs.sum(axis=1, keepdims=True)
            # Outliers lose their say in what is normal.
            belongs *= 1 / (1 + np.exp(np.clip((distances - cut / 2) / 2, -30, 30)))
            for k in range(3):
                share = belongs[:, k]
                if share.sum() < 50:
                    continue
                means[k] = np.average(sample, axis=0, weights=share)
                spreads[k] = np.cov(sample.T, aweights=share) * 1.3 + np.eye(sample.shape[1]) * 4e-4
        nearest: npt.NDArray[np.float64] = _mahalanobis(values.astype(np.float64), means, spreads).min(axis=1)
        return nearest


class SymmetryGrowth:
    """What is brighter than its mirror image, grown from where it is so most."""

    name = "symmetry growth"

    def segment(self, evidence: TumourEvidence) -> LabelMap:
        """See `Segmenter`."""
        grid, spacing, signal = evidence.grid, evidence.grid.spacing_mm, evidence.hyperintensity
        ahead = np.where(evidence.brain, signal.array - evidence.mirrored_flair, 0)
        blurred = ndimage.gaussian_filter(ahead, [4.0 / s for s in spacing])
        seed = np.unravel_index(int(np.argmax(np.where(evidence.brain, blurred, -1))), blurred.shape)
        if signal.array[seed] < signal.limit:
            return nothing(evidence)
        around = _ball(seed, grid.shape, spacing, 6.0) & evidence.brain
        height = float(np.median(evidence.flair[around]))
        normal = float(np.median(evidence.mirrored_flair[evidence.brain]))
        inside = evidence.brain & (evidence.flair > (height + normal) / 2) & (ahead > 0.2 * (height - normal))
        more = evidence.uptake - evidence.mirrored_uptake
        ring = enhancing(evidence, more, main_pieces(inside, grid))
        whole = _piece_at(smoothed(inside | filled(ring & smoothed(ring, grid)), grid), seed)
        return with_core(evidence, whole, ring)


class LevelSet:
    """A front that spreads through what is bright on FLAIR and is held back by its own curvature."""

    name = "level set"
    _iterations = 250

    def segment(self, evidence: TumourEvidence) -> LabelMap:
        """See `Segmenter`."""
        grid, signal = evidence.grid, evidence.hyperintensity
        # Only where a millimetre further in is bright as well: a front needs a safe start.
        sure = evidence.brain & (signal.array > signal.limit)
        start = main_pieces(_shrunk(sure, grid.spacing_mm), grid, of_largest=0.3)
        if not start.any():
            return nothing(evidence)
        ring = enhancing(evidence, evidence.uptake, start)
        start = start | ring
        lower = midway(evidence.flair[sure], 1.05)
        whole = self._spread(np.where(evidence.brain, evidence.flair, 0), start, lower, grid.spacing_mm)
        return with_core(evidence, whole & evidence.brain, ring)

    def _spread(self, image: Map, start: Mask, lower: float, spacing: tuple[float, float, float]) -> Mask:
        box = box_around(start, image.shape, tuple(int(np.ceil(20 / s)) for s in spacing))
        feature = sitk.GetImageFromArray(image[box])
        feature.SetSpacing(spacing[::-1])
        inside = sitk.GetImageFromArray(start[box].astype(np.uint8))
        inside.SetSpacing(spacing[::-1])
        front = sitk.SignedMaurerDistanceMap(inside, insideIsPositive=False, useImageSpacing=True)
        method = sitk.ThresholdSegmentationLevelSetImageFilter()
        method.SetNumberOfWorkUnits(1)
        method.SetLowerThreshold(lower)
        method.SetUpperThreshold(10.0)
        method.SetMaximumRMSError(0.002)
        method.SetNumberOfIterations(self._iterations)
        method.SetCurvatureScaling(1.0)
        method.SetPropagationScaling(15.0)
        found = method.Execute(sitk.Cast(front, sitk.sitkFloat32), sitk.Cast(feature, sitk.sitkFloat32))
        whole = np.zeros(image.shape, bool)
        whole[box] = sitk.GetArrayFromImage(found) < 0
        return whole


BUILT_IN: tuple[Segmenter, ...] = (Thresholds(), OutlierMixture(), SymmetryGrowth(), LevelSet(), RandomWalker())


def _shrunk(mask: Mask, spacing: tuple[float, float, float]) -> Mask:
    inner: Mask = depth_within(mask, spacing) > 2.0
    return inner


def _robust_gaussian(values: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Median, and covariance of the half of the values that lies closest to it."""
    middle = np.median(values, axis=0)
    width = np.median(np.abs(values - middle), axis=0) + 1e-3
    away = (np.abs(values - middle) / width).max(axis=1)
    near = values[away <= np.median(away)]
    return middle, np.cov(near.T) * 4 + np.eye(values.shape[1]) * 4e-4


def _mahalanobis(
    values: npt.NDArray[np.float64], means: npt.NDArray[np.float64], spreads: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Squared distances of n values to k Gaussians, shape (n, k)."""
    columns = []
    for mean, spread in zip(means, spreads, strict=True):
        whitened = np.linalg.solve(np.linalg.cholesky(spread), (values - mean).T)
        columns.append((whitened**2).sum(axis=0))
    return np.stack(columns, axis=1)


def _ball(
    centre: tuple[np.intp, ...], shape: tuple[int, ...], spacing: tuple[float, float, float], radius_mm: float
) -> Mask:
    axes = np.ogrid[tuple(slice(0, n) for n in shape)]
    squares = sum(((axis - int(c)) * s) ** 2 for axis, c, s in zip(axes, centre, spacing, strict=True))
    inside: Mask = np.asarray(squares) <= radius_mm**2
    return inside


def _piece_at(mask: Mask, seed: tuple[np.intp, ...]) -> Mask:
    """Return the connected piece that holds a voxel, or the one closest to it."""
    if not mask.any():
        return mask
    labels, _ = ndimage.label(mask)
    nearest = ndimage.distance_transform_edt(~mask, return_distances=False, return_indices=True)
    z, y, x = (int(axis[seed]) for axis in nearest)
    piece: Mask = labels == labels[z, y, x]
    return piece
