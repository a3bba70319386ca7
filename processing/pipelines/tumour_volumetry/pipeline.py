"""The stages in order: from four series of one visit to the volumes of a tumour and how far to trust them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
from scipy import ndimage

from processing.domain.errors import InputRejected
from processing.domain.imaging import LabelMap, RigidTransform, Volume
from processing.domain.result import QualityFigure, TumourResult
from processing.domain.study import SeriesRole
from processing.pipelines.spec import Images, Progress
from processing.pipelines.tumour_volumetry.coregistration import coregister
from processing.pipelines.tumour_volumetry.findings import find
from processing.pipelines.tumour_volumetry.spec import SPEC, WITHOUT, TumourVolumetryParameters
from processing.stages.alarms import Thresholds, similarities
from processing.stages.atlas import Atlas, load_atlas
from processing.stages.brain import AtlasAlignment, BrainParameters, align_with_atlas, extract_brain
from processing.stages.fusion import fuse, simple
from processing.stages.resample import Interpolation, crop, reorient, resample
from processing.stages.tumour.evidence import TumourEvidence, gather_evidence
from processing.stages.tumour.labels import REGIONS
from processing.stages.tumour.parts import SMALLEST_PIECE_ML, measurable
from processing.stages.tumour.segmenters import BUILT_IN, Segmenter

_NOT_MEASURED = f"Under {SMALLEST_PIECE_ML} ml of {{}} was seen, too little to measure as a part of its own."

PARAMETERS = cast(TumourVolumetryParameters, SPEC.parameters)


def run(
    images: Images,
    progress: Progress,
    *,
    segmenters: Sequence[Segmenter] = BUILT_IN,
    thresholds: Thresholds | None = None,
    alpha: float | Sequence[float] | None = None,
    params: TumourVolumetryParameters = PARAMETERS,
) -> TumourResult:
    """Measure a brain tumour.

    Parameters
    ----------
    images : mapping of SeriesRole to Volume
        T1, T1C, T2 and FLAIR of one visit; T1 or T2 may be missing.
    progress : callable
        Called with each stage's name and the part of the whole that is done.
    segmenters : sequence of Segmenter
    thresholds : Thresholds, optional
        Of a reference population of these segmenters, to raise alarms by.
    alpha : float or sequence of float, optional
        For all regions or for each; the parameters' unless given.
    params : TumourVolumetryParameters

    Returns
    -------
    TumourResult
        Everything on the grid of T1C.

    Raises
    ------
    InputRejected
        If a series is missing, which the message names, or shows no brain.
    RegistrationFailed
        If a series shows another head than T1C.
    """
    absent = _absent(images)
    native = images[SeriesRole.T1C]
    upright = {series.role: reorient(images[series.role]) for series in SPEC.inputs if series.role in images}
    progress("extracting the brain", 0.0)
    atlas = load_atlas()
    alignment = align_with_atlas(upright[SeriesRole.T1C], atlas, params=BrainParameters())
    brain = extract_brain(upright[SeriesRole.T1C], atlas, alignment, params=BrainParameters())
    progress("bringing the series together", 0.2)
    together = coregister(upright, brain, params)
    progress("normalising", 0.45)
    evidence = _evidence(upright, together.to_series, atlas, alignment, params)
    candidates = []
    for number, segmenter in enumerate(segmenters):
        progress(f"segmenting: {segmenter.name}", 0.6 + 0.3 * number / len(segmenters))
        candidates.append(segmenter.segment(evidence))
    progress("fusing", 0.9)
    agreed = [simple([region.of(one) for one in candidates], alpha=params.simple_alpha) for region in REGIONS]
    fused = fuse(candidates, agreed, REGIONS)
    similarity = similarities(candidates, fused, REGIONS)
    tumour, too_small = measurable(_onto(fused, native))
    progress("measuring", 0.95)
    chosen = params.alarm_alpha if alpha is None else alpha
    return TumourResult(
        findings=find(tumour, segmenters, agreed, similarity, thresholds, alignment.to_atlas, alpha=chosen),
        tumour=tumour,
        aligned={
            role: resample(upright[role], native.grid, to_volume=transform.matrix)
            for role, transform in together.to_series.items()
        },
        to_series=together.to_series,
        to_atlas=alignment.to_atlas,
        similarities=similarity,
        quality=(*together.quality, QualityFigure("series measured, of 4", float(len(upright)), "", not absent)),
        warnings=(*(WITHOUT[role] for role in absent), *(_NOT_MEASURED.format(label.words) for label in too_small)),
    )


def _absent(images: Images) -> tuple[SeriesRole, ...]:
    """Return which series others stand in for."""
    absent = tuple(role for role in SPEC.optional_roles if role not in images)
    missing = [role for role in SPEC.required_roles if role not in images]
    if missing:
        raise InputRejected(f"Tumour volumes need the series {', '.join(missing)} as well.")
    if len(absent) > 1:
        raise InputRejected(f"Tumour volumes need one of the series {', '.join(absent)} as well.")
    return absent


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
    place = {SeriesRole.T1C: RigidTransform.identity(), **to_series}
    together = {role: resample(volume, grid, to_volume=place[role].matrix) for role, volume in upright.items()}
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
