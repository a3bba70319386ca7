"""The one place that chooses by the kind of a result how it is written and read (ADR 0017)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

import numpy as np
from pydicom.dataset import Dataset

from processing.dicom.provenance import Provenance
from processing.dicom.read import SourceSeries
from processing.dicom.result import ResultObject, read_result, write_result
from processing.dicom.tumour_result import read_tumour_result, write_tumour_result
from processing.domain.decision import SignedReview
from processing.domain.imaging import Grid, LabelMap
from processing.domain.messages import JobOutcome
from processing.domain.result import LongitudinalResult, PipelineResult, TumourResult
from processing.domain.study import SeriesRole


@dataclass(frozen=True, eq=False)
class Measured:
    """The images that a result was measured on.

    Parameters
    ----------
    reference : SourceSeries
        The current series on whose grid the result lies.
    prior : sequence of Dataset
        Headers of the same series of the earlier visit, where there is one.
    others : mapping of SeriesRole to sequence of Dataset
        Headers of the current visit's other series.
    """

    reference: SourceSeries
    prior: Sequence[Dataset] = ()
    others: Mapping[SeriesRole, Sequence[Dataset]] = field(default_factory=dict)


def write(
    images: Measured, result: PipelineResult, provenance: Provenance, review: SignedReview | None = None
) -> tuple[ResultObject, ...]:
    """Write a result as DICOM objects; without a review as the draft that waits for a reader.

    See `write_result` and `write_tumour_result`.
    """
    match result:
        case LongitudinalResult():
            return write_result(images.reference, images.prior, result, provenance, review)
        case TumourResult():
            return write_tumour_result(images.reference, images.others, result, provenance, review)
        case never:
            assert_never(never)


def read(objects: Iterable[Dataset], grid: Grid, outcome: JobOutcome) -> PipelineResult:
    """Rebuild a result from its stored draft and its outcome.

    See `read_result` and `read_tumour_result`.
    """
    quality, warnings = outcome.quality, outcome.warnings
    if outcome.tumour is not None:
        return read_tumour_result(objects, grid, findings=outcome.tumour, quality=quality, warnings=warnings)
    return read_result(objects, grid, lesions=outcome.lesions, quality=quality, warnings=warnings)


def outlines(result: PipelineResult) -> LabelMap:
    """Return the map of what the reader accepts or rejects: a label for each number that wants a verdict."""
    match result:
        case LongitudinalResult():
            return result.lesion_map
        case TumourResult():
            return result.tumour
        case never:
            assert_never(never)


def same_outlines(first: PipelineResult, second: PipelineResult) -> bool:
    """Whether two results outline the same voxels."""
    return np.array_equal(outlines(first).array, outlines(second).array)


def succeeded(outcome: JobOutcome, result: PipelineResult) -> JobOutcome:
    """Return an outcome with what is said of the result beside its objects."""
    said = {"quality": result.quality, "warnings": result.warnings}
    match result:
        case LongitudinalResult():
            return outcome.model_copy(update={**said, "lesions": result.lesions, "compared": result.compared})
        case TumourResult():
            return outcome.model_copy(update={**said, "tumour": result.findings})
        case never:
            assert_never(never)
