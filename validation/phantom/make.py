"""Putting a phantom together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from processing.domain.imaging import LabelMap, RigidTransform, Volume
from processing.domain.study import SeriesRole
from validation.phantom.acquire import acquire, contrast, pose, scan_grid
from validation.phantom.anatomy import Anatomy, build_anatomy
from validation.phantom.lesions import PlacedLesion, lesion_fractions, place_lesions, truth_labels
from validation.phantom.spec import LesionKind, PhantomSpec, ScannerSpec


@dataclass(frozen=True)
class TrueChange:
    """What truly became of a lesion.

    Parameters
    ----------
    number : int
        Its label in the truth maps.
    kind : LesionKind
    volume_mm3, prior_volume_mm3 : float
        Of the ellipsoid, before any scan.
    centroid_mm : tuple of float
        LPS (x, y, z) in the current scan's frame of reference.
    """

    number: int
    kind: LesionKind
    volume_mm3: float
    prior_volume_mm3: float
    centroid_mm: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Phantom:
    """Two visits with their truth.

    Parameters
    ----------
    current, prior : mapping of SeriesRole to Volume
        Whole numbers, as a scanner stores them.
    current_lesions, prior_lesions : LabelMap
        Every lesion at each visit, both on the current FLAIR's grid; label n is `changes[n - 1]`.
    changes : tuple of TrueChange
    current_to_prior : RigidTransform
        The head's true motion between the scans.
    """

    current: Mapping[SeriesRole, Volume]
    prior: Mapping[SeriesRole, Volume]
    current_lesions: LabelMap
    prior_lesions: LabelMap
    changes: tuple[TrueChange, ...]
    current_to_prior: RigidTransform

    def increases(self) -> npt.NDArray[np.uint16]:
        """Labels of what became lesion: new lesions whole, growing ones without what was there before."""
        kinds = {change.number for change in self.changes if change.kind in (LesionKind.NEW, LesionKind.GROWING)}
        return np.where(self.prior_lesions.array == 0, self.current_lesions.keep(kinds).array, 0).astype(np.uint16)


def make_phantom(spec: PhantomSpec) -> Phantom:
    """Make both visits of a phantom and its truth; the same spec gives the same voxels.

    Parameters
    ----------
    spec : PhantomSpec

    Raises
    ------
    Defect
        If nilearn's data files are not installed.
    ValueError
        If the white matter has no room for the lesions.
    """
    anatomy = build_anatomy(spec.world_mm)
    placing, texturing, at_prior, at_current = (
        np.random.default_rng(child) for child in np.random.SeedSequence(spec.seed).spawn(4)
    )
    lesions = place_lesions(anatomy, spec.lesions, placing)
    texture = _texture(anatomy, spec.texture, texturing)
    prior = _visit(anatomy, lesions, texture, spec, spec.prior, at_prior)
    current = _visit(anatomy, lesions, texture, spec, spec.current, at_current)
    grid = current[SeriesRole.FLAIR].grid
    to_world = pose(spec.current.pose)
    return Phantom(
        current=current,
        prior=prior,
        current_lesions=LabelMap(truth_labels(lesions, grid, to_world=to_world.matrix, prior=False), grid),
        prior_lesions=LabelMap(truth_labels(lesions, grid, to_world=to_world.matrix, prior=True), grid),
        changes=tuple(_change(lesion, to_world) for lesion in lesions),
        current_to_prior=pose(spec.prior.pose).inverse().after(to_world),
    )


def _change(lesion: PlacedLesion, to_world: RigidTransform) -> TrueChange:
    x, y, z = to_world.inverse().apply(lesion.centre_mm)
    return TrueChange(
        lesion.number,
        lesion.spec.kind,
        lesion.spec.volume_mm3,
        lesion.spec.prior_volume_mm3,
        (float(x), float(y), float(z)),
    )


def _texture(anatomy: Anatomy, strength: float, generator: np.random.Generator) -> npt.NDArray[np.float32]:
    """The tissue's own unevenness: noise of about 2 mm, the same at both visits."""
    noise = generator.standard_normal(anatomy.grid.shape, dtype=np.float32)
    smooth = ndimage.gaussian_filter(noise, 1.0)
    texture: npt.NDArray[np.float32] = 1.0 + smooth * np.float32(strength / float(smooth.std()))
    return texture


def _visit(
    anatomy: Anatomy,
    lesions: tuple[PlacedLesion, ...],
    texture: npt.NDArray[np.float32],
    spec: PhantomSpec,
    scanner: ScannerSpec,
    generator: np.random.Generator,
) -> Mapping[SeriesRole, Volume]:
    fractions = lesion_fractions(anatomy, lesions, prior=scanner is spec.prior)
    images = {}
    for role, slice_mm in scanner.slice_mm:
        signal = contrast(
            anatomy,
            fractions,
            texture,
            role,
            grey_contrast=scanner.grey_contrast,
            lesion_contrast=spec.lesion_contrast,
        )
        images[role] = acquire(signal, scan_grid(scanner, slice_mm), scanner, generator)
    return images
