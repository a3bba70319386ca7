"""The three volumes that a reader compares, all on the current FLAIR's own grid."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.filters import threshold_otsu

from processing.dicom.archive import DicomArchive
from processing.dicom.geometry import READ_BACK_TOLERANCE_MM
from processing.dicom.read import SourceSeries, parse_part10, read_series
from processing.dicom.write_derived import REGISTERED_PRIOR
from processing.dicom.write_seg import KIND as SEGMENTATION_KIND
from processing.dicom.write_seg import read_segmentation
from processing.domain.errors import Defect
from processing.domain.imaging import FloatArray, Grid, Volume
from processing.domain.messages import JobOrder, JobOutcome, StoredObject
from processing.domain.study import SeriesRole

KEPT_CASES = 4
"""A reader goes back and forth between a few cases; one takes some 10 MB for 2D and 60 MB for 3D FLAIR."""

_INT16_TOP, _UINT8_TOP = 32767, 255
_LOW_PERCENTILE, _HIGH_PERCENTILE = 1.0, 99.5


@dataclass(frozen=True, eq=False)
class ReviewVolume:
    """A volume as the viewer gets it.

    Parameters
    ----------
    grid : Grid
    pixels : bytes
        Little-endian, order (z, y, x) with x fastest.
    pixel_type : str
        ``int16`` or ``uint8``.
    window_center, window_width : float
        How to show it, in the units of `pixels`.
    """

    grid: Grid
    pixels: bytes
    pixel_type: str
    window_center: float
    window_width: float


@dataclass(frozen=True, eq=False)
class ReviewVolumes:
    """The volumes of one job's result."""

    current: ReviewVolume
    prior: ReviewVolume
    lesions: ReviewVolume

    def named(self, name: str) -> ReviewVolume:
        """Return one by its name: current, prior or lesions.

        Raises
        ------
        KeyError
            If there is none of this name.
        """
        return {"current": self.current, "prior": self.prior, "lesions": self.lesions}[name]

    def without_lesions(self) -> ReviewVolumes:
        """Return the same pictures over an empty label map: what a rejected result may still show."""
        return replace(self, lesions=replace(self.lesions, pixels=bytes(len(self.lesions.pixels))))


class ReviewImages:
    """Reads volumes from the research archive and keeps the most recent ones in memory.

    Parameters
    ----------
    archive : DicomArchive
        Of the pseudonymous zone.
    kept_cases : int
        How many results are kept.
    """

    def __init__(self, archive: DicomArchive, kept_cases: int = KEPT_CASES) -> None:
        self._archive = archive
        self._kept_cases = kept_cases
        self._kept: OrderedDict[str, ReviewVolumes] = OrderedDict()
        self._lock = threading.Lock()
        self._loading: dict[str, threading.Lock] = {}

    def volumes(self, order: JobOrder, outcome: JobOutcome) -> ReviewVolumes:
        """Return the volumes of a result.

        Parameters
        ----------
        order : JobOrder
        outcome : JobOutcome
            Of a job that succeeded.

        Raises
        ------
        Transient
            If the archive can't be reached.
        InputRejected
            If the archive does not hold the images any more, or they can't be read.
        Defect
            If the worker's objects do not lie on the current FLAIR's grid.
        """
        key = f"{order.job_id}/{outcome.attempt}"
        with self._lock:
            loading = self._loading.setdefault(key, threading.Lock())
        # The page asks for three volumes at once: only the first request loads them.
        with loading:
            kept = self._find(key)
            if kept is None:
                kept = load_volumes(self._archive, order, outcome)
                self._keep(key, kept)
        with self._lock:
            self._loading.pop(key, None)
        return kept

    def _find(self, key: str) -> ReviewVolumes | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _keep(self, key: str, volumes: ReviewVolumes) -> None:
        with self._lock:
            self._kept[key] = volumes
            while len(self._kept) > self._kept_cases:
                self._kept.popitem(last=False)


def load_volumes(archive: DicomArchive, order: JobOrder, outcome: JobOutcome) -> ReviewVolumes:
    """Read the three volumes of a result; raises as `ReviewImages.volumes`."""
    current = _series(archive, order.current.study_instance_uid, order.current.series[SeriesRole.FLAIR]).volume
    grid = current.grid
    prior_object = _only(outcome, REGISTERED_PRIOR)
    if prior_object is None:
        raise Defect("The result has no registered prior.")
    prior = _series(archive, prior_object.study_instance_uid, prior_object.series_instance_uid).volume
    if not prior.grid.same_as(grid, tolerance_mm=READ_BACK_TOLERANCE_MM):
        raise Defect("The registered prior is not on the current images' grid.")
    return ReviewVolumes(
        current=grey_volume(current),
        prior=grey_volume(Volume(prior.array, grid)),
        lesions=_lesions(archive, outcome, grid),
    )


def grey_volume(volume: Volume) -> ReviewVolume:
    """Return intensities as int16 with a window that shows the head well.

    The window runs between the 1st and the 99.5th percentile of the head, so that neither the empty background
    nor a few very bright voxels of fat and vessels decide about it. Intensities that int16 can't hold, or that are
    so small that rounding would show, are scaled; the reader compares pictures, not numbers.
    """
    array = volume.array
    head = array[_head(array)]
    low, high = (float(value) for value in np.percentile(head, (_LOW_PERCENTILE, _HIGH_PERCENTILE)))
    if high <= low:
        low, high = float(array.min()), float(array.max())
    peak = float(np.abs(array).max())
    scale = 1.0
    if peak > _INT16_TOP or 0.0 < high - low < 200.0:
        scale = min(_INT16_TOP / peak, 2000.0 / max(high - low, 1e-12))
    pixels = np.clip(np.rint(array * np.float32(scale)), -_INT16_TOP, _INT16_TOP).astype("<i2")
    return ReviewVolume(
        grid=volume.grid,
        pixels=pixels.tobytes(),
        pixel_type="int16",
        window_center=(low + high) / 2 * scale,
        window_width=max(high - low, 1e-6) * scale,
    )


def _head(array: FloatArray) -> npt.NDArray[np.bool_]:
    """Voxels above the threshold between background and tissue (Otsu, 1979), without specks."""
    sample = array[:: max(1, array.shape[0] // 32), ::2, ::2]
    threshold = threshold_otsu(np.minimum(sample, np.percentile(sample, 99.9)).ravel())
    mask: npt.NDArray[np.bool_] = ndimage.binary_opening(array > threshold, np.ones((1, 3, 3), dtype=bool))
    return mask if mask.any() else np.ones(array.shape, dtype=bool)


def _lesions(archive: DicomArchive, outcome: JobOutcome, grid: Grid) -> ReviewVolume:
    stored = _only(outcome, SEGMENTATION_KIND)
    if stored is None:
        if outcome.lesions:
            raise Defect("The result has lesions and no segmentation.")
        labels = np.zeros(grid.shape, dtype=np.uint16)
    else:
        instances = archive.retrieve_series(stored.study_instance_uid, stored.series_instance_uid)
        datasets = parse_part10(instances)
        ours = [dataset for dataset in datasets if dataset.SOPInstanceUID == stored.sop_instance_uid]
        if len(ours) != 1:
            raise Defect("The archive does not hold the result's segmentation.")
        labels = read_segmentation(ours[0], grid).array
    # The viewer knows int16 and uint8; no result has 32767 lesions.
    pixel_type, stored_type = ("uint8", "u1") if labels.max(initial=0) <= _UINT8_TOP else ("int16", "<i2")
    return ReviewVolume(grid, labels.astype(stored_type).tobytes(), pixel_type, window_center=0.5, window_width=1.0)


def _only(outcome: JobOutcome, kind: str) -> StoredObject | None:
    """Return an object of a kind (any of its series); None when there is none."""
    return next((stored for stored in outcome.objects if stored.kind == kind), None)


def _series(archive: DicomArchive, study_instance_uid: str, series_instance_uid: str) -> SourceSeries:
    return read_series(parse_part10(archive.retrieve_series(study_instance_uid, series_instance_uid)))
