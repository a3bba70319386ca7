"""The stages in order: from four series of one visit to the volumes of a tumour and how far to trust them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from processing.domain.errors import InputRejected
from processing.domain.imaging import LabelMap, RigidTransform, Volume
from processing.domain.study import SeriesRole
from processing.pipelines.spec import Images, Progress
from processing.pipelines.tumour_volumetry.spec import SPEC, TumourVolumetryParameters
from processing.stages.alarms import Table, similarities
from processing.stages.atlas import Atlas, load_atlas
from processing.stages.brain import AtlasAlignment, BrainParameters, align_with_atlas, extract_brain
from processing.stages.fusion import Consensus, fuse, simple
from processing.stages.register import coarse_rigid
from processing.stages.resample import Interpolation, crop, isotropic, reorient, resample
from processing.stages.tumour.evidence import TumourEvidence, gather_evidence
from processing.stages.tumour.labels import REGIONS
from processing.stages.tumour.measure import Diameters, TumourVolumes, diameters, volumes
from processing.stages.tumour.segmenters import BUILT_IN, Segmenter

PARAMETERS = cast(TumourVolumetryParameters, SPEC.parameters)

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Vote:
    """What one segmenter contributed.

    Parameters
    ----------
    name : str
    weights : tuple of float
        In the fusion of each region, in the order of `REGIONS`; 0 where its vote was dropped.
    """

    name: str
    weights: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class TumourResult:
    """A measured tumour.

    Parameters
    ----------
    tumour : LabelMap
        `TumourLabel`, on the grid of T1C as it was acquired.
    volumes : TumourVolumes
    diameters : Diameters or None
    votes : tuple of Vote
    similarities : ndarray of float64, shape (candidates, metrics, regions)
        How alike each candidate and the fusion are; the alarms are raised from it.
    to_t1c : mapping of SeriesRole to RigidTransform
        Maps a point of T1C to the same point of each series.
    to_atlas : ndarray of float64, shape (4, 4)
        Affine map of a point of T1C (LPS, mm) to the ICBM152 atlas.
    """

    tumour: LabelMap
    volumes: TumourVolumes
    diameters: Diameters | None
    votes: tuple[Vote, ...]
    similarities: Table
    to_t1c: Mapping[SeriesRole, RigidTransform]
    to_atlas: npt.NDArray[np.float64]


def run(
    images: Images,
    progress: Progress,
    *,
    segmenters: Sequence[Segmenter] = BUILT_IN,
    params: TumourVolumetryParameters = PARAMETERS,
) -> TumourResult:
    """Measure a brain tumour.

    Parameters
    ----------
    images : mapping of SeriesRole to Volume
        T1, T1C, T2 and FLAIR of one visit.
    progress : callable
        Called with each stage's name and the part of the whole that is done.
    segmenters : sequence of Segmenter
    params : TumourVolumetryParameters

    Returns
    -------
    TumourResult
        Everything on the grid of T1C.

    Raises
    ------
    InputRejected
        If a series is missing, which the message names, or shows no brain.
    """
    missing = [role.value for role in SPEC.required_roles if role not in images]
    if missing:
        raise InputRejected(f"Tumour volumes need the series {', '.join(missing)} as well.")
    progress("bringing the series together", 0.0)
    native = images[SeriesRole.T1C]
    upright = {role: reorient(volume) for role, volume in images.items()}
    to_series = _coregister(upright, params)
    progress("extracting the brain", 0.3)
    atlas = load_atlas()
    alignment = align_with_atlas(upright[SeriesRole.T1C], atlas, params=BrainParameters())
    evidence = _evidence(upright, to_series, atlas, alignment, params)
    candidates = []
    for number, segmenter in enumerate(segmenters):
        progress(f"segmenting: {segmenter.name}", 0.6 + 0.3 * number / len(segmenters))
        candidates.append(segmenter.segment(evidence))
    progress("fusing", 0.9)
    agreed = [simple([region.of(one) for one in candidates], alpha=params.simple_alpha) for region in REGIONS]
    fused = fuse(candidates, agreed, REGIONS)
    tumour = _onto(fused, native)
    return TumourResult(
        tumour=tumour,
        volumes=volumes(tumour),
        diameters=diameters(tumour),
        votes=_votes(segmenters, agreed),
        similarities=similarities(candidates, fused, REGIONS),
        to_t1c=to_series,
        to_atlas=alignment.to_atlas,
    )


def _coregister(upright: Images, params: TumourVolumetryParameters) -> dict[SeriesRole, RigidTransform]:
    """Find where a point of T1C lies in each series; contrasts differ, so the measure is mutual information."""
    fixed = isotropic(upright[SeriesRole.T1C], params.coregistration_spacing_mm)
    found = {SeriesRole.T1C: RigidTransform.identity()}
    for role in SPEC.required_roles:
        if role not in found:
            moving = isotropic(upright[role], params.coregistration_spacing_mm)
            found[role] = coarse_rigid(fixed, moving, spacing_mm=params.coregistration_spacing_mm)
    return found


def _evidence(
    upright: Images,
    to_series: Mapping[SeriesRole, RigidTransform],
    atlas: Atlas,
    alignment: AtlasAlignment,
    params: TumourVolumetryParameters,
) -> TumourEvidence:
    """Resample every series onto T1C's grid around the brain, and prepare them for segmentation."""
    reference = upright[SeriesRole.T1C]
    expected = resample(atlas.brain, reference.grid, to_volume=alignment.to_atlas).array > 0.5
    grid = crop(reference.grid, expected, margin_voxels=int(np.ceil(params.margin_mm / min(reference.grid.spacing_mm))))
    together = {role: resample(volume, grid, to_volume=to_series[role].matrix) for role, volume in upright.items()}
    # A core is dark on T1C and would be cut out of the brain there; FLAIR shows it bright, or at least surrounded.
    brain = np.zeros(grid.shape, bool)
    for role in (SeriesRole.T1C, SeriesRole.FLAIR):
        brain |= extract_brain(together[role], atlas, alignment, params=BrainParameters()).array > 0.5
    brain = np.stack([ndimage.binary_fill_holes(plane) for plane in brain])
    return gather_evidence(together, brain, atlas, alignment.to_atlas)


def _onto(fused: LabelMap, native: Volume) -> LabelMap:
    """Put a label map on the grid of the image as it was acquired: its voxels are the same, cut out and turned."""
    labels = Volume(fused.array.astype(np.float32), fused.grid)
    moved = resample(labels, native.grid, interpolation=Interpolation.NEAREST)
    return LabelMap(moved.array.astype(np.uint16), native.grid)


def _votes(segmenters: Sequence[Segmenter], agreed: Sequence[Consensus]) -> tuple[Vote, ...]:
    return tuple(
        Vote(segmenter.name, tuple(consensus.weights[number] for consensus in agreed))
        for number, segmenter in enumerate(segmenters)
    )
