"""Which series of a study plays which role for a pipeline, with a reason for each that is taken or left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from pydicom.dataset import Dataset

from gateway.cases.contrast import Acquisition, contrast_of, read_acquisition
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
    """What became of one series: chosen for a role, or left; and why."""

    candidate: SeriesCandidate
    role: SeriesRole | None
    reason: str


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
    left: dict[str, str] = {}
    taken: dict[str, tuple[SeriesRole, str]] = {}
    fits: dict[SeriesRole, list[_Fit]] = {role: [] for role in wanted}
    broken: dict[SeriesRole, list[str]] = {role: [] for role in wanted}
    for candidate in candidates:
        role, reason, fit = _judge(candidate, wanted, load_headers)
        if fit is not None and role is not None:
            fits[role].append(fit)
            continue
        left[candidate.series_instance_uid] = reason
        if role is not None:
            broken[role].append(f"The {role.value} ({candidate.name}) can't be used: {reason}")
    for role, of_role in fits.items():
        ranked = sorted(of_role, key=lambda fit: fit.rank)
        for fit in ranked[1:]:
            left[fit.candidate.series_instance_uid] = f"{fit.reason}; {_why_behind(fit, ranked[0])}"
        for fit in ranked[:1]:
            best = " and the best of its kind" if len(ranked) > 1 else ""
            taken[fit.candidate.series_instance_uid] = (role, f"{fit.reason}{best}")
    choices = tuple(
        SeriesChoice(candidate, *taken[candidate.series_instance_uid])
        if candidate.series_instance_uid in taken
        else SeriesChoice(candidate, None, left[candidate.series_instance_uid])
        for candidate in candidates
    )
    unplayed = [series.role for series in inputs if series.required and not fits[series.role]]
    unusable = next((broken[role][0] for role in unplayed if broken[role]), "")
    return Selection(choices, tuple(role for role in unplayed if not broken[role]), unusable)


def _judge(
    candidate: SeriesCandidate, wanted: set[SeriesRole], load_headers: LoadHeaders
) -> tuple[SeriesRole | None, str, _Fit | None]:
    """Return the role that a series would play, why it is left, and how well it fits when it is usable."""
    if candidate.modality not in ("MR", ""):
        return None, "no MR images", None
    if candidate.header is None:
        return None, "no image of it can be read", None
    acquisition = read_acquisition(candidate.header)
    contrast = contrast_of(acquisition)
    if contrast.role is None:
        return None, contrast.reason, None
    if contrast.role not in wanted:
        return None, f"{contrast.reason}; the pipeline does not ask for it", None
    try:
        geometry = series_geometry(load_headers(candidate))
    except InputRejected as rejected:
        return contrast.role, rejected.reason, None
    coverage = _coverage_mm(geometry)
    if coverage < MIN_COVERAGE_MM:
        return None, f"{contrast.reason}; a slab of {coverage:.0f} mm, not the whole brain", None
    return contrast.role, contrast.reason, _Fit(candidate, acquisition, contrast.reason, geometry)


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
