"""Joint intensity normalisation: white matter has the median 1 in both scans, and unchanged tissue the same value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from processing.domain.errors import InputRejected
from processing.domain.imaging import Volume

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class NormalisationParameters:
    """Numbers of the joint normalisation."""

    trim: float = 2.5
    rounds: int = 6


def normalise_pair(
    current: Volume, prior: Volume, *, brain: Mask, white_matter: Mask, params: NormalisationParameters
) -> tuple[Volume, Volume]:
    """Bring two registered scans to one intensity scale.

    A line is fitted through (prior, current) over the brain; voxels further than `trim` robust standard deviations
    from it, lesions among them, drop out of the next round. The line is the geometric mean of both regressions, so
    that neither scan's noise tilts it.

    Parameters
    ----------
    current, prior : Volume
        On one grid, any scale.
    brain, white_matter : ndarray of bool, shape (z, y, x)
        Where to fit, and what shall have the median 1.
    params : NormalisationParameters

    Returns
    -------
    tuple of Volume
        Current and prior in units of the white-matter median.

    Raises
    ------
    InputRejected
        If the scans show no signal in common.
    """
    if white_matter.sum() < 100:
        raise InputRejected("The two scans show too little white matter in common to be compared.")
    reference = float(np.median(current.array[white_matter]))
    if reference <= 0 or not np.isfinite(reference):
        raise InputRejected("The current scan holds no signal in the brain.")
    y = current.array[brain].astype(np.float64) / reference
    x = prior.array[brain].astype(np.float64)
    keep = np.ones(len(x), bool)
    slope, intercept = 1.0, 0.0
    for _ in range(params.rounds):
        spread_x, spread_y = float(np.std(x[keep])), float(np.std(y[keep]))
        if spread_x <= 0 or spread_y <= 0 or np.corrcoef(x[keep], y[keep])[0, 1] <= 0:
            raise InputRejected("The two scans show no anatomy in common.")
        slope = spread_y / spread_x
        intercept = float(np.mean(y[keep]) - slope * np.mean(x[keep]))
        residual = y - slope * x - intercept
        scale = 1.4826 * float(np.median(np.abs(residual - np.median(residual))))
        keep = np.abs(residual) <= params.trim * scale + 1e-9
    return current.with_array(current.array / reference), prior.with_array(prior.array * slope + intercept)
