"""From the instances of a series to a volume."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from processing.dicom.geometry import SeriesGeometry, series_geometry
from processing.dicom.pixels import decoded_frames, require_whole_pixels
from processing.dicom.unreadable import UNREADABLE
from processing.domain.errors import InputRejected
from processing.domain.imaging import Volume

_PIXELS = Tag("PixelData")
_ICON = Tag("IconImageSequence")


@dataclass(frozen=True, eq=False)
class SourceSeries:
    """A series that was read.

    Parameters
    ----------
    volume : Volume
        Intensities after rescale slope and intercept.
    headers : tuple of Dataset
        The instances without their pixels: classic images along z of the grid, or the multi-frame image alone.
    geometry : SeriesGeometry
        Of `headers`: its order is the identity for classic images.
    """

    volume: Volume
    headers: tuple[Dataset, ...]
    geometry: SeriesGeometry

    @property
    def reference(self) -> Dataset:
        """A header from which patient, study and frame of reference can be taken."""
        return self.headers[0]


def parse_part10(instances: Iterable[bytes]) -> list[Dataset]:
    """Parse whole Part 10 files.

    Raises
    ------
    InputRejected
        If one of them is no DICOM or ends early.
    """
    datasets: list[Dataset] = []
    for number, content in enumerate(instances, start=1):
        try:
            with warnings.catch_warnings():
                # Real headers break rules that don't touch the image; what matters is checked where it is used.
                warnings.simplefilter("ignore")
                datasets.append(dcmread(BytesIO(content)))
        except UNREADABLE as error:
            raise InputRejected(f"Image {number} of the series is not readable as DICOM.") from error
    return datasets


def read_series(instances: Sequence[Dataset]) -> SourceSeries:
    """Build the volume of one series.

    Parameters
    ----------
    instances : sequence of Dataset
        Every instance of the series with its pixels, in any order. They are not changed.

    Returns
    -------
    SourceSeries
        With the volume as float32, (z, y, x), on the grid of `series_geometry`.

    Raises
    ------
    InputRejected
        If the geometry is not one even stack, pixel data is shorter than the header says, or the encoding can't
        be decoded.
    """
    geometry = series_geometry(instances)
    if len({str(instance.get("SeriesInstanceUID", "")) for instance in instances}) > 1:
        raise InputRejected("The images belong to more than one series.")
    for number, instance in enumerate(instances, start=1):
        require_whole_pixels(instance, f"Image {number} of {len(instances)}")
    array = np.empty(geometry.grid.shape, dtype=np.float32)
    wanted: dict[int, list[tuple[int, int]]] = {}
    for z, frame in enumerate(geometry.frames):
        wanted.setdefault(frame.header, []).append((frame.frame, z))
    for number, instance in enumerate(instances):
        stored = decoded_frames(instance, f"Image {number + 1} of {len(instances)}")
        for index, z in wanted[number]:
            slope, intercept = _rescale(instance, index)
            array[z] = stored[index] if (slope, intercept) == (1.0, 0.0) else stored[index] * slope + intercept
    if not np.isfinite(array).all():
        raise InputRejected("The series holds intensities that are no numbers.")
    headers = _headers_along_z(instances, geometry)
    return SourceSeries(Volume(array, geometry.grid), headers, series_geometry(headers))


def _headers_along_z(instances: Sequence[Dataset], geometry: SeriesGeometry) -> tuple[Dataset, ...]:
    numbers = list(dict.fromkeys(frame.header for frame in geometry.frames))
    return tuple(without_pixels(instances[number]) for number in numbers)


def without_pixels(instance: Dataset) -> Dataset:
    """Return the instance without pixel data and icon; the elements are shared, not copied."""
    header = instance[:]
    for tag in (_PIXELS, _ICON):
        if tag in header:
            del header[tag]
    return header


def _rescale(instance: Dataset, frame: int) -> tuple[float, float]:
    source = instance
    per_frame = instance.get("PerFrameFunctionalGroupsSequence")
    if per_frame is not None:
        shared = (instance.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
        for groups in (per_frame[frame], shared):
            items = groups.get("PixelValueTransformationSequence")
            if items:
                source = items[0]
                break
    slope, intercept = source.get("RescaleSlope"), source.get("RescaleIntercept")
    if slope is None or slope == "" or float(slope) == 0.0:
        slope = 1.0
    if intercept is None or intercept == "":
        intercept = 0.0
    return float(slope), float(intercept)
