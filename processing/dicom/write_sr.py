"""The measurements as a Comprehensive 3D SR after TID 1500 (PS3.16).

One measurement group (TID 1411) per lesion, which refers to its segment, and one group (TID 1501) for the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from highdicom.sr import (
    FindingSite,
    LongitudinalTemporalOffsetFromEvent,
    Measurement,
    MeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    TimePointContext,
    TrackingIdentifier,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from processing.dicom.attributes import text
from processing.dicom.provenance import Provenance
from processing.dicom.read import SourceSeries
from processing.dicom.sr_document import (
    LESION,
    SIDES,
    TOTAL,
    VOLUME,
    algorithm,
    comment,
    report_document,
    segment_reference,
    volume_measurement,
)
from processing.dicom.uids import derived_uid
from processing.dicom.write_seg import tracking_id
from processing.domain.decision import SignedReview
from processing.domain.result import LIMIT_OF_QUANTIFICATION_MM3, Lesion, LesionChange, Outline, Region

_ABNORMAL = Code("49755003", "SCT", "Morphologically Abnormal Structure")
_NUMBER_OF_LESIONS = Code("246206008", "SCT", "Number of lesions")
_DIFFERENCE = Code("111049", "DCM", "Qualitative Difference")
_PRIOR_VOLUME = Code("PRIORVOLUME", "99INTERVAL", "Volume at the prior study")
_ADDED_VOLUME = Code("ADDEDVOLUME", "99INTERVAL", "Volume added since the prior study")
_LOST_VOLUME = Code("LOSTVOLUME", "99INTERVAL", "Volume lost since the prior study")
"""Not the standard's volume: that is of a whole lesion at the time point of its group. Software that plots or adds up
volumes must neither take what was added for all that is there now, nor count what is gone."""

_PARTIAL_VOLUME = Code("PARTIALVOLUME", "99INTERVAL", "Volume of the change with its rim counted in part")
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
    days = days_between(prior_headers[0], source.reference) if prior_headers else None
    ordered = sorted(lesions, key=lambda lesion: lesion.number)
    groups = [
        _lesion_group(segment, lesion, segmentation, source, provenance, days)
        for segment, lesion in enumerate(ordered, start=1)
        if segmentation is not None
    ]
    return report_document(
        source,
        [_summary_group(ordered, provenance, days), *groups],
        provenance,
        segmentation=segmentation,
        other_evidence=prior_headers,
        notes=notes,
        review=review,
    )


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


def _summary_group(
    lesions: Sequence[Lesion], provenance: Provenance, days: int | None
) -> MeasurementsAndQualitativeEvaluations:
    measurements = [Measurement(name=_NUMBER_OF_LESIONS, value=len(lesions), unit=codes.UCUM.NoUnits)]
    appeared = [lesion.volume_mm3 for lesion in lesions if lesion.change.increase]
    if appeared:
        total = volume_measurement(_ADDED_VOLUME, sum(appeared), derivation=TOTAL)
        measurements.append(total)
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            uid=derived_uid(provenance.tracking_uid(0), "comparison"),
            identifier="Lesions that changed",
        ),
        time_point_context=_time_point(days),
        finding_type=LESION,
        algorithm_id=algorithm(provenance),
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
        referenced_segment=segment_reference(segment, segmentation, source),
        time_point_context=_time_point(days),
        finding_category=_ABNORMAL,
        finding_type=LESION,
        algorithm_id=None if lesion.outline is Outline.ADDED else algorithm(provenance),
        finding_sites=[FindingSite(anatomic_location=_SITES[lesion.region], laterality=SIDES[lesion.side])],
        measurements=[*_volumes(lesion), *_partial_volume(lesion), *_limits(lesion)],
        qualitative_evaluations=[QualitativeEvaluation(name=_DIFFERENCE, value=_CHANGES[lesion.change])],
    )
    words = f"{lesion.change} lesion, {lesion.region}, {lesion.side}; {_origin(lesion)}"
    if lesion.below_quantification:
        words += f"; volume below the limit of quantification ({LIMIT_OF_QUANTIFICATION_MM3:.0f} mm³), may be too large"
    if lesion.measurement_error_words:
        words += f"; {lesion.measurement_error_words}"
    group[0].ContentSequence.append(comment(words[0].upper() + words[1:]))
    return group


def _origin(lesion: Lesion) -> str:
    """Say whose finding and whose outline it is."""
    if lesion.outline is Outline.ADDED:
        return "added by the reader"
    confidence = f"confidence {lesion.score:.2f} of 1"
    if lesion.disputed:
        confidence += ", found by one of two detectors only"
    if lesion.measured_mm3 is None:
        return confidence
    return f"{confidence}; outline corrected by the reader, {lesion.measured_mm3:.1f} mm3 as the algorithm drew it"


def _volumes(lesion: Lesion) -> list[Measurement]:
    """Return what is known of a lesion's volumes: the whole of it now only when all of it is new."""
    if lesion.change is LesionChange.NEW:
        return [volume_measurement(VOLUME, lesion.volume_mm3)]
    changed = _ADDED_VOLUME if lesion.change.increase else _LOST_VOLUME
    return [volume_measurement(changed, lesion.volume_mm3), volume_measurement(_PRIOR_VOLUME, lesion.prior_volume_mm3)]


def _partial_volume(lesion: Lesion) -> list[Measurement]:
    """Return the volume that counts a rim in part; a reader's outline has none."""
    measured = lesion.partial_volume_mm3 if lesion.outline is Outline.ALGORITHM else None
    return [] if measured is None else [volume_measurement(_PARTIAL_VOLUME, measured)]


def _limits(lesion: Lesion) -> list[Measurement]:
    """Return how far two measurements of such a change lie apart, where that was measured."""
    limits = lesion.limits_of_agreement_mm3
    return [] if limits is None else [volume_measurement(_LIMITS, limits)]
