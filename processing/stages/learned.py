"""The learned detector of change: what it sees, how it is run, and how its findings join the hand-made ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from processing.domain.imaging import Volume
from processing.stages.subtract import Subtraction

Mask = npt.NDArray[np.bool_]
Channels = npt.NDArray[np.float32]

CHANNELS = ("prior", "current", "difference", "robust", "white matter")
"""What the network sees, in this order."""


def detector_inputs(
    later: Volume, earlier: Volume, rise: Subtraction, *, brain: Mask, white_matter_prior: Volume
) -> Channels:
    """Lay out what the network sees.

    Parameters
    ----------
    later, earlier : Volume
        Registered and normalised, in units of the white-matter median.
    rise : Subtraction
        Of these two.
    brain : ndarray of bool, shape (z, y, x)
    white_matter_prior : Volume
        Probability of white matter from the atlas.

    Returns
    -------
    ndarray of float32, shape (5, z, y, x)
        `CHANNELS`, each scaled to about one and cut where it carries no more meaning; zero outside the brain.
    """
    inside = brain.astype(np.float32)
    channels: Channels = np.stack(
        [
            np.clip(earlier.array - 1.0, -1.0, 1.5) * 2.0,
            np.clip(later.array - 1.0, -1.0, 1.5) * 2.0,
            np.clip(rise.difference.array / rise.noise, -12.0, 12.0) / 4.0,
            np.clip(rise.robust.array, -12.0, 12.0) / 4.0,
            white_matter_prior.array,
        ]
    ).astype(np.float32)
    return channels * inside
