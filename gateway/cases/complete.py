"""What a study still lacks of what its route asks for, by its headers and the places of its slices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydicom.dataset import Dataset

from gateway.cases.acquisition import read_acquisition
from gateway.cases.contrast import contrast_of
from gateway.cases.select import SeriesCandidate
from processing.dicom.geometry import SlicesMissing, series_geometry
from processing.domain.errors import InputRejected
from processing.domain.study import SeriesRole

LoadPlaces = Callable[[SeriesCandidate], Sequence[Dataset]]
"""Returns a header with rows, columns, pixel spacing, position and orientation for every image of a series."""


def what_is_missing(
    candidates: Sequence[SeriesCandidate], required: Sequence[SeriesRole], load_places: LoadPlaces
) -> str:
    """Return what a study lacks, in a sentence; empty when nothing that could still come is missing.

    Parameters
    ----------
    candidates : sequence of SeriesCandidate
        Every series of the study.
    required : sequence of SeriesRole
        Roles of the route.
    load_places : callable
    """
    of_role: dict[SeriesRole, list[SeriesCandidate]] = {role: [] for role in required}
    for candidate in candidates:
        role = _role(candidate)
        if role in of_role and role is not None:
            of_role[role].append(candidate)
    absent = [role.value for role, series in of_role.items() if not series]
    if absent:
        return f"No {' and no '.join(absent)} series of the brain has come."
    for role, series in of_role.items():
        lacking = [_lacking(candidate, load_places) for candidate in series]
        if all(lacking):
            return f"The {role.value} ({series[0].name}) is not whole: {lacking[0]}"
    return ""


def announced(candidate: SeriesCandidate) -> str:
    """Return by how much a series falls short of the number of images that its header announces; empty if not.

    Images in Acquisition (0020,1002) counts one acquisition, Number of Temporal Positions (0020,0105) says how many
    times each place was imaged. A multi-frame image holds all of them.
    """
    header = candidate.header
    if header is None or "PerFrameFunctionalGroupsSequence" in header:
        return ""
    images, times = _count(header, "ImagesInAcquisition"), _count(header, "NumberOfTemporalPositions")
    here = candidate.instance_count
    if images > here:
        return f"{here} of {images} images that its header announces are here."
    if times > 1 and here % times:
        return f"{here} images can't be the {times} time points that its header announces."
    return ""


def _role(candidate: SeriesCandidate) -> SeriesRole | None:
    return contrast_of(read_acquisition(candidate.header)).role if candidate.header is not None else None


def _lacking(candidate: SeriesCandidate, load_places: LoadPlaces) -> str:
    short = announced(candidate)
    if short:
        return short
    try:
        series_geometry(load_places(candidate))
    except SlicesMissing as missing:
        return missing.reason
    except InputRejected:
        # Nothing that still comes can help here; the selection will say what is wrong.
        return ""
    return ""


def _count(header: Dataset, keyword: str) -> int:
    try:
        return int(str(header.get(keyword) or 0))
    except ValueError:
        return 0
