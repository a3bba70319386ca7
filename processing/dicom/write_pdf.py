"""The report as an Encapsulated PDF (PS3.3 A.45.1), for everybody who has a PDF viewer and no SR viewer."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import EncapsulatedPDFStorage
from pydicom.valuerep import DT

from processing.dicom.attributes import SeriesFacts, code_item, described, has_true_dates, set_identity, set_instance
from processing.dicom.document import DocumentContent, render
from processing.dicom.lesion_pages import LesionContent
from processing.dicom.pictures import LesionRow, Pictures, Words
from processing.dicom.provenance import Provenance
from processing.dicom.read import SourceSeries
from processing.dicom.sources import instance_reference
from processing.dicom.write_sr import days_between
from processing.domain.decision import SignedReview
from processing.domain.imaging import LabelMap, Volume
from processing.domain.result import Lesion, LongitudinalResult

KIND = "document"
MOST_ROWS = 20
"""The largest lesions get a row of pictures; the table holds all."""

_TITLE = Code("18748-4", "LN", "Diagnostic imaging report")


def write_document(header: Dataset, content: DocumentContent, sources: Sequence[Dataset]) -> Dataset:
    """Write the report's pages as a DICOM object.

    Parameters
    ----------
    header : Dataset
        A header of the current study.
    content : DocumentContent
        Of a signed review.
    sources : sequence of Dataset
        What the pages were made from: an image of the current study, and the measurement report where there is one.
    """
    provenance = content.provenance
    dataset = Dataset()
    facts = SeriesFacts(KIND, "DOC", described("Interval report"))
    set_identity(dataset, header, provenance, facts, signed_at=content.review.signed_at)
    set_instance(dataset, EncapsulatedPDFStorage, provenance.uid(KIND, 1), 1)
    dataset.ConversionType = "WSD"
    dataset.AcquisitionDateTime = DT(content.review.signed_at.strftime("%Y%m%d%H%M%S%z"))
    dataset.SourceInstanceSequence = [instance_reference(source) for source in sources]
    dataset.DocumentTitle = f"Interval: {content.title[0].lower()}{content.title[1:]}"
    dataset.ConceptNameCodeSequence = [code_item(_TITLE)]
    dataset.VerificationFlag = "VERIFIED"
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    fill_pages(dataset, content)
    return dataset


def lesion_rows(
    current: Volume, prior: Volume, lesion_map: LabelMap, lesions: Sequence[Lesion]
) -> tuple[LesionRow, ...]:
    """Draw the rows of pictures of the largest lesions; all volumes lie on one grid."""
    shown = lesion_map.keep({lesion.number for lesion in lesions})
    pictures = Pictures(current, prior, shown, lesions, Words("", "", "", ""))
    largest = sorted(lesions, key=lambda lesion: (-lesion.volume_mm3, lesion.number))[:MOST_ROWS]
    return tuple(pictures.lesion_row(lesion) for lesion in largest)


def document_content(
    current: SourceSeries,
    prior_headers: Sequence[Dataset],
    result: LongitudinalResult,
    lesions: Sequence[Lesion],
    rows: Sequence[LesionRow],
    provenance: Provenance,
    review: SignedReview,
) -> LesionContent:
    """Gather what the pages say; of a rejected result neither lesions nor rows are given."""
    return LesionContent(
        lesions=tuple(lesions),
        rows=tuple(rows),
        quality=result.quality,
        notes=result.warnings,
        days=days_between(prior_headers[0], current.reference) if prior_headers else None,
        review=review,
        provenance=provenance,
    )


def fill_pages(dataset: Dataset, content: DocumentContent) -> None:
    """Draw the pages for whoever the object's own header says it is of.

    A document can't be given its patient back attribute by attribute, as other objects are: it is drawn again.
    """
    pages = render(content, dataset)
    dataset.BurnedInAnnotation = "YES" if has_true_dates(dataset) else "NO"
    dataset.EncapsulatedDocument = pages + b"\0" * (len(pages) % 2)
    dataset.EncapsulatedDocumentLength = len(pages)
