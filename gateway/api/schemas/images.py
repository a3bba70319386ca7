"""What there is to look at in a case."""

from __future__ import annotations

from gateway.api.schemas.body import Body
from gateway.review.visits import ImageKind
from processing.domain.study import SeriesRole


class ImageLine(Body):
    """An image that the case page can show; all lie in the current FLAIR's frame of reference."""

    name: str
    """For the address of its header and pixels."""
    kind: ImageKind
    visit: int
    """0 is the current study, 1 the prior, 2 and more the ones before."""
    role: SeriesRole
    study_date: str


class VisitLine(Body):
    """A study of the comparison."""

    visit: int
    study_date: str
    scanner: str


class ImageList(Body):
    """What there is to look at in a case."""

    result: str
    """Names the result; another one when the case was measured again."""
    images: list[ImageLine]
    visits: list[VisitLine]


class ImageHeader(Body):
    """Geometry of a volume. The pixels follow as raw little-endian bytes from `.../pixels`, x fastest."""

    name: str
    shape: tuple[int, int, int]
    """(z, y, x)."""
    spacing_mm: tuple[float, float, float]
    """(z, y, x)."""
    origin_mm: tuple[float, float, float]
    """LPS (x, y, z) of the first voxel's centre."""
    directions: list[list[float]]
    """Three LPS unit vectors: along x (columns), y (rows), z (slices)."""
    pixel_type: str
    """`int16` or `uint8`."""
    window_center: float
    window_width: float
    study_date: str
