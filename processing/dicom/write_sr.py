"""The measurements as a Comprehensive 3D SR after TID 1500 (PS3.16).

One measurement group (TID 1411) per lesion, which refers to its segment, and one group (TID 1501) for the whole.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import date

from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    Comprehensive3DSR,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    LongitudinalTemporalOffsetFromEvent,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    QualitativeEvaluation,
    ReferencedSegment,
    RelationshipTypeValues,
    SourceImageForSegmentation,
    TextContentItem,
    TimePointContext,
    TrackingIdentifier,
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
from processing.dicom.uids import derived_uid
from processing.dicom.write_seg import frame_places, tracking_id
from processing.domain.decision import SignedReview
from processing.domain.result import Lesion, LesionChange, Outline, Region, Side

KIND = "report"

_LESION = Code("52988006", "SCT", "Lesion")
_ABNORMAL = Code("49755003", "SCT", "Morphologically Abnormal Structure")
_VOLUME = Code("118565006", "SCT", "Volume")
_NUMBER_OF_LESIONS = Code("246206008", "SCT", "Number of lesions")
_TOTAL = Code("255619001", "SCT", "Total")
_DIFFERENCE = Code("111049", "DCM", "Qualitative Difference")
_COMMENT = Code("121106", "DCM", "Comment")
_PRIOR_VOLUME = Code("PRIORVOLUME", "99INTERVAL", "Volume at the prior study")
_ADDED_VOLUME = Code("ADDEDVOLUME", "99INTERVAL", "Volume added since the prior study")
_LOST_VOLUME = Code("LOSTVOLUME", "99INTERVAL", "Volume lost since the prior study")
"""Not the standard's volume: that is of a whole lesion at the time point of its group. Software that plots or adds up
volumes must neither take what was added for all that is there now, nor count what is gone."""

_LIMITS = Code("VOLUMELIMITS", "99INTERVAL", "Limits of agreement of the change in volume, plus or minus")

_CHANGES = {
    LesionChange.NEW: Code("129721008", "SCT", "New finding"),
    LesionChange.GROWING: Code("15454001", "SCT", "Increase in size"),
    LesionChange.SHRINKING: Code("19776001", "SCT", "Decrease in size"),
    LesionChange.VANISHED: Code("272519000", "SCT", "Absent"),
}

_SITES = {
    Region.PERIVENTRICULAR: Code("68523003", "SCT", "Cerebral White Matter"),
    Region.JUXTACORTICAL: Code("68523003", "SCT", "Cerebral White Matter"),
    Region.DEEP_WHITE_MATTER: Code("68523003", "SCT", "Cerebral White Matter"),
    Region.INFRATENTORIAL: Code("389080008", "SCT", "White Matter"),
}
"""The standard has no code for the McDonald regions; the region's own words stand beside the code."""

_SIDES = {Side.LEFT: Code("7771000", "SCT", "Left"), Side.RIGHT: Code("24028007", "SCT", "Right"), Side.MIDLINE: None}


def write_report(
    source: SourceSeries,
    prior_headers: Sequence[Dataset],
    lesions: Sequence[Lesion],
    provenance: Provenance,
    *,
    segmentation: Dataset | None,
    notes: Sequence[str] = (),
    review: SignedReview | None = None,
) -> Dataset:
    """Write the report of one comparison.

    Parameters
    ----------
    source : SourceSeries
        The current FLAIR.
    prior_headers : sequence of Dataset
        The prior FLAIR's headers.
    lesions : sequence of Lesion
        Those to report; after a review only the accepted ones.
    provenance : Provenance
    segmentation : Dataset or None
        What `write_segmentation` returned for the same lesions.
    notes : sequence of str
        Sentences that the reader must see.
    review : SignedReview, optional
        Without it the report is preliminary and unverified.
    """
    images = [as_highdicom_source(header) for header in source.headers]
    priors = [as_highdicom_source(header) for header in prior_headers]
    days = days_between(prior_headers[0], source.reference) if prior_headers else None
    ordered = sorted(lesions, key=lambda lesion: lesion.number)
    groups = [
        _lesion_group(segment, lesion, segmentation, source, provenance, days)
        for segment, lesion in enumerate(ordered, start=1)
        if segmentation is not None
    ]
    content = MeasurementReport(
        observation_context=_observers(provenance, review),
        procedure_reported=codes.cid100.MRIUnspecifiedBodyRegion,
        imaging_measurements=[_summary_group(ordered, provenance, days), *groups],
    )
    for sentence in _comments(notes, review):
        content[0].ContentSequence.append(_comment(sentence))
    with warnings.catch_warnings():
        # highdicom warns of names without a caret; the identity is set below in any case.
        warnings.simplefilter("ignore", UserWarning)
        dataset = Comprehensive3DSR(
            evidence=[*images, *([segmentation] if segmentation is not None else []), *priors],
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


def days_between(prior: Dataset, current: Dataset) -> int | None:
    """Return the days from one study to the other, which a shift of both dates leaves as they are.

    None without both dates.
    """
    moments = [text(header, "StudyDate") for header in (prior, current)]
    try:
        first, second = (date(int(da[:4]), int(da[4:6]), int(da[6:8])) for da in moments)
    except ValueError:
        return None
    return (second - first).days


def person_name(name: str) -> str:
    """Return a name as people write it as a DICOM person name (PS3.5 section 6.2), all in its first component."""
    return name.translate(str.maketrans("^=\\", "   ")).strip()[:63] + "^"


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


def _time_point(days: int | None) -> TimePointContext:
    offset = None
    if days is not None:
        offset = LongitudinalTemporalOffsetFromEvent(value=days, unit=codes.UCUM.Day, event_type=codes.cid6146.Baseline)
    return TimePointContext(
        time_point="current",
        time_point_order=2,
        subject_time_point_identifier="current",
        protocol_time_point_identifier="follow-up",
        temporal_offset_from_event=offset,
    )


def _algorithm(provenance: Provenance) -> AlgorithmIdentification:
    return AlgorithmIdentification(
        name=provenance.title, version=f"{provenance.pipeline} {provenance.version}", manufacturer=MANUFACTURER
    )


def _summary_group(
    lesions: Sequence[Lesion], provenance: Provenance, days: int | None
) -> MeasurementsAndQualitativeEvaluations:
    measurements = [Measurement(name=_NUMBER_OF_LESIONS, value=len(lesions), unit=codes.UCUM.NoUnits)]
    appeared = [lesion.volume_mm3 for lesion in lesions if lesion.change.increase]
    if appeared:
        total = _volume(_ADDED_VOLUME, sum(appeared), derivation=_TOTAL)
        measurements.append(total)
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            uid=derived_uid(provenance.tracking_uid(0), "comparison"),
            identifier="Lesions that changed",
        ),
        time_point_context=_time_point(days),
        finding_type=_LESION,
        algorithm_id=_algorithm(provenance),
        measurements=measurements,
    )


def _lesion_group(
    segment: int,
    lesion: Lesion,
    segmentation: Dataset,
    source: SourceSeries,
    provenance: Provenance,
    days: int | None,
) -> VolumetricROIMeasurementsAndQualitativeEvaluations:
    group = VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            uid=provenance.tracking_uid(lesion.number), identifier=tracking_id(lesion.number)
        ),
        referenced_segment=_segment_reference(segment, segmentation, source),
        time_point_context=_time_point(days),
        finding_category=_ABNORMAL,
        finding_type=_LESION,
        algorithm_id=None if lesion.outline is Outline.ADDED else _algorithm(provenance),
        finding_sites=[FindingSite(anatomic_location=_SITES[lesion.region], laterality=_SIDES[lesion.side])],
        measurements=[*_volumes(lesion), *_limits(lesion)],
        qualitative_evaluations=[QualitativeEvaluation(name=_DIFFERENCE, value=_CHANGES[lesion.change])],
    )
    words = f"{lesion.change} lesion, {lesion.region}, {lesion.side}; {_origin(lesion)}"
    if lesion.measurement_error_words:
        words += f"; {lesion.measurement_error_words}"
    group[0].ContentSequence.append(_comment(words[0].upper() + words[1:]))
    return group


def _origin(lesion: Lesion) -> str:
    """Say whose finding and whose outline it is."""
    if lesion.outline is Outline.ADDED:
        return "added by the reader"
    confidence = f"confidence {lesion.score:.2f} of 1"
    if lesion.measured_mm3 is None:
        return confidence
    return f"{confidence}; outline corrected by the reader, {lesion.measured_mm3:.1f} mm3 as the algorithm drew it"


def _volumes(lesion: Lesion) -> list[Measurement]:
    """Return what is known of a lesion's volumes: the whole of it now only when all of it is new."""
    if lesion.change is LesionChange.NEW:
        return [_volume(_VOLUME, lesion.volume_mm3)]
    changed = _ADDED_VOLUME if lesion.change.increase else _LOST_VOLUME
    return [_volume(changed, lesion.volume_mm3), _volume(_PRIOR_VOLUME, lesion.prior_volume_mm3)]


def _limits(lesion: Lesion) -> list[Measurement]:
    """Return how far two measurements of such a change lie apart, where that was measured."""
    limits = lesion.limits_of_agreement_mm3
    return [] if limits is None else [_volume(_LIMITS, limits)]


def _volume(concept: Code, volume_mm3: float, *, derivation: Code | None = None) -> Measurement:
    # A tenth of a cubic millimetre is far below a voxel.
    return Measurement(name=concept, value=round(volume_mm3, 1), unit=codes.UCUM.CubicMillimeter, derivation=derivation)


def _segment_reference(segment: int, segmentation: Dataset, source: SourceSeries) -> ReferencedSegment:
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
    sentences += review.second_reading_words
    if review.edition > 1:
        sentences.append(f"Revision {review.edition}: the case was reopened and signed again.")
    if review.report.strip():
        sentences.append(f"Report: {review.report.strip()}")
    return sentences


def _comment(words: str) -> TextContentItem:
    return TextContentItem(
        name=CodedConcept.from_code(_COMMENT), value=words, relationship_type=RelationshipTypeValues.CONTAINS
    )


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
