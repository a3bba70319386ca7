"""The measuring set of inserted lesions: so many of each size, each of them wholly in white matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from processing.domain.imaging import LabelMap, Volume
from validation.insertion import PlacedLesion, draw_lesion, draw_places, fractions, insert, level_near, truth
from validation.lesion_shapes import LesionShape
from validation.metrics import SIZE_CLASSES_MM3

Mask = npt.NDArray[np.bool_]

COVERED_TISSUE = 0.1
"""How far the tissue under a lesion may be from white matter's level on average, as a part of it."""

DRAWS = 10
"""Places drawn for each lesion that is wanted: some are too near to another, some lesions leave white matter."""


def covers_white_matter(scan: Volume, lesion: PlacedLesion, *, white_matter: Mask, everywhere: float) -> bool:
    """Whether the tissue that a lesion replaces is as bright as white matter, everywhere.

    A centre in white matter does not make a large lesion lie there: where it covers grey matter or a lesion that is
    there already, it adds next to nothing, and over a sulcus or a ventricle far more than its contrast. One of each may
    not make up for the other.
    """
    found = fractions(lesion, scan.grid, to_frame=np.eye(4))
    if found is None or not found[1].any():
        return False
    box, part = found
    tissue = ndimage.median_filter(scan.array[box], size=3) / level_near(scan, white_matter, box, everywhere)
    return float((part * np.abs(tissue - 1.0)).sum() / part.sum()) <= COVERED_TISSUE


@dataclass(frozen=True)
class InsertionSpec:
    """One draw of the measuring set.

    Parameters
    ----------
    seed : int
    contrast : float or None
        The same for all lesions; None draws it from the outlined ones.
    per_class : int
        Lesions of each of `SIZE_CLASSES_MM3`.
    apart_mm : float
        Least distance between centres: two lesions must not become one.
    """

    seed: int
    contrast: float | None = 0.3
    per_class: int = 8
    apart_mm: float = 18.0


@dataclass(frozen=True, eq=False)
class InsertedPair:
    """A scan with lesions, and the truth on its own grid. The prior is left as it was."""

    current: Volume
    truth: LabelMap
    lesions: tuple[PlacedLesion, ...]


def insert_set(
    current: Volume,
    *,
    allowed: Mask,
    white_matter: Mask,
    outlined: Sequence[tuple[LesionShape, float]],
    spec: InsertionSpec,
) -> InsertedPair:
    """Put lesions of every size class into a follow-up scan.

    Parameters
    ----------
    current : Volume
    allowed : ndarray of bool, shape (z, y, x)
        Where a lesion's centre may lie: white matter, away from true change.
    white_matter : ndarray of bool, shape (z, y, x)
    outlined : sequence of (LesionShape, float)
        Shapes and contrasts to draw from.
    spec : InsertionSpec

    Returns
    -------
    InsertedPair
        Fewer lesions than asked for if they don't fit.
    """
    lesions = _drawn(current, allowed=allowed, white_matter=white_matter, outlined=outlined, spec=spec)
    same = np.eye(4)
    return InsertedPair(
        current=insert(current, lesions, white_matter=white_matter, to_frame=same),
        truth=truth(lesions, current.grid, to_frame=same),
        lesions=lesions,
    )


def _drawn(
    current: Volume,
    *,
    allowed: Mask,
    white_matter: Mask,
    outlined: Sequence[tuple[LesionShape, float]],
    spec: InsertionSpec,
) -> tuple[PlacedLesion, ...]:
    """Draw places, and at each a lesion of the next size class; keep those that lie in white matter."""
    generator = np.random.default_rng(spec.seed)
    wanted = spec.per_class * len(SIZE_CLASSES_MM3)
    places = draw_places(allowed, current.grid, DRAWS * wanted, apart_mm=1.0, generator=generator)
    shapes = [shape for shape, _ in outlined]
    contrasts = [contrast for _, contrast in outlined if contrast > 0.05]
    everywhere = float(np.median(current.array[white_matter]))
    kept: list[PlacedLesion] = []
    for place in places:
        if len(kept) == wanted:
            break
        if any(float(np.linalg.norm(place - other.centre_mm)) < spec.apart_mm for other in kept):
            continue
        lesion = draw_lesion(
            shapes,
            place,
            size_class_mm3=SIZE_CLASSES_MM3[len(kept) % len(SIZE_CLASSES_MM3)],
            contrast=float(generator.choice(contrasts)) if spec.contrast is None else spec.contrast,
            generator=generator,
        )
        if covers_white_matter(current, lesion, white_matter=white_matter, everywhere=everywhere):
            kept.append(lesion)
    return tuple(kept)
