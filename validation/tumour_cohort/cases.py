"""Phantoms of growing difficulty, and what the pipeline makes of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from processing.domain.errors import InputRejected
from processing.domain.imaging import LabelMap, Volume
from processing.domain.study import SeriesRole
from processing.pipelines.tumour_volumetry.pipeline import run
from processing.stages.alarms import Metric, hausdorff_mm, similarities
from processing.stages.atlas import load_atlas
from processing.stages.fusion import Consensus, Mask, Region, dice, fuse, majority, simple, staple
from processing.stages.resample import Interpolation, crop, resample
from processing.stages.tumour.evidence import TumourEvidence, gather_evidence
from processing.stages.tumour.labels import REGIONS, WHOLE_TUMOUR, TumourLabel
from processing.stages.tumour.measure import volumes
from processing.stages.tumour.parts import measurable
from processing.stages.tumour.segmenters import BUILT_IN, Segmenter
from validation.phantom.tumour import TumourPhantom, TumourSpec, isotropic_scanner, make_tumour

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
    cases: int,
    *,
    voxel_mm: float = 2.0,
    hardest: float = 1.0,
    seed: int = COHORT_SEED,
    first: int = 1000,
    still: bool = False,
) -> tuple[TumourSpec, ...]:
    """Draw tumours of different size, place and shape, from easy to hopeless in equal steps.

    Parameters
    ----------
    cases : int
    voxel_mm : float
        Of the scans.
    hardest : float
        0 draws only clean cases; 1 goes to scans in which noise and shading drown a faint tumour.
    seed : int
        Of the sizes.
    first : int
        Seed of the first tumour's place and shape.
    still : bool
        Whether the series lie on one grid. Of such a case the preparation is not measured (registration, alignment with
        the atlas, brain extraction, which take most of the time and which other tests look at), but all that follows.
    """
    generator = np.random.default_rng(seed)
    specs = []
    for number in range(cases):
        hard = hardest * number / max(cases - 1, 1)
        core_ml = float(np.exp(generator.uniform(np.log(8.0), np.log(45.0))))
        specs.append(
            TumourSpec(
                seed=first + number,
                world_mm=2,
                core_ml=core_ml,
                necrosis=float(generator.uniform(0.15, 0.6)),
                hyperintensity_ml=core_ml * float(generator.uniform(1.0, 2.5)),
                mass_effect=float(generator.uniform(0.1, 0.5)),
                scanner=isotropic_scanner(voxel_mm, noise=0.03 + 0.15 * hard**2, bias=0.12 + 0.3 * hard),
                conspicuity=1.0 - 0.75 * hard,
                still=still,
            )
        )
    return tuple(specs)


def triples(specs: tuple[TumourSpec, ...]) -> tuple[TumourSpec, ...]:
    """Scan each tumour three times: twice as it is, and once grown by 40 %."""
    return tuple(one for spec in specs for one in (spec, replace(spec, scan_seed=1), spec.grown(1.4, scan_seed=2)))


def lacking(specs: tuple[TumourSpec, ...], *roles: SeriesRole) -> tuple[TumourSpec, ...]:
    """Scan the same tumours without some of the series."""
    return tuple(
        replace(
            spec,
            scanner=replace(spec.scanner, slice_mm=tuple(one for one in spec.scanner.slice_mm if one[0] not in roles)),
        )
        for spec in specs
    )


def measure(spec: TumourSpec) -> TumourCase:
    """Make a phantom, run the pipeline on it (of a still one, from the segmenters on) and compare with the truth."""
    phantom = make_tumour(spec)
    try:
        tumour, candidates = _segmented(phantom) if spec.still else _through_the_pipeline(phantom)
    except InputRejected:
        return _refused()
    fused = [_fused(candidates, vote) for vote in (simple, majority, staple)]
    truth = phantom.truth
    native = [tumour, *(_onto(label_map, truth) for label_map in (*fused[1:], *candidates))]
    few = [candidates[index] for index in SMALL]
    agreed = fuse(few, [simple([WHOLE_TUMOUR.of(one) for one in few])], [WHOLE_TUMOUR])
    found = volumes(tumour)
    return TumourCase(
        np.array([[dice(region.of(one), region.of(truth)) for region in COMPARED] for one in native]),
        np.array([hausdorff_mm(region.of(tumour), region.of(truth), truth.grid) for region in REGIONS]),
        np.array([found.core_ml, found.hyperintensity_ml, found.enhancing_ml]),
        similarities(candidates, fused[0], REGIONS),
        similarities(few, agreed, [WHOLE_TUMOUR]),
        dice(WHOLE_TUMOUR.of(_onto(agreed, truth)), WHOLE_TUMOUR.of(truth)),
    )


def _through_the_pipeline(phantom: TumourPhantom) -> tuple[LabelMap, list[LabelMap]]:
    recorders = [_Recorder(segmenter) for segmenter in BUILT_IN]
    result = run(phantom.images, lambda _stage, _fraction: None, segmenters=recorders)
    return result.tumour, [recorder.candidate for recorder in recorders]


def _segmented(phantom: TumourPhantom) -> tuple[LabelMap, list[LabelMap]]:
    """Segment and fuse as the pipeline does, from the true brain and its true place in the atlas."""
    native = phantom.truth.grid
    grid = crop(native, phantom.brain, margin_voxels=int(np.ceil(6.0 / min(native.spacing_mm))))
    images = {role: resample(volume, grid) for role, volume in phantom.images.items()}
    brain = resample(Volume(phantom.brain.astype(np.float32), native), grid).array > 0.5
    evidence = gather_evidence(images, brain, load_atlas(), phantom.to_world)
    candidates = [segmenter.segment(evidence) for segmenter in BUILT_IN]
    return measurable(_onto(_fused(candidates, simple), phantom.truth))[0], candidates


def _fused(candidates: Sequence[LabelMap], vote: Callable[[Sequence[Mask]], Consensus]) -> LabelMap:
    agreed = [vote([region.of(one) for one in candidates]) for region in REGIONS]
    return fuse(candidates, agreed, REGIONS)


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
