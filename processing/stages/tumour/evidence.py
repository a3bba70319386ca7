"""What every segmenter looks at: the contrasts of a visit on one grid, in units that mean the same in each scan."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813 - the library's own abbreviation
from scipy import ndimage

from processing.domain.errors import InputRejected
from processing.domain.imaging import Grid, Volume
from processing.domain.study import SeriesRole
from processing.stages.atlas import Atlas
from processing.stages.itk_images import to_itk
from processing.stages.resample import resample

Map = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

CHANNELS = (SeriesRole.T1, SeriesRole.T1C, SeriesRole.T2, SeriesRole.FLAIR)
"""What there can be to look at."""

_LEAST_TISSUE = 2000
_RIM_MM = 2.0
_CALM_MM = 1.2
_LITTLE_NOISE = 0.045
"""Standard deviation between neighbours in white matter, in units of its signal."""
_SHADING_MM = 8.0
_MIRROR_MM = 4.0
_AT_ONCE = 2


@dataclass(frozen=True, eq=False)
class Signal:
    """Something that is brighter in tumour than elsewhere, smoothed so that noise hardly counts.

    Parameters
    ----------
    array : ndarray of float32, shape (z, y, x)
    limit : float
        What normal grey matter does not reach: its median plus three spreads of white matter.
    """

    array: Map
    limit: float


@dataclass(frozen=True, eq=False)
class TumourEvidence:
    """Images of one visit, prepared for segmentation. All arrays are (z, y, x) on `grid`.

    Parameters
    ----------
    grid : Grid
        That of T1C, cut to the brain.
    brain : ndarray of bool
        Without its outermost 2 mm, where partial volume with fluid and meninges shines like a tumour.
    contrasts : mapping of SeriesRole to ndarray of float32
        T1C and FLAIR, and of T1 and T2 those that there are; white matter has median 1 in each.
    white_matter, grey_matter : ndarray of float32
        Prior probabilities from the atlas.
    flair, uptake : ndarray of float32
        FLAIR, and T1C less T1 (without T1, less the level of white matter); smoothed as far as their noise asks for,
        which is not at all in a clean scan: smoothing blurs a thin ring.
    mirrored_flair, mirrored_uptake : ndarray of float32
        Reflected at the atlas's midsagittal plane, smoothed as far as no brain is symmetric.
    hyperintensity : Signal
        FLAIR.
    enhancement : Signal
        The uptake.
    """

    grid: Grid
    brain: Mask
    contrasts: Mapping[SeriesRole, Map]
    white_matter: Map
    grey_matter: Map
    flair: Map
    uptake: Map
    mirrored_flair: Map
    mirrored_uptake: Map
    hyperintensity: Signal
    enhancement: Signal

    @property
    def t1(self) -> Map:
        """T1, or where there is none T1C: necrosis is dark on both."""
        return self.contrasts.get(SeriesRole.T1, self.contrasts[SeriesRole.T1C])


def gather_evidence(
    images: Mapping[SeriesRole, Volume], brain: Mask, atlas: Atlas, to_atlas: npt.NDArray[np.float64]
) -> TumourEvidence:
    """Normalise co-registered images and bring the atlas to them.

    Parameters
    ----------
    images : mapping of SeriesRole to Volume
        T1C and FLAIR, and of T1 and T2 those that there are, all on one grid cut to the brain.
    brain : ndarray of bool, shape (z, y, x)
    atlas : Atlas
    to_atlas : ndarray of float64, shape (4, 4)
        Maps the grid's LPS points to the atlas (mm).

    Raises
    ------
    InputRejected
        If too little white matter is in the field of view to normalise by.
    """
    grid = images[SeriesRole.T1C].grid
    # Bright fat in the orbits and dura at the vertex are what a brain extraction leaks into; the atlas knows better.
    expected = resample(atlas.brain, grid, to_volume=to_atlas).array > 0.5
    inner = _without_rim(brain & expected, grid)
    white = resample(atlas.white_matter, grid, to_volume=to_atlas).array
    grey = resample(atlas.grey_matter, grid, to_volume=to_atlas).array
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        even = pool.map(lambda volume: _without_shading(volume, brain), images.values())
        images = dict(zip(images, even, strict=True))
    normal = _normal_white_matter(images, inner & (white > 0.7))
    contrasts: dict[SeriesRole, Map] = {
        role: (volume.array / np.median(volume.array[normal])).astype(np.float32) for role, volume in images.items()
    }
    flair, t1c = contrasts[SeriesRole.FLAIR], contrasts[SeriesRole.T1C]
    uptake: Map = t1c - contrasts.get(SeriesRole.T1, np.float32(1.0))
    mirror = np.linalg.inv(to_atlas) @ np.diag([-1.0, 1.0, 1.0, 1.0]) @ to_atlas

    def mirrored(array: Map, outside: float) -> Map:
        smooth = Volume(_smooth(array, grid, _MIRROR_MM), grid)
        return resample(smooth, grid, to_volume=mirror, outside=outside).array

    usual = _Usual(normal, inner & (grey > 0.6), grid)
    return TumourEvidence(
        grid=grid,
        brain=inner,
        contrasts=contrasts,
        white_matter=white,
        grey_matter=grey,
        flair=usual.as_calm_as_needed(flair),
        uptake=usual.as_calm_as_needed(uptake),
        mirrored_flair=mirrored(flair, 1.0),
        mirrored_uptake=mirrored(uptake, 0.0),
        hyperintensity=usual.signal(flair),
        enhancement=usual.signal(uptake),
    )


@dataclass(frozen=True, eq=False)
class _Usual:
    white: Mask
    grey: Mask
    grid: Grid

    def signal(self, array: Map) -> Signal:
        calm = _smooth(array, self.grid, _CALM_MM)
        level = max(float(np.median(calm[self.grey])) if self.grey.any() else 0.0, float(np.median(calm[self.white])))
        return Signal(calm, level + 3 * _robust_spread(calm[self.white]))

    def as_calm_as_needed(self, array: Map) -> Map:
        """Smooth not at all up to a little noise, and as far as a signal from twice that on."""
        beside = self.white[..., 1:] & self.white[..., :-1]
        noise = _robust_spread(np.diff(array, axis=-1)[beside]) / np.sqrt(2)
        return _smooth(array, self.grid, _CALM_MM * float(np.clip(noise / _LITTLE_NOISE - 1, 0, 1)))


def _without_shading(volume: Volume, brain: Mask) -> Volume:
    """Divide by the shading that N4 finds on coarse voxels (Tustison et al., TMI 2010).

    Two fitting levels: four would take the oedema for shading.
    """
    factor = [max(1, round(_SHADING_MM / s)) for s in volume.grid.spacing_mm[::-1]]
    image = to_itk(volume)
    mask = to_itk(volume.with_array(brain.astype(np.float32))) > 0.5
    corrector = sitk.N4BiasFieldCorrectionImageFilter()
    corrector.SetNumberOfWorkUnits(1)
    corrector.SetMaximumNumberOfIterations([30, 30])
    corrector.Execute(sitk.Shrink(image, factor), sitk.Shrink(mask, factor))
    shading = sitk.GetArrayFromImage(corrector.GetLogBiasFieldAsImage(image))
    return volume.with_array(volume.array / np.exp(shading))


def _without_rim(brain: Mask, grid: Grid) -> Mask:
    depth = ndimage.distance_transform_edt(brain, sampling=grid.spacing_mm)
    inner: Mask = np.asarray(depth) > _RIM_MM
    return inner


def _normal_white_matter(images: Mapping[SeriesRole, Volume], expected: Mask) -> Mask:
    """White matter by the atlas, without what is unusual in any contrast; the tumour drops out here."""
    normal = expected.copy()
    for _ in range(3):
        for volume in images.values():
            values = volume.array[normal]
            if values.size < _LEAST_TISSUE:
                raise InputRejected("The images show too little white matter to measure a tumour by.")
            middle, width = float(np.median(values)), _robust_spread(values)
            normal &= np.abs(volume.array - middle) <= 2.5 * width
    return normal


def _robust_spread(values: npt.NDArray[np.float32]) -> float:
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def _smooth(array: Map, grid: Grid, sigma_mm: float) -> Map:
    smoothed: Map = ndimage.gaussian_filter(array, [sigma_mm / s for s in grid.spacing_mm])
    return smoothed
