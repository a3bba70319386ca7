"""The ICBM152 template and what Interval derives from it.

The maps (Fonov et al., NeuroImage 2009, symmetric 2009a) ship inside nilearn's wheel. Only its data files are used;
the package itself is never imported, because that costs seconds. Reading them is the one thing in `stages` that
touches the disk; it happens once per process and is cached.

The template is symmetric, so that a scan can be aligned with it either way round: which side is left is decided by
LPS coordinates alone, never by the image's content.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813 - the library's own abbreviation
from scipy import ndimage
from skimage.segmentation import watershed

from processing.domain.errors import Defect
from processing.domain.imaging import Grid, LabelMap, Volume
from processing.stages.itk_images import from_itk
from processing.stages.resample import reorient

WORKING_SPACING = 2
"""The working copy has voxels of this many millimetres: an affine alignment is no better than that."""

MapArray = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Atlas:
    """Maps of the ICBM152 brain on one grid, in MNI coordinates turned to LPS.

    Parameters
    ----------
    t1 : Volume
        T1 contrast, 0 to 255, zero outside the brain.
    brain : Volume
        1 inside the brain with its ventricles, 0 outside.
    white_matter, grey_matter : Volume
        Probabilities, 0 to 1.
    structures : LabelMap
        See `Structure`.
    """

    t1: Volume
    brain: Volume
    white_matter: Volume
    grey_matter: Volume
    structures: LabelMap

    @property
    def grid(self) -> Grid:
        """The grid that all maps share."""
        return self.t1.grid


class Structure:
    """Labels of `Atlas.structures`."""

    VENTRICLES = 1
    INFRATENTORIAL = 2
    CORTEX = 3


def read_template() -> tuple[Volume, Volume, Volume]:
    """Read T1 (0 to 255), white and grey matter (0 to 1) of the template at 1 mm.

    Returns
    -------
    tuple of Volume
        T1, white matter, grey matter; axes superior, posterior, left.

    Raises
    ------
    Defect
        If nilearn's data files are not installed.
    """
    package = find_spec("nilearn")
    if package is None or package.origin is None:
        raise Defect("The brain template is missing: nilearn is not installed.")
    folder = Path(package.origin).parent / "datasets" / "data"
    volumes = []
    for name, scale in (("t1", 1.0), ("wm", 1 / 255), ("gm", 1 / 255)):
        try:
            image = sitk.ReadImage(str(folder / f"mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz"))
        except RuntimeError as failure:
            raise Defect("The brain template is missing from this installation of nilearn.") from failure
        volume = reorient(from_itk(image))
        volumes.append(volume.with_array(volume.array * np.float32(scale)))
    return volumes[0], volumes[1], volumes[2]


@cache
def load_atlas() -> Atlas:
    """Return the atlas at `WORKING_SPACING` millimetres; read and derived once per process.

    Raises
    ------
    Defect
        If nilearn's data files are not installed.
    """
    t1, white, grey = (_shrink(volume, WORKING_SPACING) for volume in read_template())
    brain = _brain(t1.array)
    return Atlas(
        t1=t1.with_array(np.where(brain, t1.array, 0)),
        brain=t1.with_array(brain.astype(np.float32)),
        white_matter=white,
        grey_matter=grey,
        structures=LabelMap(_structures(t1, brain, grey.array), t1.grid),
    )


def _shrink(volume: Volume, factor: int) -> Volume:
    """Average blocks of voxels."""
    z, y, x = (n // factor for n in volume.grid.shape)
    array = volume.array[: z * factor, : y * factor, : x * factor]
    array = array.reshape(z, factor, y, factor, x, factor).mean(axis=(1, 3, 5), dtype=np.float32)
    affine = np.array(volume.grid.affine)
    affine[:3, 3] = volume.grid.index_to_lps([(factor - 1) / 2] * 3)
    affine[:3, :3] *= factor
    return Volume(array, Grid((z, y, x), affine))


def _brain(t1: MapArray) -> npt.NDArray[np.bool_]:
    """The largest piece of what is not black, its holes filled slice by slice."""
    pieces, _ = ndimage.label(t1 > 25)
    largest = pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    filled: npt.NDArray[np.bool_] = np.stack([ndimage.binary_fill_holes(plane) for plane in largest])
    return filled


def _structures(t1: Volume, brain: npt.NDArray[np.bool_], grey: MapArray) -> npt.NDArray[np.uint16]:
    structures = np.zeros(t1.grid.shape, np.uint16)
    infratentorial = _infratentorial(t1, brain)
    ventricles = _ventricles(t1, brain)
    from_ventricles = ndimage.distance_transform_edt(~ventricles) * WORKING_SPACING
    depth = ndimage.distance_transform_edt(brain) * WORKING_SPACING
    # Deep grey nuclei are grey matter too, but lie far from the surface and next to the ventricles.
    x, y, z = _mni(t1.grid)
    deep = (np.abs(x) < 38) & (y > -42) & (y < 26) & (z > -12) & (z < 26) & (depth > 12)
    deep |= (np.abs(x) < 18) & (y > -40) & (y < 4) & (z > -30) & (z < 0)
    cortex = (grey > 0.5) & ~infratentorial & ~deep & (from_ventricles > 6)
    structures[cortex & brain] = Structure.CORTEX
    structures[infratentorial] = Structure.INFRATENTORIAL
    structures[ventricles] = Structure.VENTRICLES
    return structures


def _mni(grid: Grid) -> tuple[MapArray, MapArray, MapArray]:
    """MNI coordinates x (to the right), y (to the front), z (up) of every voxel, in millimetres."""
    z, y, x = np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij")
    lps = grid.index_to_lps(np.stack([z, y, x], -1)).astype(np.float32)
    return -lps[..., 0], -lps[..., 1], lps[..., 2]


def _ventricles(t1: Volume, brain: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Lateral ventricles: dark in T1, joined to the body of either, within the box that holds them."""
    x, y, z = _mni(t1.grid)
    box = (np.abs(x) < 44) & (y > -60) & (y < 40) & (z > -6) & (z < 34) & ~((np.abs(x) < 4) & (y < -32))
    depth = ndimage.distance_transform_edt(brain) * WORKING_SPACING
    dark = (t1.array < 140) & box & brain & (depth > 20)
    pieces, _ = ndimage.label(dark)
    seeds = []
    for side in (-1.0, 1.0):
        at = t1.grid.lps_to_index([side * 12.0, 10.0, 22.0]).round().astype(int)
        near = pieces[at[0] - 4 : at[0] + 5, at[1] - 8 : at[1] + 9, at[2] - 3 : at[2] + 4]
        counts = np.bincount(near[near > 0]) if near.any() else np.zeros(1, int)
        seeds.append(int(np.argmax(counts)))
    ventricles: npt.NDArray[np.bool_] = np.isin(pieces, [seed for seed in seeds if seed])
    return ventricles


def _infratentorial(t1: Volume, brain: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Cerebellum and brainstem: what floods from their centres before the cerebrum does, along bright tissue."""
    markers = np.zeros(t1.grid.shape, np.int32)
    x, y, z = _mni(t1.grid)
    for side in (-1, 1):
        for label, at in (
            (1, (20.0, -60.0, -36.0)),
            (1, (8.0, -58.0, -14.0)),
            (2, (16.0, -86.0, 2.0)),
            (2, (50.0, -30.0, -16.0)),
            (2, (36.0, -14.0, -30.0)),
            (2, (26.0, -60.0, 2.0)),
            (2, (22.0, -36.0, 0.0)),
        ):
            i = t1.grid.lps_to_index([-side * at[0], -at[1], at[2]]).round().astype(int)
            markers[tuple(i)] = label
    markers[(z > 12) | (y > -4)] = 2
    markers[(np.abs(x) < 6) & (np.abs(y + 24) < 7) & (z > -46) & (z < -14)] = 1
    markers[(np.abs(np.abs(x) - 8) < 4) & (np.abs(y + 20) < 5) & (np.abs(z + 12) < 4)] = 1
    markers[~brain] = 0
    flooded = watershed(-ndimage.gaussian_filter(t1.array, 0.7), markers, mask=brain)
    # Between brainstem and thalamus there is no dark line: the midbrain ends at the posterior commissure's height.
    brainstem_top = (y > -38) & (z > -6)
    infratentorial: npt.NDArray[np.bool_] = (flooded == 1) & ~brainstem_top
    return infratentorial
