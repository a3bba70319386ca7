"""What T1 and T2 of both visits say about a change on FLAIR."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from processing.domain.errors import InputRejected, RegistrationFailed
from processing.domain.imaging import RigidTransform, Volume
from processing.domain.result import QualityFigure
from processing.domain.study import SeriesRole
from processing.pipelines.ms_longitudinal.pair import Pair
from processing.pipelines.ms_longitudinal.spec import MsLongitudinalParameters
from processing.pipelines.spec import Images
from processing.stages.bias_field import BiasParameters, remove_differential_bias
from processing.stages.normalise import NormalisationParameters, normalise_pair
from processing.stages.register import Registration
from processing.stages.register_contrast import ContrastParameters, register_contrast
from processing.stages.resample import blur_to_voxel, coverage, isotropic, reorient, resample
from processing.stages.subtract import SubtractionParameters, standardise

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class OtherContrasts:
    """The change on T1 and T2, where both visits have them.

    Parameters
    ----------
    changes : mapping of SeriesRole to Volume
        In deviations, on the half-way grid; NaN where a scan does not reach.
    quality : tuple of QualityFigure
        One for each series that was registered.
    warnings : tuple of str
    """

    changes: Mapping[SeriesRole, Volume]
    quality: tuple[QualityFigure, ...]
    warnings: tuple[str, ...]


def other_contrasts(
    current: Images, prior: Images, flairs: tuple[Volume, Volume], pair: Pair, params: MsLongitudinalParameters
) -> OtherContrasts:
    """Register T1 and T2 of each visit to its FLAIR, and measure what changed on them.

    Parameters
    ----------
    current, prior : mapping of SeriesRole to Volume
    flairs : tuple of Volume
        FLAIR of the current and of the prior visit, reoriented.
    pair : Pair
    params : MsLongitudinalParameters

    Returns
    -------
    OtherContrasts

    Raises
    ------
    RegistrationFailed
        If a series does not show the head that its visit's FLAIR shows.
    """
    both = [role for role in (SeriesRole.T1, SeriesRole.T2) if role in current and role in prior]
    if not both:
        return OtherContrasts({}, (), ())
    visits = (
        _Visit("current", current, flairs[0], pair.half.inverse(), pair),
        _Visit("prior", prior, flairs[1], pair.half, pair),
    )
    changes: dict[SeriesRole, Volume] = {}
    quality, warnings = [], []
    for role in both:
        # Both visits at once, on two cores: neither depends on the other.
        with ThreadPoolExecutor(2) as pool:
            now, before = pool.map(lambda visit, role=role: visit.place(role, params), visits)
        quality += [now.quality, before.quality]
        try:
            changes[role] = _change_in(now.image, before.image, pair.brain & now.seen & before.seen, pair, params)
        except InputRejected:
            warnings.append(f"The {role} series of the two studies do not match each other and were not used.")
    return OtherContrasts(changes, tuple(quality), tuple(warnings))


@dataclass(frozen=True, eq=False)
class _Placed:
    """A series on the half-way grid, where it holds data, and how well it lies on its visit's FLAIR."""

    image: Volume
    seen: Mask
    quality: QualityFigure


class _Visit:
    """The series of one visit, with what their registration to FLAIR shares."""

    def __init__(self, title: str, images: Images, flair: Volume, to_flair: RigidTransform, pair: Pair) -> None:
        self._title, self._images, self._to_flair, self._grid = title, images, to_flair, pair.now.grid
        self._flair = isotropic(flair, ContrastParameters().spacing_mm)
        whole = pair.now.with_array(pair.brain.astype(np.float32))
        self._brain = resample(whole, self._flair.grid, to_volume=to_flair.inverse().matrix)

    def place(self, role: SeriesRole, params: MsLongitudinalParameters) -> _Placed:
        scan = reorient(self._images[role])
        found = register_contrast(self._flair, scan, brain=self._brain, params=ContrastParameters())
        self._refuse_another_head(role, found, params)
        matrix = found.transform.after(self._to_flair).matrix
        return _Placed(
            image=resample(blur_to_voxel(scan, self._grid.spacing_mm), self._grid, to_volume=matrix),
            seen=coverage(scan, self._grid, to_volume=matrix),
            quality=QualityFigure(
                f"{self._title} {role} registration correlation",
                found.correlation,
                "",
                found.correlation >= params.expected_contrast_correlation,
            ),
        )

    def _refuse_another_head(self, role: SeriesRole, found: Registration, params: MsLongitudinalParameters) -> None:
        if found.correlation < params.minimum_contrast_correlation:
            raise RegistrationFailed(
                f"The {role} of the {self._title} study does not match the FLAIR of the same study; review by hand."
            )


def _change_in(now: Volume, before: Volume, seen: Mask, pair: Pair, params: MsLongitudinalParameters) -> Volume:
    """Change of one contrast in deviations; raises InputRejected if the two scans do not fit."""
    white = pair.white & seen
    now, before = normalise_pair(now, before, brain=seen, white_matter=white, params=NormalisationParameters())
    if np.corrcoef(now.array[seen], before.array[seen])[0, 1] < params.t1_t2_minimum_correlation:
        raise InputRejected("Two series of one contrast do not match each other.")
    now, before = remove_differential_bias(now, before, brain=seen, params=BiasParameters(params.bias_sigma_mm))
    noise = SubtractionParameters(local_sigma_mm=params.local_noise_sigma_mm, edge_weight=params.edge_weight)
    _, z, _ = standardise(now, before, brain=seen, white_matter=white, params=noise)
    return z.with_array(np.where(seen, z.array, np.float32(np.nan)))
