"""Lesions as a DICOM Segmentation (PS3.3 A.51), a segment per lesion, and back."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt
from highdicom import AlgorithmIdentificationSequence
from highdicom.color import CIELabColor
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentationTypeValues, SegmentDescription
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from processing.dicom.attributes import SERIES_NUMBERS, SeriesFacts, described, set_identity
from processing.dicom.geometry import READ_BACK_TOLERANCE_MM, functional_group
from processing.dicom.palette import COLOURS_RGB
from processing.dicom.provenance import MANUFACTURER, RESEARCH_USE, Provenance
from processing.dicom.read import SourceSeries
from processing.dicom.sources import as_highdicom_source
from processing.domain.errors import Defect, InputRejected
from processing.domain.imaging import Grid, LabelMap
from processing.domain.result import Lesion, Outline

KIND = "segmentation"

_CATEGORY = Code("49755003", "SCT", "Morphologically Abnormal Structure")
_TYPE = Code("52988006", "SCT", "Lesion")

_ALGORITHM_TYPES = {
    Outline.ALGORITHM: SegmentAlgorithmTypeValues.AUTOMATIC,
    Outline.CORRECTED: SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
    Outline.ADDED: SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
}
"""PS3.3 C.8.20.4: semi-automatic where a person drew with the program's help."""

_TRACKING_ID = re.compile(r"(?:Lesion|Tumour part) (\d+)")


def tracking_id(number: int) -> str:
    """Return the readable name under which a lesion is followed."""
    return f"Lesion {number}"


def write_segmentation(
    source: SourceSeries,
    lesion_map: LabelMap,
    lesions: Sequence[Lesion],
    provenance: Provenance,
    *,
    signed_at: datetime | None = None,
) -> Dataset | None:
    """Write the lesions as one binary segmentation on the source's own images.

    Segments are numbered without gaps; the tracking identifier "Lesion n" keeps the lesion's number.

    Parameters
    ----------
    source : SourceSeries
        The current FLAIR.
    lesion_map : LabelMap
        On the source's grid; labels that no lesion names are left out.
    lesions : sequence of Lesion
        Those to write.
    provenance : Provenance
    signed_at : datetime, optional

    Returns
    -------
    Dataset or None
        None without lesions: an empty segmentation has no frame, which the standard doesn't allow, and one full of
        empty frames says less than the report's "0 lesions".

    Raises
    ------
    Defect
        If the map is on another grid or lacks a lesion.
    """
    if not lesions:
        return None
    if not lesion_map.grid.same_as(source.volume.grid):
        raise Defect("The lesion map is not on the grid of the current images.")
    ordered = sorted(lesions, key=lambda lesion: lesion.number)
    segments = np.zeros(lesion_map.grid.shape, dtype=np.uint16)
    for segment, lesion in enumerate(ordered, start=1):
        found = lesion_map.array == lesion.number
        if not found.any():
            raise Defect(f"Lesion {lesion.number} has no voxels in the lesion map.")
        segments[found] = segment
    descriptions = [_description(number, lesion, provenance) for number, lesion in enumerate(ordered, start=1)]
    return segmentation_object(
        source, segments, descriptions, provenance, label="LESIONS", words="Interval lesions", signed_at=signed_at
    )


def segmentation_object(
    source: SourceSeries,
    segments: npt.NDArray[np.uint16],
    descriptions: Sequence[SegmentDescription],
    provenance: Provenance,
    *,
    label: str,
    words: str,
    signed_at: datetime | None,
) -> Dataset:
    """Write segments as one binary segmentation on the source's own images.

    Parameters
    ----------
    source : SourceSeries
    segments : ndarray of uint16, shape (z, y, x)
        Segment numbers from 1, on the source's grid.
    descriptions : sequence of SegmentDescription
        Of every segment, in the order of their numbers.
    provenance : Provenance
    label : str
        Content label.
    words : str
        Series description.
    signed_at : datetime or None
    """
    with warnings.catch_warnings():
        # highdicom warns of names without a caret; the identity is set below in any case.
        warnings.simplefilter("ignore", UserWarning)
        dataset = Segmentation(
            source_images=[as_highdicom_source(header) for header in source.headers],
            pixel_array=_in_frame_order(segments, source),
            segmentation_type=SegmentationTypeValues.BINARY,
            segment_descriptions=list(descriptions),
            series_instance_uid=provenance.uid(KIND),
            series_number=SERIES_NUMBERS[KIND],
            sop_instance_uid=provenance.uid(KIND, 1),
            instance_number=1,
            manufacturer=MANUFACTURER,
            manufacturer_model_name=provenance.title[:64],
            software_versions=provenance.software_versions[1],
            device_serial_number=provenance.device_serial_number,
            content_label=label,
            content_description=RESEARCH_USE,
            omit_empty_frames=True,
        )
    facts = SeriesFacts(KIND, "SEG", described(words))
    set_identity(dataset, source.reference, provenance, facts, signed_at=signed_at)
    _set_dimension_organization(dataset, provenance)
    return dataset


def _set_dimension_organization(dataset: Dataset, provenance: Provenance) -> None:
    """Replace highdicom's random UID, so that the same input gives the same object."""
    uid = provenance.uid(f"{KIND} dimensions")
    for item in (*dataset.DimensionOrganizationSequence, *dataset.DimensionIndexSequence):
        item.DimensionOrganizationUID = uid


def _in_frame_order(segments: npt.NDArray[np.uint16], source: SourceSeries) -> npt.NDArray[np.uint16]:
    """Bring slices along z into the order of the source's frames, which differs for multi-frame images."""
    ordered = np.empty_like(segments)
    ordered[list(source.geometry.order)] = segments
    return ordered


def _description(segment: int, lesion: Lesion, provenance: Provenance) -> SegmentDescription:
    return SegmentDescription(
        segment_number=segment,
        segment_label=f"{tracking_id(lesion.number)}, {lesion.change}",
        segmented_property_category=_CATEGORY,
        segmented_property_type=_TYPE,
        algorithm_type=_ALGORITHM_TYPES[lesion.outline],
        algorithm_identification=algorithm_of(provenance),
        tracking_uid=provenance.tracking_uid(lesion.number),
        tracking_id=tracking_id(lesion.number),
        display_color=CIELabColor.from_rgb(*COLOURS_RGB[lesion.change]),
    )


def algorithm_of(provenance: Provenance) -> AlgorithmIdentificationSequence:
    """Name the pipeline as what outlined a segment."""
    return AlgorithmIdentificationSequence(
        name=provenance.title[:64],
        family=codes.DCM.ArtificialIntelligence,
        version=provenance.version,
        source=MANUFACTURER,
    )


def read_segmentation(dataset: Dataset, grid: Grid) -> LabelMap:
    """Read a segmentation that `segmentation_object` wrote.

    Parameters
    ----------
    dataset : Dataset
    grid : Grid
        Of the images that it was drawn on; every frame must lie on it.

    Returns
    -------
    LabelMap
        Label n is the segment with tracking identifier "Lesion n", or "Tumour part n".

    Raises
    ------
    InputRejected
        If it is no segmentation of Interval's or doesn't lie on the grid.
    """
    numbers = _lesion_numbers(dataset)
    shape = (int(dataset.get("NumberOfFrames", 0)), int(dataset.get("Rows", 0)), int(dataset.get("Columns", 0)))
    if shape[1:] != grid.shape[1:]:
        raise InputRejected("The segmentation has another size than the current images.")
    frames = np.asarray(dataset.pixel_array, dtype=bool).reshape(shape)
    _require_same_axes(dataset, grid)
    array = np.zeros(grid.shape, dtype=np.uint16)
    for (segment, position_mm), frame in zip(frame_places(dataset), frames, strict=True):
        z = round(float(grid.lps_to_index(position_mm)[0]))
        off_mm = np.linalg.norm(grid.index_to_lps((z, 0, 0)) - np.array(position_mm))
        if off_mm > READ_BACK_TOLERANCE_MM or not 0 <= z < grid.shape[0]:
            raise InputRejected("The segmentation does not lie on the current images.")
        array[z][frame] = numbers[segment]
    return LabelMap(array, grid)


def frame_places(dataset: Dataset) -> list[tuple[int, list[float]]]:
    """Return segment number and position in LPS millimetres of each frame of a segmentation.

    What is the same for all frames, as the number of a single segment, stands in the shared groups.
    """
    shared = dataset.SharedFunctionalGroupsSequence[0]
    places: list[tuple[int, list[float]]] = []
    for groups in dataset.PerFrameFunctionalGroupsSequence:
        segment = functional_group("SegmentIdentificationSequence", groups, shared).ReferencedSegmentNumber
        position = functional_group("PlanePositionSequence", groups, shared).ImagePositionPatient
        places.append((int(segment), [float(value) for value in position]))
    return places


def _lesion_numbers(dataset: Dataset) -> dict[int, int]:
    numbers: dict[int, int] = {}
    for item in dataset.get("SegmentSequence", []):
        match = _TRACKING_ID.fullmatch(str(item.get("TrackingID", "")))
        if match is None:
            raise InputRejected("The segmentation is not one of Interval's.")
        numbers[int(item.SegmentNumber)] = int(match[1])
    if not numbers:
        raise InputRejected("The segmentation has no segments.")
    return numbers


def _require_same_axes(dataset: Dataset, grid: Grid) -> None:
    shared = dataset.SharedFunctionalGroupsSequence[0]
    axes = np.array([float(v) for v in shared.PlaneOrientationSequence[0].ImageOrientationPatient])
    spacing = np.array([float(v) for v in shared.PixelMeasuresSequence[0].PixelSpacing])
    # Column and row steps over the whole image, as `series_geometry` takes them: cosines are often rounded.
    steps = np.column_stack([axes[3:] * spacing[0], axes[:3] * spacing[1]])
    off_mm = np.linalg.norm(steps - grid.affine[:3, 1:3], axis=0) * (np.array(grid.shape[1:]) - 1)
    if off_mm.max() > READ_BACK_TOLERANCE_MM:
        raise InputRejected("The segmentation does not lie on the current images.")
