"""The stages in order: from two sets of images to what changed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import cast

import numpy as np
import numpy.typing as npt

from processing.domain.errors import InputRejected
from processing.domain.imaging import LabelMap, Volume
from processing.domain.result import Lesion, LongitudinalResult, QualityFigure
from processing.domain.study import SeriesRole
from processing.pipelines.ms_longitudinal.contrasts import other_contrasts
from processing.pipelines.ms_longitudinal.findings import Found, find_changes
from processing.pipelines.ms_longitudinal.network import WITHOUT_NETWORK, installed_network
from processing.pipelines.ms_longitudinal.pair import Pair
from processing.pipelines.ms_longitudinal.spec import SPEC, MsLongitudinalParameters
from processing.pipelines.spec import Images, Progress
from processing.stages.atlas import Atlas, load_atlas
from processing.stages.bias_field import BiasParameters, remove_differential_bias
from processing.stages.brain import AtlasAlignment, BrainParameters, align_with_atlas, brain_quality, extract_brain
from processing.stages.change import onto_grid
from processing.stages.components import inner_voxel
from processing.stages.learned import LearnedModel
from processing.stages.locate import Landmarks, LocationParameters, find_landmarks, locate
from processing.stages.normalise import NormalisationParameters, normalise_pair
from processing.stages.quality import QualityParameters, scan_quality
from processing.stages.register import Registration, RegistrationParameters, register_rigid
from processing.stages.resample import blur_to_voxel, coverage, crop, halfway_grid, reorient, resample
from processing.stages.subtract import Subtraction

__all__ = ["SPEC", "run"]

Mask = npt.NDArray[np.bool_]

PARAMETERS = cast(MsLongitudinalParameters, SPEC.parameters)


def run(current: Images, prior: Images, progress: Progress) -> LongitudinalResult:
    """Find what changed in the white matter between two FLAIR scans.

    Parameters
    ----------
    current, prior : mapping of SeriesRole to Volume
        FLAIR is required in both; T1 and T2, where both visits have them, confirm or refute what FLAIR shows.
        The series of one visit share its frame of reference.
    progress : callable
        Called with each stage's name and the part of the whole that is done.

    Returns
    -------
    LongitudinalResult
        Images on the current FLAIR's own grid.

    Raises
    ------
    InputRejected
        If a FLAIR is missing, or shows no brain.
    RegistrationFailed
        If the two scans can't be brought into one space.
    """
    return run_with(installed_network(), current, prior, progress)


def run_with(
    network: LearnedModel | None,
    current: Images,
    prior: Images,
    progress: Progress,
    *,
    params: MsLongitudinalParameters = PARAMETERS,
) -> LongitudinalResult:
    """Do as `run` does with a given network, or with the hand-made detector alone (None), and given numbers."""
    if SeriesRole.FLAIR not in current or SeriesRole.FLAIR not in prior:
        raise InputRejected("A FLAIR series of both studies is needed for this comparison.")
    native = current[SeriesRole.FLAIR]
    now, before = reorient(native), reorient(prior[SeriesRole.FLAIR])
    _refuse_unusable(now)
    _refuse_unusable(before)

    progress("registering the two studies", 0.0)
    atlas = load_atlas()
    # On two cores at once: the brain is looked for in the current scan alone.
    with ThreadPoolExecutor(1) as pool:
        extracting = pool.submit(_extract, now, atlas)
        registration = register_rigid(
            now,
            before,
            params=RegistrationParameters(
                minimum_correlation=params.minimum_registration_correlation,
                minimum_overlap=params.minimum_registration_overlap,
            ),
        )
        progress("extracting the brain", 0.2)
        extracted = extracting.result()
    progress("resampling half-way", 0.4)
    pair = _into_halfway_space(now, before, registration, extracted, atlas)
    progress("normalising intensities", 0.6)
    pair = _normalise(pair, params)
    progress("comparing", 0.7)
    others = other_contrasts(current, prior, (now, before), pair, params)
    found, rise = find_changes(pair, others.changes, network, params)
    progress("measuring lesions", 0.85)
    lesions, lesion_map, lost = _measure(pair, found, native, atlas, params)
    progress("writing images", 0.95)
    return LongitudinalResult(
        lesions=lesions,
        lesion_map=lesion_map,
        registered_prior=resample(prior[SeriesRole.FLAIR], native.grid, to_volume=registration.transform.matrix),
        subtraction=resample(rise.difference, native.grid, to_volume=pair.half.matrix),
        current_to_prior=registration.transform,
        quality=_quality(now, before, pair, registration, rise) + others.quality,
        warnings=_warnings(pair, lost) + others.warnings + (() if network else (WITHOUT_NETWORK,)),
        compared=(SeriesRole.FLAIR, *others.changes),
    )


def _refuse_unusable(scan: Volume) -> None:
    if not np.isfinite(scan.array).all():
        raise InputRejected("An image holds values that are no numbers.")
    if min(np.array(scan.grid.shape) * scan.grid.spacing_mm) < 60.0 or min(scan.grid.shape) < 8:
        raise InputRejected("A FLAIR series covers too little of the head to be compared.")


def _extract(now: Volume, atlas: Atlas) -> tuple[AtlasAlignment, Volume, tuple[QualityFigure, ...]]:
    """Find the brain in the current scan, and say how far to trust it."""
    params = BrainParameters()
    alignment = align_with_atlas(now, atlas, params=params)
    brain = extract_brain(now, atlas, alignment, params=params)
    return alignment, brain, brain_quality(now, brain, atlas, alignment, title="current", params=params)


def _into_halfway_space(
    now: Volume,
    before: Volume,
    registration: Registration,
    extracted: tuple[AtlasAlignment, Volume, tuple[QualityFigure, ...]],
    atlas: Atlas,
) -> Pair:
    """Resample both scans half-way, around the brain only."""
    alignment, brain_now, extraction = extracted
    half = registration.transform.half()
    whole = halfway_grid(now, before, registration.transform)
    to_now, to_before = half.inverse().matrix, half.matrix
    grid = crop(whole, resample(brain_now, whole, to_volume=to_now).array > 0.5, margin_voxels=3)
    brain = resample(brain_now, grid, to_volume=to_now).array > 0.5
    seen = coverage(before, grid, to_volume=to_before)
    voxel = grid.spacing_mm
    to_atlas = alignment.to_atlas @ to_now
    expected = resample(atlas.brain, whole, to_volume=to_atlas).array > 0.5
    covered = tuple(
        float(coverage(scan, whole, to_volume=matrix)[expected].sum())
        * whole.voxel_volume_mm3
        / _volume(atlas, to_atlas)
        for scan, matrix in ((now, to_now), (before, to_before))
    )
    return Pair(
        now=resample(blur_to_voxel(now, voxel), grid, to_volume=to_now),
        before=resample(blur_to_voxel(before, voxel), grid, to_volume=to_before),
        half=half,
        brain=brain & seen,
        white_matter=resample(atlas.white_matter, grid, to_volume=to_atlas),
        grey_matter=resample(atlas.grey_matter, grid, to_volume=to_atlas),
        to_atlas=to_atlas,
        coverage=(min(1.0, covered[0]), min(1.0, covered[1])),
        extraction=extraction,
    )


def _volume(atlas: Atlas, to_atlas: npt.NDArray[np.float64]) -> float:
    """Volume of the atlas's brain in the patient, in mm3."""
    return float(atlas.brain.array.sum()) * atlas.grid.voxel_volume_mm3 / abs(float(np.linalg.det(to_atlas[:3, :3])))


def _normalise(pair: Pair, params: MsLongitudinalParameters) -> Pair:
    now, before = normalise_pair(
        pair.now, pair.before, brain=pair.brain, white_matter=pair.white, params=NormalisationParameters()
    )
    now, before = remove_differential_bias(
        now, before, brain=pair.brain, params=BiasParameters(sigma_mm=params.bias_sigma_mm)
    )
    return replace(pair, now=now, before=before)


def _measure(
    pair: Pair, found: tuple[Found, ...], native: Volume, atlas: Atlas, params: MsLongitudinalParameters
) -> tuple[tuple[Lesion, ...], LabelMap, int]:
    """Carry every finding to the current scan's own grid, and measure it there.

    Returns
    -------
    tuple
        Lesions in order of falling volume, their map, and how many findings lie outside the current scan's slices.
    """
    labels = onto_grid(
        tuple(item.candidate.mask for item in found), pair.now.grid, native.grid, to_source=pair.half.matrix
    )
    voxel = native.grid.voxel_volume_mm3
    location = LocationParameters(
        periventricular_mm=params.periventricular_mm, juxtacortical_mm=params.juxtacortical_mm
    )
    landmarks = find_landmarks(pair.now, brain=pair.brain, atlas=atlas, to_atlas=pair.to_atlas, params=location)
    counts = np.bincount(labels.ravel(), minlength=len(found) + 1)[1:]
    order = sorted((i for i in range(len(found)) if counts[i]), key=lambda i: (-counts[i], i))
    renumber = np.zeros(len(found) + 1, np.uint16)
    for number, i in enumerate(order, start=1):
        renumber[i + 1] = number
    numbered = renumber[labels]
    lesions = tuple(
        _lesion(number, found[i], numbered == number, float(counts[i]) * voxel, native, landmarks, location)
        for number, i in enumerate(order, start=1)
    )
    return lesions, LabelMap(numbered, native.grid), len(found) - len(order)


def _lesion(
    number: int,
    item: Found,
    mask: Mask,
    volume_mm3: float,
    native: Volume,
    landmarks: Landmarks,
    location: LocationParameters,
) -> Lesion:
    x, y, z = native.grid.index_to_lps(inner_voxel(mask, native.grid))
    region, side = locate(item.candidate.mask, landmarks, params=location)
    return Lesion(
        number=number,
        change=item.change,
        volume_mm3=volume_mm3,
        prior_volume_mm3=item.other_volume_mm3 if item.change.increase else volume_mm3 + item.other_volume_mm3,
        centroid_mm=(float(x), float(y), float(z)),
        region=region,
        side=side,
        score=item.candidate.score,
        disputed=item.candidate.disputed,
        partial_volume_mm3=item.partial_volume_mm3,
    )


def _quality(
    now: Volume, before: Volume, pair: Pair, registration: Registration, rise: Subtraction
) -> tuple[QualityFigure, ...]:
    """Figures of the comparison, and of both scans as they were acquired."""
    figures = [
        QualityFigure("registration correlation", registration.correlation, "", registration.correlation >= 0.8),
        QualityFigure("noise of the difference", 100.0 * rise.noise, "% of white matter", rise.noise <= 0.15),
        *pair.extraction,
    ]
    brain = pair.now.with_array(pair.brain.astype(np.float32))
    for title, scan, to_halfway, covered in (
        ("current", now, pair.half.matrix, pair.coverage[0]),
        ("prior", before, pair.half.inverse().matrix, pair.coverage[1]),
    ):
        inside = resample(brain, scan.grid, to_volume=to_halfway).array > 0.5
        white, grey = (
            inside & (resample(tissue, scan.grid, to_volume=to_halfway).array > 0.9)
            for tissue in (pair.white_matter, pair.grey_matter)
        )
        figures += scan_quality(
            scan,
            title=title,
            brain=inside,
            white_matter=white,
            grey_matter=grey,
            coverage=covered,
            params=QualityParameters(),
        )
    return tuple(figures)


def _warnings(pair: Pair, lost: int) -> tuple[str, ...]:
    warnings = []
    for title, covered in zip(("current", "prior"), pair.coverage, strict=True):
        if covered < QualityParameters().minimum_coverage:
            warnings.append(f"The {title} FLAIR does not cover the whole brain: what lies outside was not compared.")
    if lost:
        warnings.append(f"{lost} finding(s) have no place on the current FLAIR's slices and are not in the list.")
    return tuple(warnings)
