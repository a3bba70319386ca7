"""Figures that tell a reader how good the images are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from processing.domain.imaging import Volume
from processing.domain.result import QualityFigure
from processing.stages.subtract import robust_spread

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class QualityParameters:
    """Limits between an expected figure and one that is marked for the reader."""

    minimum_signal_to_noise: float = 8.0
    minimum_contrast_to_noise: float = 0.3
    maximum_entropy_focus: float = 0.8
    minimum_coverage: float = 0.9
    maximum_slice_mm: float = 5.0


def scan_quality(
    scan: Volume,
    *,
    title: str,
    brain: Mask,
    white_matter: Mask,
    grey_matter: Mask,
    coverage: float,
    params: QualityParameters,
) -> tuple[QualityFigure, ...]:
    """Measure one scan.

    Parameters
    ----------
    scan : Volume
        As acquired: resampling would smooth its noise away. Reoriented; any intensity scale.
    title : str
        Put in front of each figure's name.
    brain, white_matter, grey_matter : ndarray of bool, shape (z, y, x)
    coverage : float
        Part of the brain within the scan's field of view, 0 to 1.
    params : QualityParameters

    Returns
    -------
    tuple of QualityFigure
        Signal and contrast to noise (noise from second differences along x, after Immerkaer, CVIU 1996), the
        coefficient of joint variation (Ganzetti et al., Front. Neuroinform. 2016), entropy focus (Atkinson et al., IEEE
        TMI 1997), coverage and slice distance. Joint variation grows with noise and shading; entropy focus, from 0 to
        1, with blur and ghosts.
    """
    slice_mm = max(scan.grid.spacing_mm)
    noise = max(_noise(scan, white_matter), 1e-6)
    white = float(np.median(scan.array[white_matter])) if white_matter.any() else 0.0
    grey = float(np.median(scan.array[grey_matter])) if grey_matter.any() else 0.0
    signal = float(np.median(scan.array[brain])) / noise if brain.any() else 0.0
    contrast = abs(grey - white) / noise
    joint = min(_joint_variation(scan, white_matter, grey_matter), 99.0)
    focus = _entropy_focus(scan)
    return (
        QualityFigure(f"{title} signal to noise", signal, "", signal >= params.minimum_signal_to_noise),
        QualityFigure(
            f"{title} grey-white contrast to noise", contrast, "", contrast >= params.minimum_contrast_to_noise
        ),
        # No limit: a good FLAIR may show grey and white matter alike, and contrast to noise says so already.
        QualityFigure(f"{title} coefficient of joint variation", joint, "", True),
        QualityFigure(f"{title} entropy focus", focus, "", focus <= params.maximum_entropy_focus),
        QualityFigure(f"{title} brain coverage", 100.0 * coverage, "%", coverage >= params.minimum_coverage),
        QualityFigure(f"{title} slice distance", slice_mm, "mm", slice_mm <= params.maximum_slice_mm),
    )


def _joint_variation(scan: Volume, white_matter: Mask, grey_matter: Mask) -> float:
    """Spread of both tissues over the distance of their medians; robust, so that lesions do not count as shading."""
    if not white_matter.any() or not grey_matter.any():
        return float("inf")
    white, grey = scan.array[white_matter], scan.array[grey_matter]
    apart = abs(float(np.median(grey)) - float(np.median(white)))
    return (robust_spread(white) + robust_spread(grey)) / max(apart, 1e-6)


def _entropy_focus(scan: Volume) -> float:
    """Entropy of the intensities over the largest that their energy allows: 1 when spread evenly, 0 when in a point."""
    energy = float(np.sqrt(np.square(scan.array, dtype=np.float64).sum()))
    if energy <= 0.0 or scan.array.size < 2:
        return 1.0
    share = np.abs(scan.array[scan.array != 0]).astype(np.float64) / energy
    root = float(np.sqrt(scan.array.size))
    return float(-(share * np.log(share)).sum()) / (root * float(np.log(root)))


def _noise(scan: Volume, tissue: Mask) -> float:
    """Standard deviation of noise from second differences within a tissue, where structure is smooth."""
    array = scan.array
    second = array[:, :, :-2] - 2 * array[:, :, 1:-1] + array[:, :, 2:]
    inside = tissue[:, :, :-2] & tissue[:, :, 1:-1] & tissue[:, :, 2:]
    return robust_spread(second[inside]) / float(np.sqrt(6.0))
