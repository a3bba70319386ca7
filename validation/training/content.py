"""What simulated visits show: lesions of every fate, and bright things that are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from validation.insertion import PlacedLesion, draw_lesion, draw_places
from validation.lesion_shapes import LesionShape, shape_of
from validation.metrics import SIZE_CLASSES_MM3
from validation.training.backgrounds import AWAY_FROM_CHANGE_MM, INSIDE_BRAIN_MM, Background

Mask = npt.NDArray[np.bool_]

SIZE_SHARES = (0.45, 0.33, 0.22)
"""How often a lesion of each of `SIZE_CLASSES_MM3` is drawn."""


@dataclass(frozen=True)
class ContentParameters:
    """How lesions and mimics are drawn; lengths in millimetres, contrasts in parts of white matter."""

    lesions: int = 60
    at_margin: float = 0.2
    at_bright: float = 0.1
    mimics: int = 24
    apart_mm: float = 13.0
    contrast_log_mean: float = -1.2
    contrast_log_spread: float = 0.55
    contrast_range: tuple[float, float] = (0.1, 0.9)
    mimic_contrast: tuple[float, float] = (0.2, 1.2)
    stable_spread: float = 0.1


@dataclass(frozen=True, eq=False)
class Content:
    """What each visit shows, and which lesions rise from the prior to the current one, or back."""

    now: tuple[PlacedLesion, ...]
    before: tuple[PlacedLesion, ...]
    risen: tuple[PlacedLesion, ...]
    fallen: tuple[PlacedLesion, ...]


def draw(
    background: Background,
    shapes: Sequence[LesionShape],
    *,
    generator: np.random.Generator,
    params: ContentParameters,
) -> Content:
    """Draw new, vanished, stable, growing and shrinking lesions, and mimics, each at a place of its own.

    Parameters
    ----------
    background : Background
    shapes : sequence of LesionShape
    generator : numpy.random.Generator
        The same state gives the same content.
    params : ContentParameters
    """
    now: list[PlacedLesion] = []
    before: list[PlacedLesion] = []
    risen: list[PlacedLesion] = []
    fallen: list[PlacedLesion] = []
    for place in _places(background, generator, params):
        size_class = SIZE_CLASSES_MM3[int(generator.choice(3, p=SIZE_SHARES))]
        contrast = float(
            np.clip(
                np.exp(generator.normal(params.contrast_log_mean, params.contrast_log_spread)), *params.contrast_range
            )
        )
        lesion = draw_lesion(shapes, place, size_class_mm3=size_class, contrast=contrast, generator=generator)
        smaller = lesion.resized(lesion.volume_mm3 * float(generator.uniform(0.2, 0.6)))
        fate = generator.choice(5, p=(0.35, 0.3, 0.15, 0.12, 0.08))
        if fate in (0, 3):
            now.append(lesion)
            risen.append(lesion)
        if fate in (1, 4):
            before.append(lesion)
            fallen.append(lesion)
        if fate == 2:
            now.append(lesion)
            # Another scanner shows the same lesion a little brighter or darker.
            before.append(
                replace(lesion, contrast=contrast * float(np.exp(generator.normal(0.0, params.stable_spread))))
            )
        if fate == 3:
            before.append(smaller)
        if fate == 4:
            now.append(smaller)
    for mimic in _mimics(background, shapes, generator, params):
        (now if generator.uniform() < 0.5 else before).append(mimic)
    return Content(tuple(now), tuple(before), tuple(risen), tuple(fallen))


def _places(
    background: Background, generator: np.random.Generator, params: ContentParameters
) -> list[npt.NDArray[np.float64]]:
    """Most in plain white matter; some where the atlas is unsure of it, and some on lesions that are there already."""
    at_margin = round(params.lesions * params.at_margin)
    at_bright = round(params.lesions * params.at_bright)
    bright, margin, _ = _unusual_places(background)
    places: list[npt.NDArray[np.float64]] = []
    for allowed, count in (
        (bright, at_bright),
        (margin, at_margin),
        (background.allowed, params.lesions - at_margin - at_bright),
    ):
        drawn = draw_places(allowed, background.now.grid, count, apart_mm=params.apart_mm, generator=generator)
        places += [
            place for place in drawn if all(float(np.linalg.norm(place - other)) >= params.apart_mm for other in places)
        ]
    return places


@lru_cache(maxsize=1)
def _unusual_places(background: Background) -> tuple[Mask, Mask, Mask]:
    """White matter that is bright already; tissue that the atlas holds for white by a quarter or more; the rest."""
    spacing = background.now.grid.spacing_mm
    level = float(np.median(background.now.array[background.white_now]))
    smooth = ndimage.median_filter(background.now.array, size=(1, 3, 3))
    brain = background.brain.array > 0.5
    if background.marked.any():
        brain &= ndimage.distance_transform_edt(~background.marked, sampling=spacing) > AWAY_FROM_CHANGE_MM
    deep = brain & (ndimage.distance_transform_edt(background.brain.array > 0.5, sampling=spacing) > INSIDE_BRAIN_MM)
    white = background.white_matter.array
    bright = deep & (white > 0.5) & (smooth > 1.25 * level) & (smooth < 1.8 * level)
    margin = deep & (white > 0.25) & (white <= 0.6) & (smooth > 0.75 * level) & (smooth < 1.3 * level)
    return bright, margin, brain & (white < 0.05)


def _mimics(
    background: Background, shapes: Sequence[LesionShape], generator: np.random.Generator, params: ContentParameters
) -> list[PlacedLesion]:
    """Bright spots and tubes where no white matter is: flow, vessels, sinuses, pituitary, fluid that is not dark."""
    _, _, elsewhere = _unusual_places(background)
    places = draw_places(elsewhere, background.now.grid, params.mimics, apart_mm=params.apart_mm, generator=generator)
    mimics = []
    for place in places:
        kinds = [tube(generator)] if generator.uniform() < 0.5 else shapes
        size_class = SIZE_CLASSES_MM3[int(generator.choice(3))]
        contrast = float(generator.uniform(*params.mimic_contrast))
        mimics.append(draw_lesion(kinds, place, size_class_mm3=size_class, contrast=contrast, generator=generator))
    return mimics


def tube(generator: np.random.Generator) -> LesionShape:
    """Make up a short bent vessel."""
    z, y, x = (np.indices((13, 13, 41)) - np.array([6, 6, 20])[:, None, None, None]).astype(np.float64)
    bend = generator.uniform(-0.012, 0.012) * x**2
    radius = generator.uniform(1.6, 2.6)
    return shape_of((y - bend) ** 2 + z**2 < radius**2, (0.75, 0.75, 0.75))
