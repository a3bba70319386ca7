"""Phantoms of growing difficulty, and what the pipeline makes of each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from processing.domain.errors import InputRejected
from processing.domain.imaging import LabelMap, Volume
from processing.pipelines.tumour_volumetry.pipeline import run
from processing.stages.alarms import Metric, hausdorff_mm, similarities
from processing.stages.fusion import Region, dice, fuse, majority, simple, staple
from processing.stages.resample import Interpolation, resample
from processing.stages.tumour.evidence import TumourEvidence
from processing.stages.tumour.labels import REGIONS, WHOLE_TUMOUR, TumourLabel
from processing.stages.tumour.segmenters import BUILT_IN, Segmenter
from validation.phantom.tumour import TumourSpec, isotropic_scanner, make_tumour

COHORT_SEED = 60

AROUND = Region("hyperintensity around it", frozenset({TumourLabel.HYPERINTENSITY}), TumourLabel.HYPERINTENSITY)
"""What is hyperintense on FLAIR outside the core: the second label alone."""

COMPARED = (*REGIONS, AROUND)
"""In what the overlap with the truth is measured."""

FUSIONS = ("SIMPLE", "majority", "STAPLE")
"""The first is the pipeline's own."""

SMALL = (1, 2, 3)
"""Of `BUILT_IN`: an ensemble of three, as in the paper's second experiment."""


@dataclass(frozen=True, eq=False)
class TumourCase:
    """One measured phantom.

    Parameters
    ----------
    overlap : ndarray of float64, shape (fusions + candidates, compared)
        Dice with the truth: each of `FUSIONS`, then each segmenter, by `COMPARED`. 0 where the images were refused.
    distance_mm : ndarray of float64, shape (regions,)
        Hausdorff distance of the result from the truth; infinite where the result is empty.
    volumes_ml : ndarray of float64, shape (3,)
        Measured: core, hyperintensity, enhancing tumour.
    similarities : ndarray of float64, shape (candidates, metrics, regions)
        Of each candidate and the result.
    small_similarities : ndarray of float64, shape (3, metrics, 1)
        Of the candidates of `SMALL` and their own fusion, whole tumour alone.
    small_quality : float
        Dice of that fusion with the truth.
    """

    overlap: npt.NDArray[np.float64]
    distance_mm: npt.NDArray[np.float64]
    volumes_ml: npt.NDArray[np.float64]
    similarities: npt.NDArray[np.float64]
    small_similarities: npt.NDArray[np.float64]
    small_quality: float

    @property
    def whole_ml(self) -> float:
        """Volume of the whole tumour."""
        return float(self.volumes_ml.sum())

    @property
    def quality(self) -> float:
        """Mean Dice of the result over the three regions."""
        return float(self.overlap[0, : len(REGIONS)].mean())


def cohort(
    cases: int, *, world_mm: int = 2, hardest: float = 1.0, seed: int = COHORT_SEED, first: int = 1000
) -> tuple[TumourSpec, ...]:
    """Draw tumours of different size, place and shape, from easy to hopeless in equal steps.

    Parameters
    ----------
    cases : int
    world_mm : int
    hardest : float
        0 draws only clean cases; 1 goes to scans in which noise and shading drown a faint tumour.
    seed : int
        Of the sizes.
    first : int
        Seed of the first tumour's place and shape.
    """
    generator = np.random.default_rng(seed)
    specs = []
    for number in range(cases):
        hard = hardest * number / max(cases - 1, 1)
        core_ml = float(np.exp(generator.uniform(np.log(8.0), np.log(45.0))))
        specs.append(
            TumourSpec(
                seed=first + number,
                world_mm=world_mm,
                core_ml=core_ml,
                necrosis=float(generator.uniform(0.15, 0.6)),
                hyperintensity_ml=core_ml * float(generator.uniform(1.0, 2.5)),
                mass_effect=float(generator.uniform(0.1, 0.5)),
                scanner=isotropic_scanner(float(world_mm), noise=0.03 + 0.15 * hard**2, bias=0.12 + 0.3 * hard),
                conspicuity=1.0 - 0.75 * hard,
            )
        )
    return tuple(specs)


def triples(specs: tuple[TumourSpec, ...]) -> tuple[TumourSpec, ...]:
    """Scan each tumour three times: twice as it is, and once grown by 40 %."""
    return tuple(one for spec in specs for one in (spec, replace(spec, scan_seed=1), spec.grown(1.4, scan_seed=2)))


def measure(spec: TumourSpec) -> TumourCase:
    """Make a phantom, run the pipeline on it and compare with the truth."""
    phantom = make_tumour(spec)
    recorders = [_Recorder(segmenter) for segmenter in BUILT_IN]
    try:
        result = run(phantom.images, lambda _stage, _fraction: None, segmenters=recorders)
    except InputRejected:
        return _refused()
    candidates = [recorder.candidate for recorder in recorders]
    others = [
        fuse(candidates, [vote([region.of(one) for one in candidates]) for region in REGIONS], REGIONS)
        for vote in (majority, staple)
    ]
    native = [result.tumour, *(_onto(label_map, phantom.truth) for label_map in (*others, *candidates))]
    overlap = [[dice(region.of(one), region.of(phantom.truth)) for region in COMPARED] for one in native]
    apart = [hausdorff_mm(region.of(result.tumour), region.of(phantom.truth), phantom.truth.grid) for region in REGIONS]
    found = result.volumes
    few = [candidates[index] for index in SMALL]
    agreed = fuse(few, [simple([WHOLE_TUMOUR.of(one) for one in few])], [WHOLE_TUMOUR])
    return TumourCase(
        np.array(overlap),
        np.array(apart),
        np.array([found.core_ml, found.hyperintensity_ml, found.enhancing_ml]),
        result.similarities,
        similarities(few, agreed, [WHOLE_TUMOUR]),
        dice(WHOLE_TUMOUR.of(_onto(agreed, phantom.truth)), WHOLE_TUMOUR.of(phantom.truth)),
    )


class _Recorder:
    """A segmenter whose last candidate can be looked at afterwards."""

    candidate: LabelMap

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter
        self.name = segmenter.name

    def segment(self, evidence: TumourEvidence) -> LabelMap:
        self.candidate = self._segmenter.segment(evidence)
        return self.candidate


def _refused() -> TumourCase:
    return TumourCase(
        np.zeros((len(FUSIONS) + len(BUILT_IN), len(COMPARED))),
        np.full(len(REGIONS), np.inf),
        np.zeros(len(TumourLabel)),
        np.full((len(BUILT_IN), len(Metric), len(REGIONS)), np.nan),
        np.full((len(SMALL), len(Metric), 1), np.nan),
        0.0,
    )


def _onto(found: LabelMap, truth: LabelMap) -> LabelMap:
    """Put a candidate on the truth's grid: its voxels are the same, cut out and turned."""
    labels = Volume(found.array.astype(np.float32), found.grid)
    moved = resample(labels, truth.grid, interpolation=Interpolation.NEAREST)
    return LabelMap(moved.array.astype(np.uint16), truth.grid)
