"""The files of the series that one preparation works on, each read from the clinical archive once.

A series is looked at to be chosen and, once chosen, taken across the border: the bytes that the first reading brought
are kept for the second one, up to a limit, so that the archive does not send every image twice.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

from gateway.clinical import ClinicalArchive, ClinicalSeries, ClinicalStudy, header_of

MOST_KEPT_BYTES = 64 * 1024 * 1024
"""Of one preparation; several run at once."""


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
        """Return every instance of a series without its pixels, in any order. Raises as `ClinicalArchive.files`."""
        headers = []
        kept: list[bytes] | None = []
        size = 0
        for content in self._archive.files(study, series):
            headers.append(header_of(content))
            size += len(content)
            if kept is not None and size <= self._room:
                kept.append(content)
            else:
                kept = None
        if kept is not None:
            self._room -= size
            self._kept[series.orthanc_id] = kept
        return headers

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
