"""The files of the series that one preparation works on, each read from the clinical archive once.

A series is looked at to be chosen and, once chosen, taken across the border: the bytes that the first reading brought
are kept for the second one, up to a limit, so that the archive does not send every image twice.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from gateway.clinical import ClinicalArchive, header_of
from gateway.clinical_study import ClinicalSeries, ClinicalStudy
from gateway.pseudonymise.encoded import NotCleanable, read_encoded

MOST_KEPT_BYTES = 64 * 1024 * 1024
"""Of one preparation; several run at once."""

_PER_FRAME = 0x52009230
_PLACE = tuple(map(Tag, ("Rows", "Columns", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")))


def place_of(content: bytes) -> Dataset:
    """Return what says where an image lies and how large it is; of a multi-frame image the whole header.

    Raises
    ------
    InputRejected
        If it can't be read as DICOM.
    """
    try:
        file = read_encoded(content)  # six times faster than to make an object of every element
    except NotCleanable:
        return header_of(content)
    if file.element(_PER_FRAME) is not None:
        return header_of(content)
    place: dict[BaseTag, DataElement | RawDataElement] = {}
    for tag in _PLACE:
        element = file.element(tag)
        if element is not None:
            value = file.data[element.value : element.end]
            vr = element.vr.decode("ascii")
            numbers = _numbers(value) if vr == "DS" else None
            if numbers is None:
                place[tag] = RawDataElement(tag, vr, len(value), value, 0, not file.explicit, True)
            else:
                place[tag] = DataElement(tag, vr, numbers, already_converted=True)
    return Dataset(place)


def _numbers(value: bytes) -> list[float] | None:
    """Return decimal strings as numbers, without an object for each; None when they are none, for pydicom to judge."""
    try:
        return [float(part) for part in value.rstrip(b"\0").split(b"\\")]
    except ValueError:
        return None


class SeriesFiles:
    """Reads whole series, and keeps what it read until it is taken.

    Parameters
    ----------
    archive : ClinicalArchive
    most_bytes : int
        A series that does not fit any more is read again.
    """

    def __init__(self, archive: ClinicalArchive, most_bytes: int = MOST_KEPT_BYTES) -> None:
        self._archive = archive
        self._room = most_bytes
        self._kept: dict[str, list[bytes]] = {}

    def headers(self, study: ClinicalStudy, series: ClinicalSeries) -> list[Dataset]:
        """Return where each image of a series lies and how large it is, in any order.

        Raises as `ClinicalArchive.files`, and `InputRejected` when an image can't be read as DICOM.
        """
        headers = []
        kept: list[bytes] | None = []
        size = 0
        for content in self._archive.files(study, series):
            headers.append(place_of(content))
            size += len(content)
            if kept is not None and size <= self._room:
                kept.append(content)
            else:
                kept = None
        if kept is not None:
            self._room -= size
            self._kept[series.orthanc_id] = kept
        return headers

    def one_of(self, series: ClinicalSeries) -> bytes:
        """Return one image of a series, by preference one that is kept. Raises as `ClinicalArchive.instance`."""
        kept = self._kept.get(series.orthanc_id)
        if kept:
            return kept[len(kept) // 2]
        # The middle one: the outermost images of a stack are the likeliest to differ from the rest.
        return self._archive.instance(series.instances[len(series.instances) // 2])

    def take(self, study: ClinicalStudy, series: ClinicalSeries) -> Iterator[bytes]:
        """Yield every instance of a series as the file that was received, and keep it no longer. Raises as above."""
        kept = self._kept.pop(series.orthanc_id, None)
        if kept is None:
            yield from self._archive.files(study, series)
            return
        kept.reverse()
        while kept:
            content = kept.pop()
            self._room += len(content)
            yield content
