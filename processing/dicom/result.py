"""A comparison as the DICOM objects that carry it, before and after the reader's signature, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydicom.dataset import Dataset

from processing.dicom import write_derived, write_pdf, write_registration, write_sc, write_seg, write_sr
from processing.dicom.objects import ObjectKind as ObjectKind
from processing.dicom.objects import ResultObject as ResultObject
from processing.dicom.objects import (
    as_document,
    detached,
    grouped,
    rejection,
    stored_outlines,
    stored_registration,
    stored_volume,
)
from processing.dicom.objects import draft_series_uids as draft_series_uids
from processing.dicom.objects import object_kind as object_kind
from processing.dicom.objects import replacing as replacing
from processing.dicom.objects import to_part10 as to_part10
from processing.dicom.provenance import Provenance
from processing.dicom.read import SourceSeries
from processing.domain.decision import Acceptance, SignedReview
from processing.domain.errors import Defect
from processing.domain.imaging import Grid
from processing.domain.result import Lesion, LongitudinalResult, QualityFigure


def write_draft(
    current: SourceSeries, prior_headers: Sequence[Dataset], result: LongitudinalResult, provenance: Provenance
) -> tuple[ResultObject, ...]:
    """Write a result for review: every lesion, marked as not reviewed.

    See `write_result`.
    """
    return write_result(current, prior_headers, result, provenance, None)


def write_result(
    current: SourceSeries,
    prior_headers: Sequence[Dataset],
    result: LongitudinalResult,
    provenance: Provenance,
    review: SignedReview | None,
) -> tuple[ResultObject, ...]:
    """Write a result as DICOM objects of the current study.

    Parameters
    ----------
    current : SourceSeries
        The current FLAIR. Its headers give patient, study and the images that are referenced: pseudonymous headers
        give pseudonymous objects, the clinical archive's headers give the final ones.
    prior_headers : sequence of Dataset
        The prior FLAIR's headers, from the same archive.
    result : LongitudinalResult
    provenance : Provenance
        Its seed names the job. Whether the UIDs are those of drafts follows from `review`.
    review : SignedReview or None
        None writes a draft with all lesions. After an acceptable review only accepted lesions are written, and every
        sum is over them alone. After an unacceptable one there is nothing but a Key Object and a page that say so,
        and no volume anywhere.

    Returns
    -------
    tuple of ResultObject
        The same input gives the same objects with the same UIDs.

    Raises
    ------
    Defect
        If result and images don't lie on one grid, or a lesion has no verdict.
    InputRejected
        If the headers can't be referenced.
    """
    if review is not None and review.acceptance is Acceptance.UNACCEPTABLE:
        signed = provenance.as_signed(review.edition)
        content = write_pdf.document_content(current, prior_headers, result, (), (), signed, review)
        return rejection(current, content, provenance, review, with_segmentation=bool(result.lesions))
    provenance = provenance.as_draft() if review is None else provenance.as_signed(review.edition)
    signed_at = None if review is None else review.signed_at
    lesions = reported_lesions(result, review)
    lesion_map = result.lesion_map.keep({lesion.number for lesion in lesions})
    segmentation = write_seg.write_segmentation(current, lesion_map, lesions, provenance, signed_at=signed_at)
    report = write_sr.write_report(
        current,
        prior_headers,
        lesions,
        provenance,
        segmentation=segmentation,
        notes=result.warnings,
        review=review,
    )
    pictures = write_sc.write_pictures(
        current,
        prior_headers,
        result.registered_prior,
        lesion_map,
        lesions,
        provenance,
        notes=result.warnings,
        review=review,
    )
    transform = result.current_to_prior
    prior = write_derived.write_registered_prior(
        current, prior_headers, result.registered_prior, transform, provenance, signed_at=signed_at
    )
    subtraction = write_derived.write_subtraction(current, result.subtraction, provenance, signed_at=signed_at)
    registration = write_registration.write_registration(
        current, prior_headers, transform, provenance, signed_at=signed_at
    )
    document = []
    if review is not None:
        rows = write_pdf.lesion_rows(current.volume, result.registered_prior, lesion_map, lesions)
        content = write_pdf.document_content(current, prior_headers, result, lesions, rows, provenance, review)
        document.append(as_document(current, content, [current.reference, report]))
    return (
        *([ResultObject(ObjectKind.SEGMENTATION, detached(segmentation))] if segmentation is not None else []),
        ResultObject(ObjectKind.REPORT, detached(report)),
        *(ResultObject(ObjectKind.PICTURES, dataset) for dataset in pictures),
        *(ResultObject(ObjectKind.REGISTERED_PRIOR, dataset) for dataset in prior),
        *(ResultObject(ObjectKind.SUBTRACTION, dataset) for dataset in subtraction),
        ResultObject(ObjectKind.REGISTRATION, registration),
        *document,
    )


def reported_lesions(result: LongitudinalResult, review: SignedReview | None) -> tuple[Lesion, ...]:
    """Return the lesions that may be reported: all of a draft, the accepted ones of a signed result.

    Raises
    ------
    Defect
        If a lesion has no verdict, or a verdict has no lesion.
    """
    if review is None:
        return result.lesions
    if review.verdicts.keys() != {lesion.number for lesion in result.lesions}:
        raise Defect("The reader's verdicts are not those of this result's lesions.")
    return tuple(lesion for lesion in result.lesions if lesion.number in review.accepted_lesions)


def read_result(
    objects: Iterable[Dataset],
    grid: Grid,
    *,
    lesions: tuple[Lesion, ...],
    quality: tuple[QualityFigure, ...] = (),
    warnings: tuple[str, ...] = (),
) -> LongitudinalResult:
    """Rebuild a result from its stored draft.

    Parameters
    ----------
    objects : iterable of Dataset
        At least the draft's segmentation (none when there is no lesion), registered prior, subtraction and
        registration, in any order; others are passed over.
    grid : Grid
        The current FLAIR's.
    lesions, quality, warnings
        From the job's outcome, which says more than the objects.

    Returns
    -------
    LongitudinalResult
        Images as they were stored: the registered prior rounded to its stored values, the subtraction to thousandths.

    Raises
    ------
    InputRejected
        If an object is missing or doesn't fit the grid or the lesions.
    """
    by_kind = grouped(objects)
    subtraction = stored_volume(by_kind, ObjectKind.SUBTRACTION, grid)
    return LongitudinalResult(
        lesions=lesions,
        lesion_map=stored_outlines(by_kind, grid, {lesion.number for lesion in lesions}),
        registered_prior=stored_volume(by_kind, ObjectKind.REGISTERED_PRIOR, grid),
        subtraction=subtraction.with_array(subtraction.array / write_derived.SUBTRACTION_STEPS),
        current_to_prior=write_registration.read_registration(stored_registration(by_kind)),
        quality=quality,
        warnings=warnings,
    )
