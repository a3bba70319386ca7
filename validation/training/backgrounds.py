"""Pairs of scans into which lesions can be put, and the way from two scans to what the network sees.

The way is the pipeline's own: the same stages in the same order with the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from processing.domain.imaging import Grid, RigidTransform, Volume
from processing.domain.study import SeriesRole
from processing.pipelines.ms_longitudinal.spec import MsLongitudinalParameters
from processing.stages.atlas import load_atlas
from processing.stages.bias_field import BiasParameters, remove_differential_bias
from processing.stages.brain import BrainParameters, align_with_atlas, extract_brain
from processing.stages.learned import Channels, detector_inputs
from processing.stages.normalise import NormalisationParameters, normalise_pair
from processing.stages.register import RegistrationParameters, register_rigid
from processing.stages.resample import (
    blur_to_voxel,
    coverage,
    crop,
    halfway_grid,
    reorient,
    resample,
    rotation_about,
)
from processing.stages.subtract import Subtraction, SubtractionParameters, subtract_both
from validation.phantom import LesionKind, PhantomSpec, make_phantom
from validation.real_pairs import carry, read_image, read_pair, true_change

Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int32]

AWAY_FROM_CHANGE_MM = 6.0
INSIDE_BRAIN_MM = 4.0


@dataclass(frozen=True, eq=False)
class Background:
    """Two scans of one head, registered, with what is known about true change.

    Parameters
    ----------
    name : str
    now, before : Volume
        Reoriented, in their own intensities.
    transform : RigidTransform
        Current to prior.
    brain : Volume
        1 in the brain of the current scan.
    to_atlas : ndarray of float64, shape (4, 4)
        Of the current scan (mm).
    rises, falls : ndarray of int32, shape (z, y, x)
        Known increases and decreases on the current scan's grid.
    marked : ndarray of bool, shape (z, y, x)
        Everything that is known to have changed, on the current scan's grid.
    """

    name: str
    now: Volume
    before: Volume
    transform: RigidTransform
    brain: Volume
    to_atlas: npt.NDArray[np.float64]
    rises: Labels
    falls: Labels
    marked: Mask

    @cached_property
    def white_matter(self) -> Volume:
        """The atlas's probability of white matter on the current scan's grid."""
        return resample(load_atlas().white_matter, self.now.grid, to_volume=self.to_atlas)

    @cached_property
    def white_now(self) -> Mask:
        """Safe white matter of the current scan."""
        return (self.white_matter.array > 0.9) & (self.brain.array > 0.5)

    @cached_property
    def white_before(self) -> Mask:
        """Safe white matter of the prior scan."""
        to_now = self.transform.inverse().matrix
        grid = self.before.grid
        atlas = resample(load_atlas().white_matter, grid, to_volume=self.to_atlas @ to_now).array > 0.9
        return atlas & (resample(self.brain, grid, to_volume=to_now).array > 0.5)

    @cached_property
    def allowed(self) -> Mask:
        """Where a lesion's centre may be put: white matter by atlas and intensity, away from known change."""
        spacing = self.now.grid.spacing_mm
        white = self.white_now
        level = float(np.median(self.now.array[white]))
        smooth = ndimage.median_filter(self.now.array, size=(1, 3, 3))
        deep = ndimage.distance_transform_edt(self.brain.array > 0.5, sampling=spacing) > INSIDE_BRAIN_MM
        like_white = (smooth > 0.8 * level) & (smooth < 1.25 * level)
        seen = coverage(self.before, self.now.grid, to_volume=self.transform.matrix)
        allowed = (self.white_matter.array > 0.6) & deep & like_white & seen
        if self.marked.any():
            allowed &= ndimage.distance_transform_edt(~self.marked, sampling=spacing) > AWAY_FROM_CHANGE_MM
        return np.asarray(allowed, dtype=bool)


@dataclass(frozen=True, eq=False)
class Halfway:
    """Both scans and the atlas half-way between them, as the detectors get them."""

    now: Volume
    before: Volume
    half: RigidTransform
    brain: Mask
    white_matter: Volume
    rise: Subtraction
    fall: Subtraction

    def channels(self, *, forwards: bool = True) -> Channels:
        """What the network sees, in the true order of time or reversed."""
        later, earlier = (self.now, self.before) if forwards else (self.before, self.now)
        change = self.rise if forwards else self.fall
        return detector_inputs(later, earlier, change, brain=self.brain, white_matter_prior=self.white_matter)


def meet_halfway(
    now: Volume, before: Volume, *, transform: RigidTransform, brain: Volume, to_atlas: npt.NDArray[np.float64]
) -> Halfway:
    """Take two registered scans to the detectors' maps, as the pipeline does."""
    params = MsLongitudinalParameters()
    atlas = load_atlas()
    half = transform.half()
    to_now, to_before = half.inverse().matrix, half.matrix
    whole = halfway_grid(now, before, transform)
    grid = crop(whole, resample(brain, whole, to_volume=to_now).array > 0.5, margin_voxels=3)
    seen = coverage(before, grid, to_volume=to_before)
    inside = (resample(brain, grid, to_volume=to_now).array > 0.5) & seen
    white_matter = resample(atlas.white_matter, grid, to_volume=to_atlas @ to_now)
    white = inside & (white_matter.array > 0.9)
    voxel = grid.spacing_mm
    pair = normalise_pair(
        resample(blur_to_voxel(now, voxel), grid, to_volume=to_now),
        resample(blur_to_voxel(before, voxel), grid, to_volume=to_before),
        brain=inside,
        white_matter=white,
        params=NormalisationParameters(),
    )
    later, earlier = remove_differential_bias(*pair, brain=inside, params=BiasParameters(sigma_mm=params.bias_sigma_mm))
    noise = SubtractionParameters(local_sigma_mm=params.local_noise_sigma_mm, edge_weight=params.edge_weight)
    rise, fall = subtract_both(later, earlier, brain=inside, white_matter=white, params=noise)
    return Halfway(
        now=later,
        before=earlier,
        half=half,
        brain=inside,
        white_matter=white_matter,
        rise=rise,
        fall=fall,
    )


def _register(now: Volume, before: Volume) -> tuple[Volume, Volume, RigidTransform, Volume, npt.NDArray[np.float64]]:
    """Reorient, register and find the brain, as the pipeline does."""
    now, before = reorient(now), reorient(before)
    transform = register_rigid(now, before, params=RegistrationParameters()).transform
    atlas, params = load_atlas(), BrainParameters()
    alignment = align_with_atlas(now, atlas, params=params)
    return now, before, transform, extract_brain(now, atlas, alignment, params=params), alignment.to_atlas


def real_background(folder: Path, patient: str) -> Background:
    """Prepare a pair of `ms-longitudinal`."""
    pair = read_pair(folder, patient)
    change = true_change(pair)
    now, before, transform, brain, to_atlas = _register(pair.current, pair.prior)
    to_common = np.linalg.inv(pair.current_from_common).astype(np.float64)

    def onto_now(labels: npt.NDArray[np.integer]) -> Labels:
        return carry(labels, change.grid, now.grid, to_source=to_common)

    return Background(
        name=patient,
        now=now,
        before=before,
        transform=transform,
        brain=brain,
        to_atlas=to_atlas,
        rises=onto_now(change.increases),
        falls=onto_now(change.decreases),
        marked=onto_now(change.marked.astype(np.int32)) > 0,
    )


def doubled_background(folder: Path, patient: str) -> Background:
    """Take a 1 mm scan of `ms-cross-sectional-mni` twice: the nuisance of two visits is added when it is used."""
    scan = reorient(read_image(folder / "ms-cross-sectional-mni" / patient / "FLAIR.nii.gz"))
    none = np.zeros(scan.grid.shape, np.int32)
    head = ndimage.binary_fill_holes(np.abs(scan.array) > 1e-3)
    atlas = resample(load_atlas().brain, scan.grid).array > 0.5
    brain = scan.with_array((head & atlas).astype(np.float32))
    return Background(
        name=patient,
        now=scan.with_array(np.maximum(scan.array, 0.0)),
        before=scan.with_array(np.maximum(scan.array, 0.0)),
        transform=RigidTransform.identity(),
        brain=brain,
        to_atlas=np.eye(4),
        rises=none,
        falls=none,
        marked=none > 0,
    )


def thick_background(folder: Path, patient: str, seed: int) -> Background:
    """Take a 1 mm scan of `ms-cross-sectional-mni` twice as clinical scans: thick slices, cut at different angles."""
    fine = doubled_background(folder, patient)
    generator = np.random.default_rng(seed)
    slice_mm, pixel_mm = float(generator.uniform(2.5, 5.0)), float(generator.uniform(0.7, 1.0))
    size = np.array(fine.now.grid.shape) * fine.now.grid.spacing_mm
    centre = fine.now.grid.index_to_lps((np.array(fine.now.grid.shape) - 1) / 2)
    scans, brains = [], []
    for _ in range(2):
        turn = rotation_about(centre, np.deg2rad(generator.uniform(-6.0, 6.0, 3))).matrix[:3, :3]
        directions = turn @ fine.now.grid.directions
        spacing = (slice_mm, pixel_mm, pixel_mm)
        shape = tuple(int(n) for n in np.ceil(size / spacing))
        middle = centre + directions @ (generator.uniform(-0.5, 0.5, 3) * spacing)
        origin = middle - directions @ ((np.array(shape) - 1) / 2 * spacing)
        grid = Grid.from_axes(
            (shape[0], shape[1], shape[2]), origin_mm=origin, spacing_mm=spacing, directions=directions
        )
        scans.append(resample(blur_to_voxel(fine.now, spacing), grid))
        brains.append(resample(fine.brain, grid))
    none = np.zeros(scans[0].grid.shape, np.int32)
    return Background(
        name=f"thick-{patient}-{seed}",
        now=scans[0],
        before=scans[1],
        transform=RigidTransform.identity(),
        brain=brains[0].with_array((brains[0].array > 0.5).astype(np.float32)),
        to_atlas=np.eye(4),
        rises=none,
        falls=none,
        marked=none > 0,
    )


def phantom_background(spec: PhantomSpec) -> Background:
    """Make a phantom pair; its own changes are known."""
    made = make_phantom(spec)
    now, before, transform, brain, to_atlas = _register(made.current[SeriesRole.FLAIR], made.prior[SeriesRole.FLAIR])
    same = np.eye(4)
    later = carry(made.current_lesions.array, made.current_lesions.grid, now.grid, to_source=same)
    earlier = carry(made.prior_lesions.array, made.prior_lesions.grid, now.grid, to_source=same)
    vanished = {change.number for change in made.changes if change.kind is LesionKind.VANISHED}
    rises = np.where((later > 0) & (earlier == 0), later, 0).astype(np.int32)
    falls = np.where(np.isin(earlier, sorted(vanished)), earlier, 0).astype(np.int32)
    return Background(
        name=f"phantom-{spec.seed}",
        now=now,
        before=before,
        transform=transform,
        brain=brain,
        to_atlas=to_atlas,
        rises=rises,
        falls=falls,
        marked=(rises > 0) | (falls > 0),
    )
