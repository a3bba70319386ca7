"""A tumour's measurements as a Comprehensive 3D SR after TID 1500 (PS3.16).

One group (TID 1411) per part, which refers to its segment, and one (TID 1501) for the whole with the volumetric ratios.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from highdicom.sr import (
    FindingSite,
    Measurement,
    MeasurementsAndQualitativeEvaluations,
    SourceImageForMeasurement,
    TrackingIdentifier,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from processing.dicom.provenance import Provenance
from processing.dicom.read import SourceSeries
from processing.dicom.sr_document import (
    LESION,
    SIDES,
    TOTAL,
    VOLUME,
    Group,
    algorithm,
    comment,
    report_document,
    segment_reference,
    volume_measurement,
)
from processing.dicom.tumour_seg import CATEGORY, PROPERTY_TYPES, part_tracking_id
from processing.dicom.uids import derived_uid
from processing.domain.decision import SignedReview
from processing.domain.growth import Growth
from processing.domain.growth_words import TEXTS, by_days_before, change_in_words, doubts_in_words
from processing.domain.result import TumourResult
from processing.domain.study import SeriesRole
from processing.domain.tumour import Diameters, TumourFindings, TumourLabel

_BRAIN = Code("12738006", "SCT", "Brain")
_LONG_AXIS = Code("103339001", "SCT", "Long Axis")
_PERPENDICULAR = Code("131189007", "SCT", "Perpendicular Axis")
_ALARMS = Code("DISCORDALARMS", "99INTERVAL", "Comparisons of a segmenter with the fusion that raised an alarm")
_RATIOS = {
    "enhancing tumour to necrosis": "ET/NCR",
    "enhancing tumour to enhancing tumour and necrosis": "ET/ET+NCR",
    "enhancing tumour to oedema": "ET/ED",
    "enhancing tumour to whole tumour": "ET/WT",
    "oedema to necrosis": "ED/NCR",
    "oedema to enhancing tumour and necrosis": "ED/ET+NCR",
    "oedema to whole tumour": "ED/WT",
    "necrosis to whole tumour": "NCR/WT",
}
"""Codes of the eight volumetric ratios of the radiogenomics paper, table 1; its abbreviations."""


def write_tumour_report(
    source: SourceSeries,
    others: Mapping[SeriesRole, Sequence[Dataset]],
    result: TumourResult,
    parts: Sequence[TumourLabel],
    provenance: Provenance,
    *,
    segmentation: Dataset | None,
    review: SignedReview | None = None,
) -> Dataset:
    """Write the report of one tumour.

    Parameters
    ----------
    source : SourceSeries
        T1C.
    others : mapping of SeriesRole to sequence of Dataset
        Headers of the other series.
    result : TumourResult
    parts : sequence of TumourLabel
        Those to report. Sums and ratios are only given when no part is left out.
    provenance : Provenance
    segmentation : Dataset or None
        What `write_tumour_segmentation` returned for the same parts.
    review : SignedReview, optional
        Without it the report is preliminary and unverified.
    """
    found = result.findings
    groups: list[Group] = [_whole(found, tuple(parts) == found.parts, provenance)]
    if segmentation is not None:
        groups += [
            _part(number, label, found, segmentation, source, provenance) for number, label in enumerate(parts, 1)
        ]
    return report_document(
        source,
        groups,
        provenance,
        segmentation=segmentation,
        other_evidence=[header for headers in others.values() for header in headers],
        notes=(*result.warnings, *_alarm_words(found), *_growth_words(result.growth)),
        review=review,
    )


def _whole(found: TumourFindings, complete: bool, provenance: Provenance) -> MeasurementsAndQualitativeEvaluations:
    measurements = [Measurement(name=_ALARMS, value=len(found.alarms), unit=codes.UCUM.NoUnits)]
    if complete and found.parts:
        measurements.append(volume_measurement(VOLUME, 1000 * found.volumes.whole_ml, derivation=TOTAL))
        measurements += [
            Measurement(
                name=Code(_RATIOS[name], "99INTERVAL", f"Volume ratio, {name}"[:64]),
                value=round(value, 4),
                unit=codes.UCUM.Ratio,
            )
            for name, value in found.volumes.ratios().items()
        ]
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            uid=derived_uid(provenance.tracking_uid(0), "tumour"), identifier="Whole tumour"
        ),
        finding_type=LESION,
        algorithm_id=algorithm(provenance),
        finding_sites=[_site(found)],
        measurements=measurements,
    )


def _part(
    segment: int,
    label: TumourLabel,
    found: TumourFindings,
    segmentation: Dataset,
    source: SourceSeries,
    provenance: Provenance,
) -> VolumetricROIMeasurementsAndQualitativeEvaluations:
    measurements = [volume_measurement(VOLUME, 1000 * found.volumes.of(label))]
    if label is TumourLabel.ENHANCING and found.diameters is not None:
        measurements += _diameters(found.diameters, source)
    group = VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=provenance.tracking_uid(label), identifier=part_tracking_id(label)),
        referenced_segment=segment_reference(segment, segmentation, source),
        finding_category=CATEGORY,
        finding_type=PROPERTY_TYPES[label],
        algorithm_id=algorithm(provenance),
        finding_sites=[_site(found)],
        measurements=measurements,
    )
    words = label.words
    if label is TumourLabel.ENHANCING and found.diameters is not None and not found.diameters.measurable:
        words += "; not measurable after RANO: a diameter is under 10 mm"
    group[0].ContentSequence.append(comment(words[0].upper() + words[1:]))
    return group


def _site(found: TumourFindings) -> FindingSite:
    return FindingSite(anatomic_location=_BRAIN, laterality=SIDES[found.side] if found.side is not None else None)


def _diameters(found: Diameters, source: SourceSeries) -> list[Measurement]:
    """Return both diameters with the image on which they were measured."""
    place = source.geometry.frames[found.slice_index]
    header = source.headers[place.header]
    frames = [place.frame + 1] if "PerFrameFunctionalGroupsSequence" in header else None
    image = SourceImageForMeasurement(
        referenced_sop_class_uid=header.SOPClassUID,
        referenced_sop_instance_uid=header.SOPInstanceUID,
        referenced_frame_numbers=frames,
    )
    return [
        Measurement(name=name, value=round(length_mm, 1), unit=codes.UCUM.Millimeter, referenced_images=[image])
        for name, length_mm in ((_LONG_AXIS, found.longest_mm), (_PERPENDICULAR, found.perpendicular_mm))
    ]


def _alarm_words(found: TumourFindings) -> list[str]:
    if not found.alarms:
        return []
    listed = "; ".join(alarm.words for alarm in found.alarms)
    return [f"{len(found.alarms)} of {found.comparisons} comparisons between segmenters raise an alarm: {listed}."]


def _growth_words(growth: Growth | None) -> list[str]:
    """Say of every part whether its change exceeds the measurement error."""
    if growth is None:
        return []
    named = by_days_before(growth, TEXTS)
    told = (
        change_in_words(part, change, TEXTS, named(change.since))
        for part, changes in growth.volumes.items()
        for change in changes
    )
    return [f"Change over three time points: {'; '.join(told)}.", *doubts_in_words(growth, TEXTS, named)]
