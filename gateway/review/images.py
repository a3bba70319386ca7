"""The volumes that a reader compares, on the current FLAIR's grid or in their own slices, all in its frame."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
from pydicom.dataset import Dataset
from scipy import ndimage

from gateway.review.display import ReviewVolume, difference_volume, grey_volume, label_volume
from gateway.review.visits import Comparison, ImageKind, ReviewImage
from processing.dicom.archive import DicomArchive
from processing.dicom.geometry import READ_BACK_TOLERANCE_MM
from processing.dicom.read import SourceSeries, parse_part10, read_series
from processing.dicom.write_derived import ALIGNED, REGISTERED_PRIOR, SUBTRACTION, SUBTRACTION_STEPS
from processing.dicom.write_registration import KIND as REGISTRATION
from processing.dicom.write_registration import read_coregistration, read_registration
from processing.dicom.write_seg import KIND as SEGMENTATION
from processing.dicom.write_seg import read_segmentation
from processing.domain.errors import Defect, InputRejected
from processing.domain.imaging import Grid, LabelMap, RigidTransform, Volume
from processing.domain.messages import StoredObject
from processing.domain.study import SeriesRole

KEPT_BYTES = 512 * 1024 * 1024
"""A reader goes back and forth between a few cases; one of 1 mm takes some 60 MB, and 23 MB more for each series."""

V = TypeVar("V")


class ReviewImages:
    """Reads volumes from the research archive and keeps the most recent ones in memory.

    Every method raises Transient if the archive can't be reached, InputRejected if it does not hold the images any
    more or they can't be read, and Defect if the worker's objects do not lie on the current FLAIR's grid.

    Parameters
    ----------
    archive : DicomArchive
        Of the pseudonymous zone.
    kept_bytes : int
        How much is kept.
    """

    def __init__(self, archive: DicomArchive, kept_bytes: int = KEPT_BYTES) -> None:
        self._archive = archive
        self._volumes = _Kept[ReviewVolume](lambda volume: len(volume.pixels), kept_bytes)
        self._scanners = _Kept[str](len, 100_000)

    def grid(self, comparison: Comparison) -> Grid:
        """Return the grid on which all volumes of a result lie."""
        return self.current(comparison).grid

    def volume(self, comparison: Comparison, image: ReviewImage) -> ReviewVolume:
        """Return one image on the current FLAIR's grid, or in its own slices where it is of that kind."""
        if image.kind is ImageKind.SERIES and image.visit == 0 and image.role is comparison.reference:
            return self.current(comparison)
        if image.kind is ImageKind.SERIES and image.visit == 1 and image.role is SeriesRole.FLAIR:
            return self.registered_prior(comparison)
        return self._volumes.get(f"{comparison.key}/{image.name}", lambda: self._load(comparison, image))

    def lesion_map(self, comparison: Comparison) -> LabelMap:
        """Return the lesions as the algorithm outlined them."""
        volume = self._volumes.get(f"{comparison.key}/lesions", lambda: self._lesions(comparison))
        return LabelMap(volume.array.astype(np.uint16), volume.grid)

    def scanner(self, image: ReviewImage) -> str:
        """Return on which scanner a series was acquired: manufacturer, model and field strength."""
        uid = image.series_instance_uid

        def read() -> str:
            return scanner_words(self._archive.retrieve_headers(image.study.study_instance_uid, uid)[0])

        return self._scanners.get(uid, read)

    def current(self, comparison: Comparison) -> ReviewVolume:
        """Return the current series on whose grid everything lies: FLAIR, or T1C of a tumour."""
        study = comparison.order.current

        def load() -> ReviewVolume:
            uid = study.series[comparison.reference]
            source = self._series(study.study_instance_uid, uid)
            self._scanners.get(uid, lambda: scanner_words(source.reference))
            return grey_volume(source.volume)

        return self._volumes.get(f"{comparison.key}/current", load)

    def registered_prior(self, comparison: Comparison) -> ReviewVolume:
        """Return the earlier FLAIR on the current one's grid."""

        def load() -> ReviewVolume:
            return grey_volume(self._derived(comparison, REGISTERED_PRIOR))

        return self._volumes.get(f"{comparison.key}/prior", load)

    def _load(self, comparison: Comparison, image: ReviewImage) -> ReviewVolume:
        if image.kind is ImageKind.LESIONS:
            return self._lesions(comparison)
        if image.kind is ImageKind.SUBTRACTION:
            # Whole deviations of the white-matter median: half of it is far more than any artefact.
            return difference_volume(self._derived(comparison, SUBTRACTION), half_width=SUBTRACTION_STEPS / 2)
        aligned = ALIGNED.get(image.role, "")
        if image.kind is ImageKind.OWN_SLICES:
            return self._in_own_slices(comparison, image, aligned)
        if image.visit == 0 and comparison.only(aligned) is not None:
            return grey_volume(self._derived(comparison, aligned))
        source = self._framed(image)
        return grey_volume(onto(self.grid(comparison), source.volume, self._to_visit(image)))

    def _in_own_slices(self, comparison: Comparison, image: ReviewImage, aligned: str) -> ReviewVolume:
        registration = comparison.only(REGISTRATION)
        if image.visit == 0 and registration is not None and comparison.only(aligned) is not None:
            source = self._series(image.study.study_instance_uid, image.series_instance_uid)
            to_series = read_coregistration(self._object(registration))[0][image.role]
            return grey_volume(placed(source.volume, to_series))
        return grey_volume(placed(self._framed(image).volume, self._to_visit(image)))

    def _framed(self, image: ReviewImage) -> SourceSeries:
        """Read a series whose place in its visit is known."""
        source = self._series(image.study.study_instance_uid, image.series_instance_uid)
        if image.role is not SeriesRole.FLAIR:
            self._require_frame(image, source)
        return source

    def _require_frame(self, image: ReviewImage, source: SourceSeries) -> None:
        """Refuse a series that no registration ties to its visit's FLAIR."""
        flair = self._archive.retrieve_headers(image.study.study_instance_uid, image.study.series[SeriesRole.FLAIR])[0]
        if flair.get("FrameOfReferenceUID") != source.reference.get("FrameOfReferenceUID"):
            raise InputRejected(f"The {image.role} series of this study can't be brought onto its FLAIR.")

    def _to_visit(self, image: ReviewImage) -> RigidTransform:
        whole = RigidTransform.identity()
        for comparison in image.through:
            stored = comparison.only(REGISTRATION)
            if stored is None:
                raise Defect("The result has no registration.")
            whole = read_registration(self._object(stored)).after(whole)
        return whole

    def _derived(self, comparison: Comparison, kind: str) -> Volume:
        stored = comparison.only(kind)
        if stored is None:
            raise Defect(f"The result has no {kind}.")
        volume = self._series(stored.study_instance_uid, stored.series_instance_uid).volume
        grid = self.grid(comparison)
        if not volume.grid.same_as(grid, tolerance_mm=READ_BACK_TOLERANCE_MM):
            raise Defect(f"The {kind} is not on the current images' grid.")
        return Volume(volume.array, grid)

    def _lesions(self, comparison: Comparison) -> ReviewVolume:
        grid = self.grid(comparison)
        stored = comparison.only(SEGMENTATION)
        if stored is not None:
            return label_volume(read_segmentation(self._object(stored), grid))
        if comparison.outcome.numbers:
            raise Defect("The result has findings and no segmentation.")
        return label_volume(LabelMap(np.zeros(grid.shape, dtype=np.uint16), grid))

    def _object(self, stored: StoredObject) -> Dataset:
        instances = self._archive.retrieve_series(stored.study_instance_uid, stored.series_instance_uid)
        ours = [one for one in parse_part10(instances) if one.SOPInstanceUID == stored.sop_instance_uid]
        if len(ours) != 1:
            raise Defect(f"The archive does not hold the result's {stored.kind}.")
        return ours[0]

    def _series(self, study_instance_uid: str, series_instance_uid: str) -> SourceSeries:
        return read_series(parse_part10(self._archive.retrieve_series(study_instance_uid, series_instance_uid)))


class _Kept(Generic[V]):
    """Values that are made once, however many ask at the same time, and kept while there is room."""

    def __init__(self, size_of: Callable[[V], int], most: int) -> None:
        self._size_of = size_of
        self._most = most
        self._values: OrderedDict[str, V] = OrderedDict()
        self._lock = threading.Lock()
        self._making: dict[str, threading.Lock] = {}

    def get(self, key: str, make: Callable[[], V]) -> V:
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            value = self._find(key)
            if value is None:
                value = make()
                self._keep(key, value)
        with self._lock:
            self._making.pop(key, None)
        return value

    def _find(self, key: str) -> V | None:
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def _keep(self, key: str, value: V) -> None:
        with self._lock:
            self._values[key] = value
            while len(self._values) > 1 and sum(map(self._size_of, self._values.values())) > self._most:
                self._values.popitem(last=False)


def onto(grid: Grid, volume: Volume, to_volume: RigidTransform) -> Volume:
    """Resample a volume onto another grid, linearly; air where it does not reach.

    Parameters
    ----------
    grid : Grid
    volume : Volume
    to_volume : RigidTransform
        Maps a point of the grid to the volume's frame of reference.
    """
    index = np.linalg.inv(volume.grid.affine) @ to_volume.matrix @ grid.affine
    array = ndimage.affine_transform(
        volume.array, index[:3, :3], offset=index[:3, 3], output_shape=grid.shape, order=1, mode="constant", cval=0.0
    )
    return Volume(array, grid)


def placed(volume: Volume, to_volume: RigidTransform) -> Volume:
    """Return a volume with its voxels as they are and its grid in another frame of reference.

    Parameters
    ----------
    volume : Volume
    to_volume : RigidTransform
        Maps a point of that frame to the volume's.
    """
    return Volume(volume.array, Grid(volume.grid.shape, to_volume.inverse().matrix @ volume.grid.affine))


def scanner_words(header: Dataset) -> str:
    """Return manufacturer, model and field strength as a header names them."""
    maker, model = (
        " ".join(str(header.get(keyword) or "").split()) for keyword in ("Manufacturer", "ManufacturerModelName")
    )
    strength = header.get("MagneticFieldStrength")
    words = [
        maker if maker.casefold() not in model.casefold() else "",
        model,
        f"{float(strength):g} T" if strength else "",
    ]
    return " ".join(word for word in words if word)
