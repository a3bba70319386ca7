"""Bringing the series of one visit onto T1C."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from processing.domain.errors import RegistrationFailed
from processing.domain.imaging import RigidTransform, Volume
from processing.domain.result import QualityFigure
from processing.domain.study import SeriesRole
from processing.pipelines.spec import Images
from processing.pipelines.tumour_volumetry.spec import TumourVolumetryParameters
from processing.stages.register import Registration
from processing.stages.register_contrast import ContrastParameters, register_contrast
from processing.stages.resample import isotropic, resample

_AT_ONCE = 2


@dataclass(frozen=True)
class Coregistered:
    """Where a point of T1C lies in each other series, and how well they match."""

    to_series: Mapping[SeriesRole, RigidTransform]
    quality: tuple[QualityFigure, ...]


def coregister(upright: Images, brain: Volume, params: TumourVolumetryParameters) -> Coregistered:
    """Register every series with T1C.

    Parameters
    ----------
    upright : mapping of SeriesRole to Volume
        Reoriented, T1C among them.
    brain : Volume
        1 in the brain, in the frame of T1C.
    params : TumourVolumetryParameters

    Raises
    ------
    RegistrationFailed
        If a series shows another head.
    """
    numbers = ContrastParameters()
    fixed = isotropic(upright[SeriesRole.T1C], numbers.spacing_mm)
    within = resample(brain, fixed.grid)
    others = [role for role in upright if role is not SeriesRole.T1C]

    def one(role: SeriesRole) -> Registration:
        return register_contrast(fixed, upright[role], brain=within, params=numbers)

    # Two at once, on two cores: neither depends on the other.
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = dict(zip(others, pool.map(one, others), strict=True))
    for role, registration in found.items():
        if registration.correlation < params.minimum_correlation:
            raise RegistrationFailed(f"The {role} does not match the T1C of the same study; review by hand.")
    quality = tuple(
        QualityFigure(
            f"{role} registration correlation",
            registration.correlation,
            "",
            registration.correlation >= params.expected_correlation,
        )
        for role, registration in found.items()
    )
    return Coregistered({role: registration.transform for role, registration in found.items()}, quality)
