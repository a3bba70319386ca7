"""What the stages after registration work on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from processing.domain.imaging import RigidTransform, Volume
from processing.domain.result import QualityFigure

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Pair:
    """Both scans in the space half-way between them, and what the atlas says there."""

    now: Volume
    before: Volume
    half: RigidTransform
    """Maps a point of the current frame to the half-way space, and one of the half-way space to the prior frame."""
    brain: Mask
    white_matter: Volume
    grey_matter: Volume
    to_atlas: npt.NDArray[np.float64]
    coverage: tuple[float, float]
    extraction: tuple[QualityFigure, ...]
    """How far to trust the brain, which is extracted in the current scan."""

    @property
    def white(self) -> Mask:
        """Safe white matter."""
        return self.brain & (self.white_matter.array > 0.9)
