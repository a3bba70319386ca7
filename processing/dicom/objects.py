"""The DICOM objects of a result, whatever it is: their kinds, their rejection, and what replaces them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
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

from processing.dicom import sr_document, write_derived, write_ko, write_pdf, write_registration, write_sc, write_seg
from processing.dicom.attributes import SERIES_NUMBERS, SeriesFacts, set_identity, set_instance
from processing.dicom.document import DocumentContent
from processing.dicom.geometry import READ_BACK_TOLERANCE_MM
from processing.dicom.provenance import MANUFACTURER, Provenance
from processing.dicom.read import SourceSeries, read_series
from processing.domain.decision import SignedReview
from processing.domain.errors import InputRejected
from processing.domain.imaging import Grid, LabelMap, Volume
from processing.domain.messages import StoredObject
from processing.domain.study import SeriesRole


class ObjectKind(StrEnum):
    """What a result object is."""

    SEGMENTATION = write_seg.KIND
    REPORT = sr_document.KIND
    PICTURES = write_sc.KIND
    REGISTERED_PRIOR = write_derived.REGISTERED_PRIOR
    SUBTRACTION = write_derived.SUBTRACTION
    REGISTRATION = write_registration.KIND
    ALIGNED_T1 = write_derived.ALIGNED[SeriesRole.T1]
    ALIGNED_T2 = write_derived.ALIGNED[SeriesRole.T2]
    ALIGNED_FLAIR = write_derived.ALIGNED[SeriesRole.FLAIR]
    REJECTION = write_ko.KIND
    DOCUMENT = write_pdf.KIND
    WITHDRAWAL = write_ko.WITHDRAWAL


@dataclass(frozen=True, eq=False)
class ResultObject:
    """One object of a result; `content` is that of a document, which is drawn again when its patient is restored."""

    kind: ObjectKind
    dataset: Dataset
    content: DocumentContent | None = None

    @property
    def stored(self) -> StoredObject:
        """What an outcome says of it: its kind, and where it is found in the archive."""
        return StoredObject(
            kind=self.kind.value,
            sop_class_uid=str(self.dataset.SOPClassUID),
            study_instance_uid=str(self.dataset.StudyInstanceUID),
            series_instance_uid=str(self.dataset.SeriesInstanceUID),
            sop_instance_uid=str(self.dataset.SOPInstanceUID),
        )


def draft_series_uids(provenance: Provenance) -> frozenset[str]:
    """Return the UIDs of all series that a draft can consist of, whether it was written or not."""
    return frozenset(provenance.as_draft().uid(kind) for kind in ObjectKind)


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
            sr_document.set_predecessor(item.dataset, reports[0])
    if not before:
        return tuple(finals)
    replaced = [_referable(item.dataset) for item in before]
    dataset = write_ko.write_withdrawal(header, replaced, provenance, review)
    return (*finals, ResultObject(ObjectKind.WITHDRAWAL, detached(dataset)))


def _referable(dataset: Dataset) -> Dataset:
    """Return what a Key Object needs of an object to refer to it."""
    carried = Dataset()
    for element in dataset:
        if element.VR != "SQ" and element.keyword not in ("PixelData", "EncapsulatedDocument"):
            carried[element.tag] = element
    return carried


def as_document(current: SourceSeries, content: DocumentContent, sources: Sequence[Dataset]) -> ResultObject:
    """Write the pages, and keep what they say."""
    dataset = write_pdf.write_document(current.reference, content, sources)
    return ResultObject(ObjectKind.DOCUMENT, detached(dataset), content)


def rejection(
    current: SourceSeries,
    content: DocumentContent,
    provenance: Provenance,
    review: SignedReview,
    *,
    with_segmentation: bool,
) -> tuple[ResultObject, ...]:
    """Write the Key Object that rejects the draft's segmentation, report and overview, and the page that says so.

    Parameters
    ----------
    current : SourceSeries
    content : DocumentContent
        Without any finding.
    provenance : Provenance
    review : SignedReview
    with_segmentation : bool
        Whether the draft has one.
    """
    draft = provenance.as_draft()
    rejected = [
        _stand_in(current, draft, sr_document.KIND, "SR", Comprehensive3DSRStorage),
        _stand_in(current, draft, write_sc.KIND, "OT", SecondaryCaptureImageStorage),
    ]
    if with_segmentation:
        rejected.insert(0, _stand_in(current, draft, write_seg.KIND, "SEG", SegmentationStorage))
    dataset = write_ko.write_rejection(current.reference, rejected, provenance.as_signed(review.edition), review)
    return (
        ResultObject(ObjectKind.REJECTION, detached(dataset)),
        as_document(current, content, [current.reference]),
    )


def detached(dataset: Dataset) -> Dataset:
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


_KINDS_BY_NUMBER = {number: ObjectKind(kind) for kind, number in SERIES_NUMBERS.items()}


def object_kind(dataset: Dataset) -> str:
    """Return which kind of Interval's objects a dataset is, empty when it is none."""
    number = dataset.get("SeriesNumber")
    if number is None or str(dataset.get("Manufacturer", "")) != MANUFACTURER:
        return ""
    kind = _KINDS_BY_NUMBER.get(int(number))
    return "" if kind is None else kind.value


def grouped(objects: Iterable[Dataset]) -> dict[str, list[Dataset]]:
    """Return objects by their kind."""
    by_kind: dict[str, list[Dataset]] = {}
    for dataset in objects:
        by_kind.setdefault(object_kind(dataset), []).append(dataset)
    return by_kind


def stored_outlines(by_kind: Mapping[str, Sequence[Dataset]], grid: Grid, numbers: Collection[int]) -> LabelMap:
    """Read the segmentation of a stored draft, which must hold exactly these labels; raises InputRejected if not."""
    segmentations = by_kind.get(ObjectKind.SEGMENTATION)
    if numbers and not segmentations:
        raise InputRejected("The stored result has no segmentation.")
    empty = LabelMap(np.zeros(grid.shape, np.uint16), grid)
    outlines = write_seg.read_segmentation(segmentations[0], grid) if segmentations else empty
    if set(outlines.labels) != set(numbers):
        raise InputRejected("The stored segmentation does not hold what the result names.")
    return outlines


def stored_registration(by_kind: Mapping[str, Sequence[Dataset]]) -> Dataset:
    """Return the registration of a stored draft; raises InputRejected if there is none."""
    registrations = by_kind.get(ObjectKind.REGISTRATION)
    if not registrations:
        raise InputRejected("The stored result has no registration.")
    return registrations[0]


def stored_volume(by_kind: Mapping[str, Sequence[Dataset]], kind: ObjectKind, grid: Grid) -> Volume:
    """Read an image series of a stored draft, which must lie on a grid; raises InputRejected if it does not."""
    series = by_kind.get(kind)
    if not series:
        raise InputRejected(f"The stored result has no {kind}.")
    volume = read_series(series).volume
    if not volume.grid.same_as(grid, tolerance_mm=READ_BACK_TOLERANCE_MM):
        raise InputRejected(f"The stored {kind} does not lie on the current images.")
    return replace(volume, grid=grid)
