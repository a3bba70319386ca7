"""A measured tumour as the DICOM objects that carry it, before and after the reader's signature, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from processing.dicom import tumour_seg, tumour_sr, write_derived, write_registration, write_sc
from processing.dicom.objects import (
    ObjectKind,
    ResultObject,
    as_document,
    detached,
    grouped,
    rejection,
    stored_outlines,
    stored_registration,
    stored_volume,
)
from processing.dicom.provenance import Provenance
from processing.dicom.read import SourceSeries
from processing.dicom.tumour_pages import TumourContent
from processing.dicom.tumour_pictures import TumourPictures, TumourWords
from processing.domain.decision import Acceptance, SignedReview
from processing.domain.errors import Defect
from processing.domain.imaging import Grid, LabelMap
from processing.domain.result import QualityFigure, TumourResult
from processing.domain.study import SeriesRole
from processing.domain.tumour import TumourFindings, TumourLabel

_MOST_ROWS = 4
"""Rows of pictures on the report's first pages."""

_ROW_PIXELS = 300

Headers = Mapping[SeriesRole, Sequence[Dataset]]


def write_tumour_result(
    source: SourceSeries,
    others: Headers,
    result: TumourResult,
    provenance: Provenance,
    review: SignedReview | None,
) -> tuple[ResultObject, ...]:
    """Write a measured tumour as DICOM objects of its study.

    Parameters
    ----------
    source : SourceSeries
        T1C. Its headers give patient and study.
    others : mapping of SeriesRole to sequence of Dataset
        Headers of the other series.
    result : TumourResult
    provenance : Provenance
    review : SignedReview or None
        None writes a draft with all parts. After an acceptable review only accepted parts are written, and sums and
        ratios only where none was rejected. After an unacceptable one there is nothing but a Key Object and a page
        that say so.

    Raises
    ------
    Defect
        If result and images don't lie on one grid, or a part has no verdict.
    InputRejected
        If the headers can't be referenced.
    """
    if review is not None and review.acceptance is Acceptance.UNACCEPTABLE:
        content = _content(result, (), (), provenance.as_signed(review.edition), review)
        return rejection(source, content, provenance, review, with_segmentation=bool(result.findings.parts))
    provenance = provenance.as_draft() if review is None else provenance.as_signed(review.edition)
    signed_at = None if review is None else review.signed_at
    parts = reported_parts(result, review)
    outline = result.tumour.keep({int(label) for label in parts})
    segmentation = tumour_seg.write_tumour_segmentation(source, outline, parts, provenance, signed_at=signed_at)
    report = tumour_sr.write_tumour_report(
        source, others, result, parts, provenance, segmentation=segmentation, review=review
    )
    pictures = _pictures(source, result, outline, provenance, review)
    registration = write_registration.write_coregistration(
        source, others, result.to_series, result.to_atlas, provenance, signed_at=signed_at
    )
    written = [ResultObject(ObjectKind.SEGMENTATION, detached(segmentation))] if segmentation is not None else []
    written.append(ResultObject(ObjectKind.REPORT, detached(report)))
    drawn = write_sc.captures(source, provenance, _drawn(pictures, result.findings, parts), signed_at)
    written += [ResultObject(ObjectKind.PICTURES, dataset) for dataset in drawn]
    for role, aligned in result.aligned.items():
        series = write_derived.write_aligned(
            source, role, others[role], aligned, result.to_series[role], provenance, signed_at=signed_at
        )
        written += [ResultObject(ObjectKind(write_derived.ALIGNED[role]), dataset) for dataset in series]
    written.append(ResultObject(ObjectKind.REGISTRATION, registration))
    if review is not None:
        rows = tuple(pictures.row(z, _ROW_PIXELS) for z in _spread(pictures.slices, _MOST_ROWS))
        written.append(
            as_document(source, _content(result, parts, rows, provenance, review), [source.reference, report])
        )
    return tuple(written)


def reported_parts(result: TumourResult, review: SignedReview | None) -> tuple[TumourLabel, ...]:
    """Return the parts that may be reported: all of a draft, the accepted ones of a signed result.

    Raises
    ------
    Defect
        If a part has no verdict, or a verdict has no part.
    """
    parts = result.findings.parts
    if review is None:
        return parts
    if review.verdicts.keys() != {int(label) for label in parts}:
        raise Defect("The reader's verdicts are not those of this tumour's parts.")
    return tuple(label for label in parts if int(label) in review.accepted_lesions)


def read_tumour_result(
    objects: Iterable[Dataset],
    grid: Grid,
    *,
    findings: TumourFindings,
    quality: tuple[QualityFigure, ...] = (),
    warnings: tuple[str, ...] = (),
) -> TumourResult:
    """Rebuild a measured tumour from its stored draft.

    Parameters
    ----------
    objects : iterable of Dataset
        At least segmentation (none when nothing was found), aligned series and registration; others are passed over.
    grid : Grid
        T1C's.
    findings, quality, warnings
        From the job's outcome.

    Raises
    ------
    InputRejected
        If an object is missing or doesn't fit the grid or the findings.
    """
    by_kind = grouped(objects)
    to_series, to_atlas = write_registration.read_coregistration(stored_registration(by_kind))
    return TumourResult(
        findings=findings,
        tumour=stored_outlines(by_kind, grid, {int(label) for label in findings.parts}),
        aligned={role: stored_volume(by_kind, ObjectKind(write_derived.ALIGNED[role]), grid) for role in to_series},
        to_series=to_series,
        to_atlas=to_atlas,
        similarities=np.empty((0, 0, 0)),
        quality=quality,
        warnings=warnings,
    )


def _pictures(
    source: SourceSeries,
    result: TumourResult,
    outline: LabelMap,
    provenance: Provenance,
    review: SignedReview | None,
) -> TumourPictures:
    status = "Draft: not reviewed by a reader."
    if review is not None:
        status = f"Accepted by the reader on {review.signed_at:%Y-%m-%d}; rejected parts are left out."
    words = TumourWords(f"{provenance.pipeline} {provenance.version}", status, result.warnings)
    return TumourPictures({SeriesRole.T1C: source.volume, **result.aligned}, outline, words)


def _drawn(pictures: TumourPictures, found: TumourFindings, parts: Sequence[TumourLabel]) -> list[write_sc.Drawn]:
    slices = pictures.slices
    return [
        write_sc.Drawn(0, "Overview", pictures.overview(found, parts)),
        *(
            write_sc.Drawn(place, f"Tumour, slice {place}", pictures.slice_picture(z, place, len(slices)))
            for place, z in enumerate(slices, start=1)
        ),
    ]


def _content(
    result: TumourResult,
    parts: tuple[TumourLabel, ...],
    rows: tuple[tuple[npt.NDArray[np.uint8], ...], ...],
    provenance: Provenance,
    review: SignedReview,
) -> TumourContent:
    return TumourContent(
        quality=result.quality,
        notes=result.warnings,
        review=review,
        provenance=provenance,
        found=result.findings,
        parts=parts,
        used=(SeriesRole.T1C, *result.to_series),
        rows=rows,
        growth=result.growth,
    )


def _spread(slices: Sequence[int], most: int) -> list[int]:
    """Choose some of many, evenly, without the outermost."""
    if len(slices) <= most:
        return list(slices)
    inner = np.linspace(0, len(slices) - 1, most + 2)[1:-1]
    return [slices[round(float(place))] for place in inner]
