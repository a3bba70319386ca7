"""The parts of a tumour as a DICOM Segmentation (PS3.3 A.51), a segment per part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
from highdicom.color import CIELabColor
from highdicom.seg import SegmentAlgorithmTypeValues, SegmentDescription
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from processing.dicom.palette import TUMOUR_COLOURS_RGB
from processing.dicom.provenance import Provenance
from processing.dicom.read import SourceSeries
from processing.dicom.write_seg import algorithm_of, segmentation_object
from processing.domain.errors import Defect
from processing.domain.imaging import LabelMap
from processing.domain.tumour import TumourLabel

CATEGORY = Code("49755003", "SCT", "Morphologically Abnormal Structure")

PROPERTY_TYPES: Mapping[TumourLabel, Code] = {
    TumourLabel.CORE: Code("C81175", "NCIt", "Non-Enhancing Lesion"),
    TumourLabel.HYPERINTENSITY: Code("79654002", "SCT", "Edema"),
    TumourLabel.ENHANCING: Code("C113842", "NCIt", "Enhancing Lesion"),
}
"""From CID 7151. Necrosis doesn't enhance, so that the first holds for the whole core; the labels say it in full."""


def part_tracking_id(label: TumourLabel) -> str:
    """Return the readable name under which a part is followed; the number is its label."""
    return f"Tumour part {int(label)}"


def write_tumour_segmentation(
    source: SourceSeries,
    tumour: LabelMap,
    parts: Sequence[TumourLabel],
    provenance: Provenance,
    *,
    signed_at: datetime | None = None,
) -> Dataset | None:
    """Write the parts of a tumour as one binary segmentation on T1C's own images.

    Parameters
    ----------
    source : SourceSeries
        T1C.
    tumour : LabelMap
        `TumourLabel`, on the source's grid; parts that are not named are left out.
    parts : sequence of TumourLabel
        Those to write.
    provenance : Provenance
    signed_at : datetime, optional

    Returns
    -------
    Dataset or None
        None without a part.

    Raises
    ------
    Defect
        If the map is on another grid or lacks a part.
    """
    if not parts:
        return None
    if not tumour.grid.same_as(source.volume.grid):
        raise Defect("The tumour's outline is not on the grid of the T1C images.")
    segments = np.zeros(tumour.grid.shape, dtype=np.uint16)
    for number, label in enumerate(parts, start=1):
        found = tumour.array == label
        if not found.any():
            raise Defect(f"The {label.words} has no voxels in the outline.")
        segments[found] = number
    descriptions = [_description(number, label, provenance) for number, label in enumerate(parts, start=1)]
    return segmentation_object(
        source, segments, descriptions, provenance, label="TUMOUR", words="Interval tumour", signed_at=signed_at
    )


def _description(number: int, label: TumourLabel, provenance: Provenance) -> SegmentDescription:
    return SegmentDescription(
        segment_number=number,
        segment_label=label.words[0].upper() + label.words[1:],
        segmented_property_category=CATEGORY,
        segmented_property_type=PROPERTY_TYPES[label],
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=algorithm_of(provenance),
        tracking_uid=provenance.tracking_uid(label),
        tracking_id=part_tracking_id(label),
        display_color=CIELabColor.from_rgb(*TUMOUR_COLOURS_RGB[label]),
    )
