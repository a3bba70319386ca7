"""Between the domain's images and SimpleITK's.

SimpleITK orders indices (x, y, z) and world axes LPS; the domain orders indices (z, y, x) and world axes LPS. The
direction matrix therefore changes its columns and nothing else.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813 - the library's own abbreviation

from processing.domain.imaging import Grid, Volume

THREADS = 2
"""Work units of every SimpleITK filter: two cores are what a small hospital machine can spare."""


def to_itk(volume: Volume) -> sitk.Image:
    """Copy a volume into a SimpleITK image of float32 with the same geometry."""
    image = sitk.GetImageFromArray(volume.array)
    image.SetSpacing(volume.grid.spacing_mm[::-1])
    image.SetOrigin(volume.grid.origin_mm.tolist())
    image.SetDirection(volume.grid.directions[:, ::-1].ravel().tolist())
    return image


def from_itk(image: sitk.Image) -> Volume:
    """Copy a three-dimensional SimpleITK image into a volume with the same geometry."""
    x, y, z = image.GetSize()
    sx, sy, sz = image.GetSpacing()
    grid = Grid.from_axes(
        (z, y, x),
        origin_mm=image.GetOrigin(),
        spacing_mm=(sz, sy, sx),
        directions=np.array(image.GetDirection()).reshape(3, 3)[:, ::-1],
    )
    return Volume(sitk.GetArrayFromImage(image).astype(np.float32), grid)


def to_itk_transform(matrix: npt.NDArray[np.float64]) -> sitk.AffineTransform:
    """Return the SimpleITK transform of a 4 x 4 matrix that maps LPS points to LPS points, in millimetres."""
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(matrix[:3, :3].ravel().tolist())
    transform.SetTranslation(matrix[:3, 3].tolist())
    return transform


def from_itk_transform(transform: sitk.Transform) -> npt.NDArray[np.float64]:
    """Return the 4 x 4 matrix, LPS to LPS in millimetres, of a linear SimpleITK transform with a centre."""
    rotation = np.array(transform.GetMatrix()).reshape(3, 3)
    centre = np.array(transform.GetCenter())
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = np.array(transform.GetTranslation()) + centre - rotation @ centre
    return matrix
