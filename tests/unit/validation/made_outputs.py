"""Outputs of runs that never ran: small maps with lesions where a test wants them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from processing.domain.imaging import Grid, LabelMap, Volume
from processing.domain.result import Lesion, LesionChange, QualityFigure, Region, Side
from validation.outputs import (
    CaseOutput,
    CaseRecord,
    RunProvenance,
    TrueLesionFigures,
    TruthFigures,
    map_print,
    print_of,
    samples_of,
)

GRID = Grid.from_axes(
    (12, 40, 40), origin_mm=(-20, -20, -18), spacing_mm=(3.0, 1.0, 1.0), directions=np.eye(3)[:, ::-1]
)
PROVENANCE = RunProvenance(
    parameters_sha256="p", code_sha256="c", libraries={"numpy": "2.0"}, python="3.11", machine="x", cores=2, seconds=1.0
)


def lesion(number: int, volume_mm3: float, change: LesionChange = LesionChange.NEW) -> Lesion:
    return Lesion(
        number=number, change=change, volume_mm3=volume_mm3, prior_volume_mm3=0.0, centroid_mm=(0.0, 0.0, 0.0),
        region=Region.PERIVENTRICULAR, side=Side.LEFT, score=0.9,
    )  # fmt: skip


def truth(found: int, missed: int, false_positives: int) -> TruthFigures:
    lesions = [TrueLesionFigures(volume_mm3=100.0, overlap=0.8, found=True, visible=True)] * found
    lesions += [TrueLesionFigures(volume_mm3=20.0, overlap=0.0, found=False, visible=True)] * missed
    return TruthFigures(
        lesions=tuple(lesions), false_positives=false_positives, dice=0.7, landmarks=None, scores=((0.9, True),)
    )


def output(
    sizes: tuple[int, ...] = (10, 6),
    *,
    version: str = "1.0.0",
    case: str = "one",
    dataset: str = "made",
    shift: int = 0,
    figures: TruthFigures | None = None,
    offset: float = 0.0,
) -> CaseOutput:
    """Bars along x of the given lengths, two voxels thick; `offset` is added to every voxel of the subtraction."""
    labels = np.zeros(GRID.shape, np.uint16)
    for number, size in enumerate(sizes, start=1):
        labels[2 * number, 10:12, 5 + shift : 5 + shift + size] = number
    lesion_map = LabelMap(labels, GRID)
    subtraction = Volume(
        np.random.default_rng(1).normal(0, 1, GRID.shape).astype(np.float32) + np.float32(offset), GRID
    )
    record = CaseRecord(
        dataset=dataset,
        case=case,
        pipeline="ms_longitudinal",
        version=version,
        lesions=tuple(lesion(n, 6.0 * size) for n, size in enumerate(sizes, start=1)),
        quality=(QualityFigure("noise", 1.0, "%", True),),
        current_to_prior=tuple(tuple(float(v) for v in row) for row in np.eye(4)),
        images={"lesions": map_print(lesion_map), "subtraction": print_of(subtraction)},
        truth=figures,
        provenance=PROVENANCE,
    )
    return CaseOutput(record, lesion_map, {"subtraction": samples_of(subtraction)})


def with_record(made: CaseOutput, **changes: object) -> CaseOutput:
    """The same output with other words in its record."""
    return replace(made, record=made.record.model_copy(update=changes))
