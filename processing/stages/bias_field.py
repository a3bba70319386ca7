"""The slow part of the difference between two scans, which coils make and lesions do not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from processing.domain.imaging import Volume
from processing.stages.resample import FWHM_TO_SIGMA, blur

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class BiasParameters:
    """Numbers of the differential bias correction."""

    sigma_mm: float = 20.0
    trim_log: float = 0.35


def remove_differential_bias(
    current: Volume, prior: Volume, *, brain: Mask, params: BiasParameters
) -> tuple[Volume, Volume]:
    """Remove the low-pass ratio of two normalised scans, half from each.

    Parameters
    ----------
    current, prior : Volume
        On one grid, in units of the white-matter median.
    brain : ndarray of bool, shape (z, y, x)
        Where the ratio is measured; beyond, it is extended smoothly.
    params : BiasParameters

    Returns
    -------
    tuple of Volume
        Current and prior without their relative bias.
    """
    # Fluid is left out: its ratio is that of two noises. Large log ratios are change or edges, not bias.
    usable = brain & (current.array > 0.4) & (prior.array > 0.4)
    log_ratio = np.zeros(current.grid.shape, np.float32)
    log_ratio[usable] = np.log(current.array[usable] / prior.array[usable])
    usable &= np.abs(log_ratio) < params.trim_log
    log_ratio[~usable] = 0.0
    width = params.sigma_mm / FWHM_TO_SIGMA
    fwhm = (width, width, width)
    weight = blur(current.with_array(usable.astype(np.float32)), fwhm).array
    smooth = blur(current.with_array(log_ratio), fwhm).array
    field = np.where(weight > 1e-3, smooth / np.maximum(weight, 1e-3), 0.0)
    half = np.exp(0.5 * field).astype(np.float32)
    return current.with_array(current.array / half), prior.with_array(prior.array * half)
