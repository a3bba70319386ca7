"""A result as the DICOM objects that carry it, before and after the reader's signature, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from io import BytesIO

import numpy as np
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    Comprehensive3DSRStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from processing.dicom import write_derived, write_ko, write_pdf, write_registration, write_sc, write_seg, write_sr
from processing.dicom.attributes import SERIES_NUMBERS, SeriesFacts, set_identity, set_instance
from processing.dicom.document import DocumentContent
from processing.dicom.geometry import READ_BACK_TOLERANCE_MM
from processing.dicom.provenance import MANUFACTURER, Provenance
from processing.dicom.read import SourceSeries, read_series
from processing.domain.decision import Acceptance, SignedReview
from processing.domain.errors import Defect, InputRejected
from processing.domain.imaging import Grid, LabelMap, Volume
from processing.domain.result import Lesion, LongitudinalResult, QualityFigure


class ObjectKind(StrEnum):
    """What a result object is."""

    SEGMENTATION = write_seg.KIND
    REPORT = write_sr.KIND
    PICTURES = write_sc.KIND
    REGISTERED_PRIOR = write_derived.REGISTERED_PRIOR
    SUBTRACTION = write_derived.SUBTRACTION
    REGISTRATION = write_registration.KIND
    REJECTION = write_ko.KIND
    DOCUMENT = write_pdf.KIND
    WITHDRAWAL = write_ko.WITHDRAWAL


@dataclass(frozen=True, eq=False)
class ResultObject:
    """One object of a result; `content` is that of a document, which is drawn again when its patient is restored."""

    kind: ObjectKind
    dataset: Dataset
    content: DocumentContent | None = None


def draft_series_uids(provenance: Provenance) -> frozenset[str]:
    """Return the UIDs of all series that a draft can consist of, whether it was written or not."""
    return frozenset(provenance.as_draft().uid(kind) for kind in ObjectKind)


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
        return _rejection(current, prior_headers, result, provenance, review)
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
        document.append(_document(current, content, [current.reference, report]))
    return (
        *([ResultObject(ObjectKind.SEGMENTATION, _detached(segmentation))] if segmentation is not None else []),
        ResultObject(ObjectKind.REPORT, _detached(report)),
        *(ResultObject(ObjectKind.PICTURES, dataset) for dataset in pictures),
        *(ResultObject(ObjectKind.REGISTERED_PRIOR, dataset) for dataset in prior),
        *(ResultObject(ObjectKind.SUBTRACTION, dataset) for dataset in subtraction),
        ResultObject(ObjectKind.REGISTRATION, registration),
        *document,
    )


def replacing(
    header: Dataset,
    finals: Sequence[ResultObject],
    before: Sequence[ResultObject],
    provenance: Provenance,
    review: SignedReview,
) -> tuple[ResultObject, ...]:
    """Let the objects of a later signature replace those of the one before.

    The measurement report names its predecessor (PS3.3 C.17.2), and a Key Object withdraws everything of before.

    Parameters
    ----------
    header : Dataset
        A header of the current study.
    finals, before : sequence of ResultObject
        Of this signature and of the one before, as far as a target holds it.
    provenance : Provenance
        Of this signature.
    review : SignedReview
    """
    reports = [item.dataset for item in before if item.kind is ObjectKind.REPORT]
    for item in finals:
        if item.kind is ObjectKind.REPORT and reports:
            write_sr.set_predecessor(item.dataset, reports[0])
    if not before:
        return tuple(finals)
    replaced = [_referable(item.dataset) for item in before]
    dataset = write_ko.write_withdrawal(header, replaced, provenance, review)
    return (*finals, ResultObject(ObjectKind.WITHDRAWAL, _detached(dataset)))


def _referable(dataset: Dataset) -> Dataset:
    """Return what a Key Object needs of an object to refer to it."""
    carried = Dataset()
    for element in dataset:
        if element.VR != "SQ" and element.keyword not in ("PixelData", "EncapsulatedDocument"):
            carried[element.tag] = element
    return carried


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


def _document(current: SourceSeries, content: DocumentContent, sources: Sequence[Dataset]) -> ResultObject:
    dataset = write_pdf.write_document(current.reference, content, sources)
    return ResultObject(ObjectKind.DOCUMENT, _detached(dataset), content)


def _rejection(
    current: SourceSeries,
    prior_headers: Sequence[Dataset],
    result: LongitudinalResult,
    provenance: Provenance,
    review: SignedReview,
) -> tuple[ResultObject, ...]:
    """Write the Key Object that rejects the draft's segmentation, report and overview, and the page that says so."""
    signed = provenance.as_signed(review.edition)
    draft = provenance.as_draft()
    rejected = [
        _stand_in(current, draft, write_sr.KIND, "SR", Comprehensive3DSRStorage),
        _stand_in(current, draft, write_sc.KIND, "OT", SecondaryCaptureImageStorage),
    ]
    if result.lesions:
        rejected.insert(0, _stand_in(current, draft, write_seg.KIND, "SEG", SegmentationStorage))
    dataset = write_ko.write_rejection(current.reference, rejected, signed, review)
    content = write_pdf.document_content(current, prior_headers, result, (), (), signed, review)
    return (
        ResultObject(ObjectKind.REJECTION, _detached(dataset)),
        _document(current, content, [current.reference]),
    )


def _detached(dataset: Dataset) -> Dataset:
    """Return a copy in which no element stands twice.

    highdicom uses one element in several places; who changes UIDs in place would change it several times.
    """
    return dcmread(BytesIO(to_part10(dataset)))


def _stand_in(current: SourceSeries, draft: Provenance, kind: str, modality: str, sop_class_uid: UID) -> Dataset:
    """Return the identifying attributes of a draft's first object of a kind, which follow from its provenance."""
    dataset = Dataset()
    set_identity(dataset, current.reference, draft, SeriesFacts(kind, modality, ""), signed_at=None)
    set_instance(dataset, sop_class_uid, draft.uid(kind, 1), 1)
    if sop_class_uid != Comprehensive3DSRStorage:
        # A Key Object refers to what has rows and columns as to an image.
        dataset.Rows = dataset.Columns = 1
    return dataset


def to_part10(dataset: Dataset) -> bytes:
    """Return a dataset as a whole Part 10 file."""
    buffer = BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


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
    by_kind: dict[str, list[Dataset]] = {}
    for dataset in objects:
        by_kind.setdefault(object_kind(dataset), []).append(dataset)
    segmentations = by_kind.get(ObjectKind.SEGMENTATION, [])
    if lesions and not segmentations:
        raise InputRejected("The stored result has no segmentation.")
    lesion_map = _empty_map(grid) if not segmentations else write_seg.read_segmentation(segmentations[0], grid)
    if set(lesion_map.labels) != {lesion.number for lesion in lesions}:
        raise InputRejected("The stored segmentation does not hold the lesions of the result.")
    registrations = by_kind.get(ObjectKind.REGISTRATION, [])
    if not registrations:
        raise InputRejected("The stored result has no registration.")
    subtraction = _volume(by_kind, ObjectKind.SUBTRACTION, grid)
    return LongitudinalResult(
        lesions=lesions,
        lesion_map=lesion_map,
        registered_prior=_volume(by_kind, ObjectKind.REGISTERED_PRIOR, grid),
        subtraction=subtraction.with_array(subtraction.array / write_derived.SUBTRACTION_STEPS),
        current_to_prior=write_registration.read_registration(registrations[0]),
        quality=quality,
        warnings=warnings,
    )


_KINDS_BY_NUMBER = {number: ObjectKind(kind) for kind, number in SERIES_NUMBERS.items()}


def object_kind(dataset: Dataset) -> str:
    """Return which kind of Interval's objects a dataset is, empty when it is none."""
    number = dataset.get("SeriesNumber")
    if number is None or str(dataset.get("Manufacturer", "")) != MANUFACTURER:
        return ""
    kind = _KINDS_BY_NUMBER.get(int(number))
    return "" if kind is None else kind.value


def _empty_map(grid: Grid) -> LabelMap:
    return LabelMap(np.zeros(grid.shape, dtype=np.uint16), grid)


def _volume(by_kind: dict[str, list[Dataset]], kind: ObjectKind, grid: Grid) -> Volume:
    series = by_kind.get(kind)
    if not series:
        raise InputRejected(f"The stored result has no {kind}.")
    volume = read_series(series).volume
    if not volume.grid.same_as(grid, tolerance_mm=READ_BACK_TOLERANCE_MM):
        raise InputRejected(f"The stored {kind} does not lie on the current images.")
    return replace(volume, grid=grid)
