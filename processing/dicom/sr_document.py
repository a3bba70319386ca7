"""What every measurement report has in common: who observed, what is referred to, and the signature (TID 1500)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    Comprehensive3DSR,
    DeviceObserverIdentifyingAttributes,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    ReferencedSegment,
    RelationshipTypeValues,
    SourceImageForSegmentation,
    TextContentItem,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian
from pydicom.valuerep import DT

from processing.dicom.attributes import SERIES_NUMBERS, SeriesFacts, described, set_identity, text
from processing.dicom.provenance import MANUFACTURER, RESEARCH_USE, Provenance
from processing.dicom.read import SourceSeries
from processing.dicom.sources import as_highdicom_source
from processing.dicom.write_seg import frame_places
from processing.domain.decision import SignedReview
from processing.domain.language import Language
from processing.domain.report import second_reading_words
from processing.domain.report_texts import texts_in
from processing.domain.side import Side

KIND = "report"

SIDES = {Side.LEFT: Code("7771000", "SCT", "Left"), Side.RIGHT: Code("24028007", "SCT", "Right"), Side.MIDLINE: None}

LESION = Code("52988006", "SCT", "Lesion")
VOLUME = Code("118565006", "SCT", "Volume")
TOTAL = Code("255619001", "SCT", "Total")
_COMMENT = Code("121106", "DCM", "Comment")

Group = MeasurementsAndQualitativeEvaluations | VolumetricROIMeasurementsAndQualitativeEvaluations


def report_document(
    source: SourceSeries,
    groups: Sequence[Group],
    provenance: Provenance,
    *,
    segmentation: Dataset | None,
    other_evidence: Sequence[Dataset] = (),
    notes: Sequence[str] = (),
    review: SignedReview | None = None,
) -> Dataset:
    """Write measurement groups as a Comprehensive 3D SR after TID 1500.

    Parameters
    ----------
    source : SourceSeries
        What was measured on.
    groups : sequence of measurement groups
    provenance : Provenance
    segmentation : Dataset or None
        What the groups refer to.
    other_evidence : sequence of Dataset
        Headers of further images that were used.
    notes : sequence of str
        Sentences that the reader must see.
    review : SignedReview, optional
        Without it the report is preliminary and unverified.
    """
    images = [as_highdicom_source(header) for header in source.headers]
    others = [as_highdicom_source(header) for header in other_evidence]
    content = MeasurementReport(
        observation_context=_observers(provenance, review),
        procedure_reported=codes.cid100.MRIUnspecifiedBodyRegion,
        imaging_measurements=list(groups),
    )
    for sentence in _comments(notes, review):
        content[0].ContentSequence.append(comment(sentence))
    with warnings.catch_warnings():
        # highdicom warns of names without a caret; the identity is set below in any case.
        warnings.simplefilter("ignore", UserWarning)
        dataset = Comprehensive3DSR(
            evidence=[*images, *([segmentation] if segmentation is not None else []), *others],
            content=content[0],
            series_instance_uid=provenance.uid(KIND),
            series_number=SERIES_NUMBERS[KIND],
            sop_instance_uid=provenance.uid(KIND, 1),
            instance_number=1,
            manufacturer=MANUFACTURER,
            is_complete=True,
            is_final=review is not None,
            transfer_syntax_uid=ExplicitVRLittleEndian,
            specific_character_set="ISO_IR 192",
        )
    facts = SeriesFacts(KIND, "SR", described("Interval measurements"))
    signed_at = None if review is None else review.signed_at
    set_identity(dataset, source.reference, provenance, facts, signed_at=signed_at)
    _set_coding_scheme(dataset)
    if review is not None:
        _verify(dataset, source.reference, review)
    return dataset


def set_predecessor(report: Dataset, before: Dataset) -> None:
    """Let a report name the one that it replaces (Predecessor Documents Sequence, PS3.3 C.17.2)."""
    instance, series, study = Dataset(), Dataset(), Dataset()
    instance.ReferencedSOPClassUID, instance.ReferencedSOPInstanceUID = before.SOPClassUID, before.SOPInstanceUID
    series.SeriesInstanceUID, series.ReferencedSOPSequence = before.SeriesInstanceUID, [instance]
    study.StudyInstanceUID, study.ReferencedSeriesSequence = before.StudyInstanceUID, [series]
    report.PredecessorDocumentsSequence = [study]


def person_name(name: str) -> str:
    """Return a name as people write it as a DICOM person name (PS3.5 section 6.2), all in its first component."""
    return name.translate(str.maketrans("^=\\", "   ")).strip()[:63] + "^"


def algorithm(provenance: Provenance) -> AlgorithmIdentification:
    """Name the pipeline as what measured."""
    return AlgorithmIdentification(
        name=provenance.title, version=f"{provenance.pipeline} {provenance.version}", manufacturer=MANUFACTURER
    )


def segment_reference(segment: int, segmentation: Dataset, source: SourceSeries) -> ReferencedSegment:
    """Refer to a segment and to the images that it lies on."""
    positions = [position_mm for number, position_mm in frame_places(segmentation) if number == segment]
    depths = {round(float(source.volume.grid.lps_to_index(position_mm)[0])) for position_mm in positions}
    places = [source.geometry.frames[z] for z in sorted(depths)]
    images = dict.fromkeys(place.header for place in places)
    return ReferencedSegment(
        sop_class_uid=segmentation.SOPClassUID,
        sop_instance_uid=segmentation.SOPInstanceUID,
        segment_number=segment,
        source_images=[
            SourceImageForSegmentation(
                referenced_sop_class_uid=source.headers[header].SOPClassUID,
                referenced_sop_instance_uid=source.headers[header].SOPInstanceUID,
                referenced_frame_numbers=_frame_numbers(source, header, [p.frame for p in places]),
            )
            for header in images
        ],
    )


def volume_measurement(concept: Code, volume_mm3: float, *, derivation: Code | None = None) -> Measurement:
    """Return a volume in cubic millimetres; a tenth of one is far below a voxel."""
    return Measurement(name=concept, value=round(volume_mm3, 1), unit=codes.UCUM.CubicMillimeter, derivation=derivation)


def comment(words: str) -> TextContentItem:
    """Return a comment on the report or on a measurement group."""
    return TextContentItem(
        name=CodedConcept.from_code(_COMMENT), value=words, relationship_type=RelationshipTypeValues.CONTAINS
    )


def _observers(provenance: Provenance, review: SignedReview | None) -> ObservationContext:
    device = ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
            uid=provenance.device_uid,
            name=provenance.title[:64],
            manufacturer_name=MANUFACTURER,
            model_name=provenance.pipeline,
            serial_number=provenance.version,
        ),
    )
    person = None
    if review is not None:
        person = ObserverContext(
            observer_type=codes.DCM.Person,
            observer_identifying_attributes=PersonObserverIdentifyingAttributes(name=person_name(review.reader_name)),
        )
    return ObservationContext(observer_person_context=person, observer_device_context=device)


def _frame_numbers(source: SourceSeries, header: int, frames: Sequence[int]) -> list[int] | None:
    if "PerFrameFunctionalGroupsSequence" not in source.headers[header]:
        return None
    return sorted(frame + 1 for frame in frames)


def _comments(notes: Sequence[str], review: SignedReview | None) -> list[str]:
    sentences = [f"{RESEARCH_USE}.", *notes]
    if review is None:
        return [*sentences, "Draft: not reviewed by a reader."]
    sentences.append(f"The reader rated the result {review.rating} of 5 (5 is best).")
    if review.comment.strip():
        sentences.append(f"Reader's comment: {review.comment.strip()}")
    # The structured report is in English, whatever language its reader writes.
    sentences += second_reading_words(review, texts_in(Language.ENGLISH))
    if review.edition > 1:
        sentences.append(f"Revision {review.edition}: the case was reopened and signed again.")
    if review.report.strip():
        sentences.append(f"Report: {review.report.strip()}")
    return sentences


def _set_coding_scheme(dataset: Dataset) -> None:
    """Say whose the private codes are (PS3.3 C.12.1.1.7)."""
    scheme = Dataset()
    scheme.CodingSchemeDesignator = "99INTERVAL"
    scheme.CodingSchemeName = "Concepts of Interval"
    scheme.CodingSchemeResponsibleOrganization = MANUFACTURER
    dataset.CodingSchemeIdentificationSequence = [scheme]


def _verify(dataset: Dataset, header: Dataset, review: SignedReview) -> None:
    """Record who signed, where and when (PS3.3 C.17.2)."""
    observer = Dataset()
    observer.VerifyingObserverName = person_name(review.reader_name)
    observer.VerifyingOrganization = text(header, "InstitutionName")[:64] or "not stated"
    observer.VerificationDateTime = DT(review.signed_at.strftime("%Y%m%d%H%M%S%z"))
    observer.VerifyingObserverIdentificationCodeSequence = []
    dataset.VerificationFlag = "VERIFIED"
    dataset.VerifyingObserverSequence = [observer]
