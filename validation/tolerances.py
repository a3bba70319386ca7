"""How much an output may differ from the reference before it counts as changed.

Two runs on one machine are bit-identical, and one, two or four threads too. What is left is another processor: other
instructions round the last bit of sums and exponentials another way, and a voxel that stands at a threshold falls to
its other side. Turning the last bit of every voxel that goes in moves the images by 6e-7 standard deviations, the
registration by 2e-7 mm and no voxel of a lesion (`validation determinism`; docs/validation.md has the figures). The
limits lie far above that and far below what a reader could see.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerances:
    """Limits within which a change is none.

    Parameters
    ----------
    transform_mm : float
        Largest distance between two transforms of any corner of the image.
    image_rms : float
        Root mean square difference of the sampled voxels, in standard deviations of the image.
    voxels, voxel_part : float
        A lesion may differ by so many voxels, or by this part of them, whichever is more.
    score : float
    quality_part : float
        Of a quality figure's own value.
    """

    transform_mm: float = 0.01
    image_rms: float = 0.002
    voxels: float = 1.0
    voxel_part: float = 0.01
    score: float = 0.01
    quality_part: float = 0.01


TOLERANCES = Tolerances()

SUBSTANTIAL_PERCENT = 25.0
"""A volume that moves by more makes two versions incompatible (EASE, section Validation and Version Control)."""
