"""The sets that accuracy is measured on: phantoms, real pairs, inserted lesions, and pairs in which nothing changed.

Real scans are measured with networks that have never seen the patient (`left_out/`): what ships has seen them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from processing.domain.imaging import Volume
from processing.domain.study import SeriesRole
from processing.pipelines.ms_longitudinal.spec import MODEL_FOLDER
from validation.grid import GRID
from validation.insertion import truth
from validation.insertion_set import InsertionSpec, insert_set
from validation.phantom import DEMO_PHANTOM, LesionKind, Phantom, PhantomSpec, make_phantom
from validation.real_pairs import (
    CROSS_SECTIONAL_PATIENTS,
    LONGITUDINAL_PATIENTS,
    carry,
    read_pair,
    read_visit,
    registration_error_mm,
    true_change,
)
from validation.second_visit import second_visit, with_noise
from validation.training.backgrounds import Background, doubled_background, real_background
from validation.training.corpus import outlined

Matrix = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer]

LEFT_OUT = Path(__file__).parent / "left_out"

LEFT_OUT_NETWORKS: Mapping[str, Path] = {
    "patient01": LEFT_OUT / "without-01-07.onnx",
    "patient07": LEFT_OUT / "without-01-07.onnx",
    "patient12": LEFT_OUT / "without-12-26.onnx",
    "patient26": LEFT_OUT / "without-12-26.onnx",
}
"""Each was trained without two patients, one of each kind."""

CONTRASTS = (0.3, 0.15)
THICK_SEEDS = (0, 1, 2)
CUBIC_SEEDS = (0,)
LESIONS_PER_CLASS = 10
APART_MM = 16.0
THICK, CUBIC = "inserted, thick slices", "inserted, 1 mm"
NOTHING = frozenset[int]()


@dataclass(frozen=True, eq=False)
class Material:
    """A pair and what is known about it.

    Parameters
    ----------
    current, prior : mapping of SeriesRole to Volume
    truth : ndarray of int, shape (z, y, x)
        Labels of what became lesion, on the current FLAIR's grid.
    volumes_mm3 : mapping of int to float
        True volume of each label, where it is known better than by counting voxels.
    ignored : ndarray of bool, shape (z, y, x), or None
        Where a mark is neither right nor wrong.
    visible : frozenset of int or None
        Labels that the images show at all; None where the result's own subtraction shall say so.
    error_mm : callable or None
        Mean distance over the brain between a transform from current to prior and the true one.
    outlined_new : frozenset of int
        Labels whose marked volume may be compared with the true one.
    """

    current: Mapping[SeriesRole, Volume]
    prior: Mapping[SeriesRole, Volume]
    truth: Labels
    volumes_mm3: Mapping[int, float]
    ignored: npt.NDArray[np.bool_] | None = None
    visible: frozenset[int] | None = None
    error_mm: Callable[[Matrix], float] | None = None
    outlined_new: frozenset[int] = NOTHING


@dataclass(frozen=True, eq=False)
class AccuracyCase:
    """One case of a set, made when it is needed.

    Parameters
    ----------
    group : str
        The set.
    name : str
    network : Path
        Weights to measure with; where the file is absent the hand-made detector is measured alone.
    make : callable
    quick : bool
        Whether it belongs to the subset that takes a few minutes.
    """

    group: str
    name: str
    network: Path
    make: Callable[[], Material]
    quick: bool = False


def all_cases(data: Path | None) -> Iterator[AccuracyCase]:
    """List every case; those on real scans only where the data is at hand."""
    for name, spec in {"as the demo": DEMO_PHANTOM, **GRID}.items():
        yield _case("phantom", name, "", partial(phantom_material, spec), quick=spec is DEMO_PHANTOM)
    if data is None:
        return
    for patient in LONGITUDINAL_PATIENTS:
        yield _case("real, left out", patient, patient, partial(real_material, data, patient), quick=True)
    for contrast in CONTRASTS:
        for patient in LONGITUDINAL_PATIENTS:
            for seed in THICK_SEEDS:
                yield _case(
                    f"{THICK}, +{contrast:.2f}",
                    f"{patient}, draw {seed}",
                    patient,
                    partial(thick_material, data, patient, contrast, seed),
                    quick=seed == 0 and contrast == CONTRASTS[0],
                )
        for patient in CROSS_SECTIONAL_PATIENTS:
            for seed in CUBIC_SEEDS:
                yield _case(
                    f"{CUBIC}, +{contrast:.2f}",
                    f"{patient}, draw {seed}",
                    patient,
                    partial(cubic_material, data, patient, contrast, seed),
                )
    for patient in LONGITUDINAL_PATIENTS:
        yield _case("untouched, FLAIR alone", patient, patient, partial(untouched_material, data, patient), quick=True)
        yield _case("identical", patient, patient, partial(identical_material, data, patient))
    for patient in CROSS_SECTIONAL_PATIENTS:
        yield _case("identical", f"{patient}, 1 mm", patient, partial(cubic_material, data, patient, None, 0))


def _case(group: str, name: str, patient: str, make: Callable[[], Material], *, quick: bool = False) -> AccuracyCase:
    return AccuracyCase(group, name, LEFT_OUT_NETWORKS.get(patient, MODEL_FOLDER / "change.onnx"), make, quick)


def phantom_material(spec: PhantomSpec) -> Material:
    """Make a phantom."""
    phantom = make_phantom(spec)
    labels = phantom.increases()
    new = {change.number: change.volume_mm3 for change in phantom.changes if change.kind is LesionKind.NEW}
    return Material(
        current=phantom.current,
        prior=phantom.prior,
        truth=labels,
        volumes_mm3=new,
        error_mm=lambda found: phantom_error_mm(phantom, found),
        visible=frozenset(int(label) for label in np.unique(labels[labels > 0])),
        outlined_new=frozenset(new),
    )


def phantom_error_mm(phantom: Phantom, current_to_prior: Matrix) -> float:
    """Mean distance over the brain between a transform and the phantom's true motion, in millimetres."""
    points = np.random.default_rng(0).uniform((-60, -50, -40), (60, 90, 70), (2000, 3))
    found = points @ current_to_prior[:3, :3].T + current_to_prior[:3, 3]
    return float(np.linalg.norm(found - phantom.current_to_prior.apply(points), axis=1).mean())


def real_material(data: Path, patient: str) -> Material:
    """Read a real pair with the increases that a reader marked; decreases count neither for nor against."""
    folder = data / "ms-longitudinal" / patient
    current = read_visit(folder, 2)
    pair = read_pair(data, patient)
    change = true_change(pair)
    grid = current[SeriesRole.FLAIR].grid
    to_common = np.linalg.inv(pair.current_from_common).astype(np.float64)
    return Material(
        current=current,
        prior=read_visit(folder, 1),
        truth=carry(change.increases, change.grid, grid, to_source=to_common),
        volumes_mm3={},
        ignored=carry(change.decreases, change.grid, grid, to_source=to_common) > 0,
        visible=change.visible,
        error_mm=lambda found: registration_error_mm(pair, found),
    )


@lru_cache(maxsize=1)
def _real(data: Path, patient: str) -> Background:
    return real_background(data, patient)


@lru_cache(maxsize=1)
def _cubic(data: Path, patient: str) -> Background:
    return doubled_background(data, patient)


def _flair(volume: Volume) -> Mapping[SeriesRole, Volume]:
    """Lesions are put into FLAIR alone; T1 and T2, which do not show them, would rightly refute them."""
    return {SeriesRole.FLAIR: volume}


def thick_material(data: Path, patient: str, contrast: float, seed: int) -> Material:
    """Put lesions into the follow-up of a real pair."""
    background = _real(data, patient)
    made = insert_set(
        background.now,
        allowed=background.allowed,
        white_matter=background.white_now,
        outlined=outlined(data),
        spec=InsertionSpec(seed=seed, contrast=contrast, per_class=LESIONS_PER_CLASS, apart_mm=APART_MM),
    )
    return Material(
        current=_flair(made.current),
        prior=_flair(background.before),
        truth=made.truth.array,
        volumes_mm3={number: lesion.volume_mm3 for number, lesion in enumerate(made.lesions, start=1)},
        ignored=background.marked,
        outlined_new=frozenset(range(1, len(made.lesions) + 1)),
    )


def cubic_material(data: Path, patient: str, contrast: float | None, seed: int) -> Material:
    """Put lesions into a 1 mm scan, taken again with another pose, coil and noise; none where contrast is None."""
    background = _cubic(data, patient)
    level = float(np.median(background.now.array[background.white_now]))
    made = insert_set(
        background.now,
        allowed=background.allowed,
        white_matter=background.white_now,
        outlined=outlined(data),
        spec=InsertionSpec(
            seed=seed, contrast=contrast, per_class=0 if contrast is None else LESIONS_PER_CLASS, apart_mm=APART_MM
        ),
    )
    again, to_first = second_visit(made.current, level=level, seed=seed)
    first = with_noise(background.before, level=level, generator=np.random.default_rng([seed, 1]))
    return Material(
        current=_flair(again),
        prior=_flair(first),
        truth=truth(made.lesions, again.grid, to_frame=to_first.matrix).array,
        volumes_mm3={number: lesion.volume_mm3 for number, lesion in enumerate(made.lesions, start=1)},
        outlined_new=frozenset(range(1, len(made.lesions) + 1)),
    )


def untouched_material(data: Path, patient: str) -> Material:
    """Take a real pair as it is: whatever is marked outside known change is false."""
    background = _real(data, patient)
    none = np.zeros(background.now.grid.shape, np.uint16)
    return Material(_flair(background.now), _flair(background.before), none, {}, ignored=background.marked)


def identical_material(data: Path, patient: str) -> Material:
    """Take one real scan twice."""
    background = _real(data, patient)
    level = float(np.median(background.now.array[background.white_now]))
    again, _ = second_visit(background.now, level=level, seed=0)
    return Material(_flair(again), _flair(background.now), np.zeros(again.grid.shape, np.uint16), {})
