"""From an entry of a manifest to images and their truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from processing.dicom.read import parse_part10, read_series
from processing.domain.imaging import Grid, RigidTransform, Volume
from processing.domain.study import SeriesRole
from validation.datasets.manifest import BrokenManifest, CaseEntry, Manifest, PairCase, PhantomCase, SeriesCase
from validation.datasets.phantoms import pinned_phantom
from validation.metrics import true_components
from validation.phantom import Phantom
from validation.real_pairs import carry, read_image, read_pair, true_change

Labels = npt.NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Truth:
    """What truly changed, on the current FLAIR's grid.

    Parameters
    ----------
    increases : ndarray of int, shape (z, y, x)
        Labels of what became lesion.
    ignored : ndarray of bool, shape (z, y, x), or None
        Where a mark is neither right nor wrong.
    visible : frozenset of int
        Labels that the images show at all.
    landmarks_mm : ndarray of float64, shape (n, 3)
        LPS points of the current scan's frame.
    landmarks_prior_mm : ndarray of float64, shape (n, 3)
        Where they truly lie in the prior's frame.
    """

    increases: Labels
    ignored: npt.NDArray[np.bool_] | None
    visible: frozenset[int]
    landmarks_mm: npt.NDArray[np.float64]
    landmarks_prior_mm: npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ReferenceCase:
    """One case of a set.

    Parameters
    ----------
    dataset, name : str
    current, prior : mapping of SeriesRole to Volume
        `prior` is empty where there is none.
    truth : Truth or None
    reading_only : bool
        Whether nothing is measured: one series of which reading is checked.
    """

    dataset: str
    name: str
    current: Mapping[SeriesRole, Volume]
    prior: Mapping[SeriesRole, Volume]
    truth: Truth | None
    reading_only: bool = False


def read_case(manifest: Manifest, entry: CaseEntry, folder: Callable[[Manifest], Path]) -> ReferenceCase:
    """Make or read a case.

    Parameters
    ----------
    manifest : Manifest
    entry : CaseEntry
    folder : callable
        Returns where a set's files lie, checked (`validation.fetch.fetched`).
    """
    if isinstance(entry, PhantomCase):
        phantom = pinned_phantom(entry.name, entry.specification)
        return ReferenceCase(manifest.name, entry.name, phantom.current, phantom.prior, phantom_truth(phantom))
    place = folder(manifest)
    if isinstance(entry, SeriesCase):
        paths = entry.files or tuple(manifest.files)
        series = read_series(parse_part10((place / path).read_bytes() for path in paths))
        return ReferenceCase(manifest.name, entry.name, {SeriesRole.T1: series.volume}, {}, None, reading_only=True)
    current, prior = (
        {role: read_image(place / path) for role, path in visit.items()} for visit in (entry.current, entry.prior)
    )
    truth = _pair_truth(entry, place, current[SeriesRole.FLAIR].grid)
    return ReferenceCase(manifest.name, entry.name, current, prior, truth)


def phantom_truth(phantom: Phantom) -> Truth:
    """Return a phantom's increases and its true motion."""
    increases = phantom.increases()
    points = np.random.default_rng(0).uniform((-60, -50, -40), (60, 90, 70), (500, 3))
    stable = (phantom.current_lesions.array > 0) & (increases == 0)
    return Truth(
        increases, stable, frozenset(np.unique(increases[increases > 0]).tolist()), points,
        phantom.current_to_prior.apply(points),
    )  # fmt: skip


def _pair_truth(entry: PairCase, place: Path, grid: Grid) -> Truth | None:
    if entry.truth is None:
        return None
    if entry.truth == "lesions in current" and entry.truth_file is not None:
        marked = read_image(place / entry.truth_file)
        if not marked.grid.same_as(grid):
            raise BrokenManifest(f"{entry.name}: the outlined lesions do not lie on the current FLAIR's grid.")
        labels = true_components(marked.array > 0.5, voxel_volume_mm3=grid.voxel_volume_mm3)
        none = np.zeros((0, 3))
        return Truth(labels, None, frozenset(np.unique(labels[labels > 0]).tolist()), none, none)
    return _lesjak_truth(place, entry.name, grid)


def _lesjak_truth(place: Path, patient: str, grid: Grid) -> Truth:
    pair = read_pair(place.parent, patient)
    truth = true_change(pair)
    to_common = np.linalg.inv(pair.current_from_common).astype(np.float64)
    index = np.argwhere(pair.brain.array > 0.5)[::1009]
    common = np.column_stack([pair.brain.grid.index_to_lps(index), np.ones(len(index))])
    return Truth(
        increases=carry(truth.increases, truth.grid, grid, to_source=to_common),
        ignored=carry(truth.decreases, truth.grid, grid, to_source=to_common) > 0,
        visible=truth.visible,
        landmarks_mm=(common @ pair.current_from_common.T)[:, :3],
        landmarks_prior_mm=(common @ pair.prior_from_common.T)[:, :3],
    )


def landmark_errors_mm(truth: Truth, current_to_prior: RigidTransform) -> npt.NDArray[np.float64]:
    """Distance of every landmark from where a transform takes it, in millimetres."""
    found = current_to_prior.apply(truth.landmarks_mm)
    errors: npt.NDArray[np.float64] = np.linalg.norm(found - truth.landmarks_prior_mm, axis=1)
    return errors
