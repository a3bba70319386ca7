"""Which series of a study plays which role for a pipeline, with a reason for each that is taken or left."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from pydicom.dataset import Dataset

from gateway.cases.acquisition import Acquisition, read_acquisition
from gateway.cases.contrast import contrast_of
from processing.dicom.geometry import SeriesGeometry, series_geometry
from processing.domain.errors import InputRejected
from processing.domain.study import SeriesInput, SeriesRole

MIN_COVERAGE_MM = 90.0
"""Shortest side of a volume that can hold a brain (about 110 to 140 mm high) but for its outermost slices."""

LoadHeaders = Callable[["SeriesCandidate"], Sequence[Dataset]]
"""Fetches the header of every instance of a series; asked only of series that could play a role."""


@dataclass(frozen=True)
class SeriesCandidate:
    """A series of the study, known by one of its headers.

    Parameters
    ----------
    series_instance_uid : str
    series_number : int or None
    modality : str
    instance_count : int
    header : Dataset or None
        Of any instance; none when no instance could be read.
    """

    series_instance_uid: str = field(repr=False)
    series_number: int | None
    modality: str
    instance_count: int
    header: Dataset | None = field(repr=False)

    @property
    def name(self) -> str:
        """How a reason calls it."""
        return f"series {self.series_number}" if self.series_number is not None else "another series"


@dataclass(frozen=True)
class SeriesChoice:
    """What became of one series: chosen for a role, or left; and why.

    Parameters
    ----------
    candidate : SeriesCandidate
    role : SeriesRole or None
        That it was chosen for.
    reason : str
    recognised : SeriesRole or None
        That it could play by its physics, chosen or not.
    voxel_mm : float or None
        Longest side of its voxels; none where nobody had to look.
    """

    candidate: SeriesCandidate
    role: SeriesRole | None
    reason: str
    recognised: SeriesRole | None = None
    voxel_mm: float | None = None


@dataclass(frozen=True)
class Selection:
    """The choice for a whole study.

    Parameters
    ----------
    choices : tuple of SeriesChoice
        One for each series, in the order given.
    missing : tuple of SeriesRole
        Required roles that no series of the study plays.
    unusable : str
        Why the series that would play a required role can't be used; empty when none is to blame.
    """

    choices: tuple[SeriesChoice, ...]
    missing: tuple[SeriesRole, ...]
    unusable: str

    @property
    def usable(self) -> bool:
        """Whether every required role is played."""
        return not self.missing and not self.unusable

    @property
    def chosen(self) -> dict[SeriesRole, SeriesCandidate]:
        """The series for each role that is played."""
        return {choice.role: choice.candidate for choice in self.choices if choice.role is not None}

    def coarser_than(self, voxel_mm: float, roles: Collection[SeriesRole]) -> str:
        """Return which series of these roles has too coarse voxels, in half a sentence; empty when none has."""
        for choice in self.choices:
            if choice.role in roles and choice.role is not None and (choice.voxel_mm or 0.0) > voxel_mm:
                size = f"voxels of {choice.voxel_mm:.1f} mm; at most {voxel_mm:.1f} mm are accepted"
                return f"its {choice.role.value} ({choice.candidate.name}) has {size}"
        return ""

    @property
    def sentence(self) -> str:
        """Why the study can't be used, for the worklist; empty when it can."""
        if self.unusable:
            return self.unusable
        if self.missing:
            roles = " and ".join(role.value for role in self.missing)
            return f"The study has no usable {roles} series of the brain."
        return ""


@dataclass(frozen=True)
class _Fit:
    candidate: SeriesCandidate
    acquisition: Acquisition
    reason: str
    geometry: SeriesGeometry

    @property
    def largest_voxel_side_mm(self) -> float:
        return round(max(self.geometry.grid.spacing_mm), 1)

    @property
    def rank(self) -> tuple[object, ...]:
        """The best sorts first: no contrast agent, finest, corrected for distortion, largest, latest."""
        corrected = any(value.startswith("DIS") for value in self.acquisition.image_type)
        return (
            self.acquisition.contrast_agent,
            self.largest_voxel_side_mm,
            not corrected,
            -round(_coverage_mm(self.geometry)),
            -(self.candidate.series_number or 0),
            self.candidate.series_instance_uid,
        )


def select_series(
    candidates: Sequence[SeriesCandidate], inputs: Sequence[SeriesInput], load_headers: LoadHeaders
) -> Selection:
    """Choose at most one series for each role that a pipeline asks for.

    Parameters
    ----------
    candidates : sequence of SeriesCandidate
        Every series of the study.
    inputs : sequence of SeriesInput
        What the pipeline asks for.
    load_headers : callable
        May raise `InputRejected`: the series is left for this reason.
    """
    wanted = {series.role for series in inputs}
    judged = [_judge(candidate, wanted, load_headers) for candidate in candidates]
    choices: list[SeriesChoice] = []
    best = {role: min((one.fit for one in judged if one.fits(role)), key=_rank, default=None) for role in wanted}
    for one in judged:
        chosen = best.get(one.role) if one.role is not None and one.fit is not None else None
        if chosen is None or one.fit is None:
            choices.append(SeriesChoice(one.candidate, None, one.reason, one.role))
            continue
        taken = one.fit is chosen
        alone = sum(other.fits(one.role) for other in judged) == 1
        why = ("" if alone else " and the best of its kind") if taken else f"; {_why_behind(one.fit, chosen)}"
        role = one.role if taken else None
        choices.append(SeriesChoice(one.candidate, role, f"{one.reason}{why}", one.role, one.fit.largest_voxel_side_mm))
    unplayed = [series.role for series in inputs if series.required and best[series.role] is None]
    broken = {role: _broken(role, judged) for role in unplayed}
    unusable = next((sentence for sentence in broken.values() if sentence), "")
    return Selection(tuple(choices), tuple(role for role in unplayed if not broken[role]), unusable)


@dataclass(frozen=True)
class _Judged:
    """A series, the role that it would play, and how well it fits; without a fit the reason says why it is left."""

    candidate: SeriesCandidate
    role: SeriesRole | None
    reason: str
    fit: _Fit | None = None
    broken: bool = False
    """Whether it would play a wanted role, if only its images formed a volume."""

    def fits(self, role: SeriesRole | None) -> bool:
        return self.fit is not None and self.role is role


def _rank(fit: _Fit | None) -> tuple[object, ...]:
    return fit.rank if fit is not None else ()


def _broken(role: SeriesRole, judged: Sequence[_Judged]) -> str:
    one = next((one for one in judged if one.broken and one.role is role), None)
    return f"The {role.value} ({one.candidate.name}) can't be used: {one.reason}" if one is not None else ""


def _judge(candidate: SeriesCandidate, wanted: Collection[SeriesRole], load_headers: LoadHeaders) -> _Judged:
    if candidate.modality not in ("MR", "CT", ""):
        return _Judged(candidate, None, "no MR or CT images")
    if candidate.header is None:
        return _Judged(candidate, None, "no image of it can be read")
    acquisition = read_acquisition(candidate.header)
    contrast = contrast_of(acquisition)
    if contrast.role is None:
        return _Judged(candidate, None, contrast.reason)
    if contrast.role not in wanted:
        return _Judged(candidate, contrast.role, f"{contrast.reason}; the pipeline does not ask for it")
    try:
        geometry = series_geometry(load_headers(candidate))
    except InputRejected as rejected:
        return _Judged(candidate, contrast.role, rejected.reason, broken=True)
    coverage = _coverage_mm(geometry)
    if coverage < MIN_COVERAGE_MM:
        reason = f"{contrast.reason}; a slab of {coverage:.0f} mm, not the whole brain"
        return _Judged(candidate, contrast.role, reason)
    return _Judged(candidate, contrast.role, contrast.reason, _Fit(candidate, acquisition, contrast.reason, geometry))


def _coverage_mm(geometry: SeriesGeometry) -> float:
    """Return the shortest side of the volume in millimetres."""
    return float(np.min(np.array(geometry.grid.shape) * np.array(geometry.grid.spacing_mm)))


def _why_behind(fit: _Fit, best: _Fit) -> str:
    name = best.candidate.name
    if fit.acquisition.contrast_agent and not best.acquisition.contrast_agent:
        return f"{name} was made without contrast agent"
    if fit.largest_voxel_side_mm > best.largest_voxel_side_mm:
        return f"{name} has finer voxels ({best.largest_voxel_side_mm} mm)"
    if round(_coverage_mm(fit.geometry)) < round(_coverage_mm(best.geometry)):
        return f"{name} covers more"
    return f"{name} was preferred, being corrected for distortion or made later"
