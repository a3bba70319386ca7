"""Source images as the objects made from them reference them."""

from __future__ import annotations

from pydicom.dataset import Dataset

from processing.dicom.attributes import own_copy, text
from processing.domain.errors import InputRejected

_CARRIED = (
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "Modality",
    "ImageType",
    "InstanceNumber",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
    "SpacingBetweenSlices",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "DimensionOrganizationSequence",
    "DimensionIndexSequence",
)

_NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")


def as_highdicom_source(header: Dataset) -> Dataset:
    """Return what highdicom needs of a source image, and nothing else.

    highdicom copies whole modules of its source, values that break the standard included, and refuses some. Patient
    and study are set by `set_identity` instead.

    Raises
    ------
    InputRejected
        If the image lacks a UID that a reference to it needs.
    """
    carried = Dataset()
    for keyword in _CARRIED:
        if keyword in header:
            carried[keyword] = header[keyword]
    source = own_copy(carried)
    for keyword in _NEEDED:
        if not text(header, keyword):
            raise InputRejected("The current images can't be referenced: a UID is missing in their headers.")
    # highdicom requires these of every source; what it writes from them is replaced.
    source.PatientID, source.PatientName, source.PatientBirthDate, source.PatientSex = "", "", "", ""
    source.StudyID, source.StudyDate, source.StudyTime = "", "", ""
    source.AccessionNumber, source.ReferringPhysicianName = "", ""
    return source


def instance_reference(header: Dataset, frame: int | None = None) -> Dataset:
    """Return an item that references one instance, or one frame (from 0) of a multi-frame instance."""
    item = Dataset()
    item.ReferencedSOPClassUID = header.SOPClassUID
    item.ReferencedSOPInstanceUID = header.SOPInstanceUID
    if frame is not None and "PerFrameFunctionalGroupsSequence" in header:
        item.ReferencedFrameNumber = frame + 1
    return item
