"""A reader's own outlines."""

from __future__ import annotations

from pydantic import Field

from gateway.api.schemas.body import Body
from gateway.api.schemas.case import LesionLine
from gateway.api.schemas.review import ReviewState
from processing.domain.result import LesionChange, Region, Side


class OutlineMask(Body):
    """Voxels in a box of the displayed volumes' grid."""

    first: tuple[int, int, int]
    """(z, y, x)."""
    size: tuple[int, int, int]
    """(z, y, x)."""
    bits: str
    """One bit per voxel, x fastest, most significant bit first; compressed with zlib, in base64."""


class OutlineLine(Body):
    """An outline that the reader drew."""

    number: int
    mask: OutlineMask


class Outlines(Body):
    """Every outline of the reader's that stands in place of the algorithm's, or of a lesion that it missed."""

    edit: int
    outlines: list[OutlineLine]


class GrowRequest(Body):
    """A click into a lesion that the algorithm missed."""

    index: tuple[int, int, int]
    """(z, y, x)."""
    level: float = Field(default=0.5, ge=0.1, le=0.9)
    """Between the intensity of the surroundings (0) and of the lesion's peak (1); lower grows further."""
    change: LesionChange = LesionChange.NEW
    """Of a growing lesion what was there before is measured too, and left out of the region."""


class GrownRegion(Body):
    """What hangs together with the click. Nothing is stored yet."""

    mask: OutlineMask
    volume_mm3: float
    side: Side
    """A proposal by the middle of the head."""
    prior_volume_mm3: float
    """In the registered earlier images, of a growing lesion; else 0."""


class OutlineChange(Body):
    """A reader's outline of a lesion; what follows the mask is said of one that the algorithm missed."""

    edit: int
    mask: OutlineMask
    region: Region | None = None
    side: Side | None = None
    change: LesionChange = LesionChange.NEW
    prior_volume_mm3: float = Field(default=0.0, ge=0.0, le=1e6)


class DrawnReview(Body):
    """The review after an outline changed."""

    review: ReviewState
    lesions: list[LesionLine]
