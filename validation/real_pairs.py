"""Two real pairs with a ground truth of change, and two patients with lesion masks.

Lesjak et al., Neuroinformatics 2016 and 2017. The images are not part of the project.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813 - the library's own abbreviation

from processing.domain.imaging import Grid, Volume
from processing.domain.study import SeriesRole
from processing.stages.itk_images import from_itk, from_itk_transform
from processing.stages.resample import Interpolation, resample
from processing.stages.subtract import robust_spread
from validation.metrics import true_components

Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int32]

LONGITUDINAL_PATIENTS = ("patient01", "patient12")
CROSS_SECTIONAL_PATIENTS = ("patient07", "patient26")

VISIBLE_DEVIATIONS = 2.0
"""A marked increase counts as visible when it rises by this many robust standard deviations on average."""


@dataclass(frozen=True, eq=False)
class RealPair:
    """Two FLAIR scans of one patient and where a reader marked change.

    Parameters
    ----------
    name : str
    current, prior : Volume
        As acquired.
    change : Volume
        1 where white matter changed, brighter or darker, in the pair's common space.
    brain : Volume
        1 in the brain, in the common space.
    current_from_common, prior_from_common : ndarray of float64, shape (4, 4)
        Affine maps of LPS points of the common space to each scan (mm).
    """

    name: str
    current: Volume
    prior: Volume
    change: Volume
    brain: Volume
    current_from_common: npt.NDArray[np.float64]
    prior_from_common: npt.NDArray[np.float64]


def data_folder() -> Path | None:
    """Return the folder that INTERVAL_DATA names, else ../shared/data beside the repository; None where absent."""
    named = os.environ.get("INTERVAL_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    return folder if folder.is_dir() else None


def read_image(path: Path) -> Volume:
    """Read a NIfTI image, turned to LPS."""
    return from_itk(sitk.ReadImage(str(path)))


def _read_affine(path: Path) -> npt.NDArray[np.float64]:
    """Read one of the data's transforms as a 4 x 4 matrix, LPS to LPS in millimetres."""
    read = sitk.ReadTransform(str(path))
    affine = sitk.AffineTransform(3)
    affine.SetFixedParameters(read.GetFixedParameters())
    affine.SetParameters(read.GetParameters())
    return from_itk_transform(affine)


def intrastudy_error_mm(
    folder: Path, patient: str, study: int, role: SeriesRole, from_flair: npt.NDArray[np.float64]
) -> float:
    """Mean distance over the brain between a map of FLAIR to T1 or T2 points and the data's own map, in mm.

    Parameters
    ----------
    folder : Path
    patient : str
    study : int
        1 or 2.
    role : SeriesRole
        T1 or T2.
    from_flair : ndarray of float64, shape (4, 4)
        Maps LPS points of the FLAIR to the other series; the identity stands for the scanner's own coordinates.
    """
    place = folder / "ms-longitudinal" / patient
    brain = read_image(place / "brainmask.nii.gz")
    index = np.argwhere(brain.array > 0.5)[::101]
    common = np.column_stack([brain.grid.index_to_lps(index), np.ones(len(index))])
    flair = common @ _read_affine(place / f"study{study}_FLAIR_to_common_space.txt").T
    name = {SeriesRole.T1: "T1W", SeriesRole.T2: "T2W"}[role]
    other = flair @ _read_affine(place / f"study{study}_{name}_intrastudy_to_FLAIR.txt").T
    return float(np.linalg.norm((other - flair @ from_flair.T)[:, :3], axis=1).mean())


def read_pair(folder: Path, patient: str) -> RealPair:
    """Read one patient of `ms-longitudinal`."""
    place = folder / "ms-longitudinal" / patient

    return RealPair(
        name=patient,
        current=read_image(place / "study2_FLAIR.nii.gz"),
        prior=read_image(place / "study1_FLAIR.nii.gz"),
        change=read_image(place / "gt.nii.gz"),
        brain=read_image(place / "brainmask.nii.gz"),
        current_from_common=_read_affine(place / "study2_FLAIR_to_common_space.txt"),
        prior_from_common=_read_affine(place / "study1_FLAIR_to_common_space.txt"),
    )


def read_visit(folder: Path, study: int) -> Mapping[SeriesRole, Volume]:
    """Read FLAIR, T1 and T2 of one visit (1 or 2) of a patient of `ms-longitudinal`."""
    names = {SeriesRole.FLAIR: "FLAIR", SeriesRole.T1: "T1W", SeriesRole.T2: "T2W"}
    return {role: read_image(folder / f"study{study}_{name}.nii.gz") for role, name in names.items()}


def registration_error_mm(pair: RealPair, current_to_prior: npt.NDArray[np.float64]) -> float:
    """Mean distance over the brain between a transform and the data's own, in millimetres."""
    index = np.argwhere(pair.brain.array > 0.5)[::101]
    common = np.column_stack([pair.brain.grid.index_to_lps(index), np.ones(len(index))])
    found = common @ pair.current_from_common.T @ current_to_prior.T
    return float(np.linalg.norm((found - common @ pair.prior_from_common.T)[:, :3], axis=1).mean())


@dataclass(frozen=True, eq=False)
class TrueChange:
    """The ground truth of a pair, taken apart by the sign of the change.

    Parameters
    ----------
    increases, decreases : ndarray of int32, shape (z, y, x)
        Label maps on `grid`: components of at least 12 mm3.
    marked : ndarray of bool, shape (z, y, x)
        All that the reader marked.
    rise : dict of int to float
        Mean rise of each increase in robust standard deviations of the difference.
    grid : Grid
        Of the common space.
    """

    increases: Labels
    decreases: Labels
    marked: Mask
    rise: dict[int, float]
    grid: Grid

    @property
    def visible(self) -> frozenset[int]:
        """Labels of the increases that the images show at all."""
        return frozenset(label for label, value in self.rise.items() if value >= VISIBLE_DEVIATIONS)


def true_change(pair: RealPair) -> TrueChange:
    """Tell increases from decreases by the normalised difference under the transforms that come with the data."""
    grid = pair.change.grid
    brain = pair.brain.array > 0.5
    current = resample(pair.current, grid, to_volume=pair.current_from_common).array
    prior = resample(pair.prior, grid, to_volume=pair.prior_from_common).array
    seen = brain & (current > 0) & (prior > 0)
    current, prior = current / np.median(current[seen]), prior / np.median(prior[seen])
    slope = float(np.std(current[seen]) / np.std(prior[seen]))
    difference = current - slope * prior
    difference -= np.median(difference[seen])
    spread = robust_spread(difference[seen])
    labels = true_components(pair.change.array > 0.5, voxel_volume_mm3=grid.voxel_volume_mm3)
    means = {int(n): float(difference[labels == n].mean()) / spread for n in np.unique(labels[labels > 0])}
    up = sorted(n for n, mean in means.items() if mean > 0)
    return TrueChange(
        increases=np.where(np.isin(labels, up), labels, 0).astype(np.int32),
        decreases=np.where(np.isin(labels, up), 0, labels).astype(np.int32),
        marked=pair.change.array > 0.5,
        rise={n: means[n] for n in up},
        grid=grid,
    )


def carry(labels: npt.NDArray[np.integer], source: Grid, target: Grid, *, to_source: npt.NDArray[np.float64]) -> Labels:
    """Bring a label map to another grid by nearest neighbour."""
    volume = Volume(labels.astype(np.float32), source)
    moved = resample(volume, target, to_volume=to_source, interpolation=Interpolation.NEAREST)
    return moved.array.astype(np.int32)
