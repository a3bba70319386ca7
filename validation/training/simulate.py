"""Training examples: lesions and the nuisance of two visits put into real scans, seen through the pipeline's stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from processing.domain.imaging import RigidTransform, Volume
from processing.stages.resample import blur, rotation_about
from processing.stages.subtract import Subtraction
from validation.insertion import PlacedLesion, fractions, insert
from validation.lesion_shapes import LesionShape
from validation.real_pairs import carry
from validation.training.backgrounds import Background, Halfway, meet_halfway
from validation.training.content import ContentParameters, draw

Mask = npt.NDArray[np.bool_]
Map = npt.NDArray[np.float32]

BACKGROUND, LESION, IGNORED = 0, 1, 2

VISIBLE = 1.0
"""A lesion that rises by fewer deviations than this on average teaches nothing but to guess: it is ignored."""

KNOWN_VISIBLE = 1.5
"""The same for increases that a reader marked."""


@dataclass(frozen=True)
class SimulationParameters:
    """How nuisance is drawn; lengths in millimetres, intensities in parts of white matter."""

    content: ContentParameters = field(default_factory=ContentParameters)
    shift_mm: float = 0.3
    turn_deg: float = 0.25
    atlas_shift_mm: float = 1.5
    atlas_stretch: float = 0.015
    gamma: float = 0.12
    bias: float = 0.08
    noise: float = 0.03
    blur_mm: float = 1.0
    slice_blur: float = 0.7
    calm: float = 0.4
    """Part of the simulations to which nothing is added but what a registration is off: two scans of two visits have
    noise of their own, and small lesions drown in more."""

    def calmed(self) -> SimulationParameters:
        """The same without what is added to the scans."""
        return replace(self, gamma=0.0, bias=0.0, noise=0.0, blur_mm=0.0, slice_blur=0.0, shift_mm=self.shift_mm / 2)


@dataclass(frozen=True, eq=False)
class Example:
    """A pair as the network sees it, with its truth; the same pair in the other order of time is another one.

    Parameters
    ----------
    channels : ndarray of float16, shape (5, z, y, x)
    labels : ndarray of uint8, shape (z, y, x)
        `BACKGROUND`, `LESION` or `IGNORED`.
    """

    channels: npt.NDArray[np.float16]
    labels: npt.NDArray[np.uint8]


def simulate(
    background: Background,
    shapes: Sequence[LesionShape],
    *,
    generator: np.random.Generator,
    params: SimulationParameters,
) -> tuple[Example, Example]:
    """Draw lesions and nuisance, and run the stages.

    Returns
    -------
    tuple of Example
        In the true order of time, and with time reversed.
    """
    drawn = draw(background, shapes, generator=generator, params=params.content)
    params = params.calmed() if generator.uniform() < params.calm else params
    now = insert(background.now, drawn.now, white_matter=background.white_now, to_frame=np.eye(4))
    before = insert(
        background.before,
        drawn.before,
        white_matter=background.white_before,
        to_frame=background.transform.inverse().matrix,
    )
    level_now = float(np.median(background.now.array[background.white_now]))
    level_before = float(np.median(background.before.array[background.white_before]))
    now = _spoil(now, level_now, generator, params)
    before = _spoil(before, level_before, generator, params)
    transform = _disturb(background, generator, params)
    halfway = meet_halfway(
        now, before, transform=transform, brain=background.brain, to_atlas=_shake(background, generator, params)
    )
    return (
        _example(background, halfway, drawn.risen, forwards=True),
        _example(background, halfway, drawn.fallen, forwards=False),
    )


def _spoil(scan: Volume, level: float, generator: np.random.Generator, params: SimulationParameters) -> Volume:
    """Add what differs from visit to visit: sharpness, contrast, coil and noise."""
    spacing = scan.grid.spacing_mm
    through = int(np.argmax(np.round(spacing, 3)))
    width = [float(generator.uniform(0.0, params.blur_mm))] * 3
    width[through] = float(generator.uniform(0.0, params.slice_blur)) * spacing[through]
    array = blur(scan, (width[0], width[1], width[2])).array / level
    array = np.maximum(array, 0.0) ** np.float32(np.exp(generator.normal(0.0, params.gamma)))
    coarse = generator.normal(size=(4, 4, 4))
    smooth = ndimage.zoom(coarse, 6, order=3, grid_mode=True, mode="nearest")
    coil = ndimage.zoom(smooth, [n / 24 for n in array.shape], order=1, grid_mode=True, mode="nearest")
    coil *= params.bias * generator.uniform() / max(float(np.abs(coil).max()), 1e-6)
    array = array * np.exp(coil)
    noise = generator.normal(size=array.shape).astype(np.float32)
    # Interpolated scans carry noise that goes together between neighbours.
    if generator.uniform() < 0.5:
        noise = ndimage.gaussian_filter(noise, 0.6)
        noise /= noise.std()
    array = array + noise * params.noise * generator.uniform()
    return scan.with_array(array * level)


def _disturb(background: Background, generator: np.random.Generator, params: SimulationParameters) -> RigidTransform:
    """Move the registration by what a good one is off."""
    inside = np.argwhere(background.brain.array > 0.5)
    centre = background.now.grid.index_to_lps(inside.mean(axis=0))
    shift = np.eye(4)
    shift[:3, 3] = generator.normal(0.0, params.shift_mm, 3)
    turn = rotation_about(centre, np.deg2rad(generator.normal(0.0, params.turn_deg, 3)))
    return background.transform.after(RigidTransform(shift).after(turn))


def _shake(
    background: Background, generator: np.random.Generator, params: SimulationParameters
) -> npt.NDArray[np.float64]:
    """Move and stretch the atlas by what an affine alignment of another head is off."""
    error = np.eye(4)
    error[:3, :3] += np.diag(generator.normal(0.0, params.atlas_stretch, 3))
    error[:3, 3] = generator.normal(0.0, params.atlas_shift_mm, 3)
    shaken: npt.NDArray[np.float64] = error @ background.to_atlas
    return shaken


def _example(
    background: Background,
    halfway: Halfway,
    risen: Sequence[PlacedLesion],
    *,
    forwards: bool,
) -> Example:
    rise = halfway.rise if forwards else halfway.fall
    known = background.rises if forwards else background.falls
    labels = np.zeros(halfway.brain.shape, np.uint8)
    to_now = halfway.half.inverse().matrix
    _mark_known(labels, background, known, rise, to_now)
    _mark_inserted(labels, rise, risen, to_now)
    labels[~halfway.brain] = IGNORED
    return Example(halfway.channels(forwards=forwards).astype(np.float16), labels)


def _mark_known(
    labels: npt.NDArray[np.uint8],
    background: Background,
    known: npt.NDArray[np.int32],
    rise: Subtraction,
    to_now: npt.NDArray[np.float64],
) -> None:
    """What a reader marked is ignored, but for increases that the images show."""
    grid = rise.difference.grid
    marked = carry(background.marked.astype(np.int32), background.now.grid, grid, to_source=to_now) > 0
    if not marked.any():
        return
    labels[ndimage.distance_transform_edt(~marked, sampling=grid.spacing_mm) <= 3.0] = IGNORED
    there = carry(known, background.now.grid, grid, to_source=to_now)
    for number in np.unique(there[there > 0]):
        mask = there == number
        if float(rise.difference.array[mask].mean()) >= KNOWN_VISIBLE * rise.noise:
            labels[mask] = LESION


def _mark_inserted(
    labels: npt.NDArray[np.uint8], rise: Subtraction, risen: Sequence[PlacedLesion], to_now: npt.NDArray[np.float64]
) -> None:
    """Mark the voxels that hold at least half of what the lesion's best voxel holds, where they rise."""
    grid = rise.difference.grid
    for lesion in risen:
        found = fractions(lesion, grid, to_frame=to_now)
        if found is None:
            continue
        box, part = found
        if float(part.max()) < 0.1:
            continue
        inside = part >= 0.5 * float(part.max())
        level = rise.difference.array[box] / rise.noise
        # The part of a growing lesion that was there before does not rise.
        grown = inside & (ndimage.gaussian_filter(level, (0.0, 0.7, 0.7)) > 0.5)
        seen = grown.any() and float(level[grown].mean()) >= VISIBLE
        labels[box][(part > 0.05) & (labels[box] != LESION)] = IGNORED
        if seen:
            labels[box][grown] = LESION
