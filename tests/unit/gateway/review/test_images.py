from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from gateway.review.finalise import provenance_of
from gateway.review.images import ReviewImages, ReviewVolume, grey_volume, load_volumes
from processing.dicom.read import parse_part10, read_series
from processing.dicom.result import to_part10
from processing.dicom.write_seg import write_segmentation
from processing.domain.errors import Defect, InputRejected
from processing.domain.imaging import Grid, LabelMap, Volume
from processing.domain.messages import StoredObject
from processing.domain.study import SeriesRole
from tests.unit.gateway.front_result import Compared, MemoryArchive


def array_of(volume: ReviewVolume) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    return np.frombuffer(volume.pixels, dtype={"int16": "<i2", "uint8": "u1"}[volume.pixel_type]).reshape(
        volume.grid.shape
    )


def test_all_three_volumes_lie_on_the_current_images(compared: Compared) -> None:
    flair = compared.order.current
    original = read_series(
        parse_part10(compared.archive.retrieve_series(flair.study_instance_uid, flair.series[SeriesRole.FLAIR]))
    ).volume
    volumes = load_volumes(compared.archive, compared.order, compared.outcome)
    assert volumes.current.grid.same_as(original.grid)
    assert np.array_equal(array_of(volumes.current), original.array), "whole numbers of good contrast stay as they are"
    assert np.array_equal(array_of(volumes.lesions), compared.result.lesion_map.array)
    for volume in (volumes.prior, volumes.lesions):
        assert volume.grid.same_as(volumes.current.grid, tolerance_mm=0)
    stored, ratio = array_of(volumes.prior), compared.result.registered_prior.array
    assert np.corrcoef(stored.astype(np.float64).ravel(), ratio.astype(np.float64).ravel())[0, 1] > 0.9999


def test_a_lesions_centroid_lies_in_its_label(compared: Compared) -> None:
    volumes = load_volumes(compared.archive, compared.order, compared.outcome)
    for lesion in compared.outcome.lesions:
        index = tuple(np.rint(volumes.current.grid.lps_to_index(lesion.centroid_mm)).astype(int))
        assert array_of(volumes.lesions)[index] == lesion.number


def test_without_lesions_the_map_is_empty(compared_without_lesions: Compared) -> None:
    compared = compared_without_lesions
    volumes = load_volumes(compared.archive, compared.order, compared.outcome)
    assert not array_of(volumes.lesions).any()
    assert volumes.lesions.grid.same_as(volumes.current.grid)


def test_more_lesions_than_a_byte_counts_keep_their_numbers(compared: Compared) -> None:
    """Written by the real writer: 300 lesions of one voxel."""
    flair = compared.order.current
    current = read_series(
        parse_part10(compared.archive.retrieve_series(flair.study_instance_uid, flair.series[SeriesRole.FLAIR]))
    )
    labels = np.zeros(current.volume.grid.shape, dtype=np.uint16)
    labels[2:5, 10:20, 10:20] = np.arange(1, 301, dtype=np.uint16).reshape(3, 10, 10)
    lesions = tuple(replace(compared.outcome.lesions[0], number=number) for number in range(1, 301))
    written = write_segmentation(
        current, LabelMap(labels, current.volume.grid), lesions, provenance_of(compared.order).as_draft()
    )
    assert written is not None
    stored = StoredObject(
        kind="segmentation",
        sop_class_uid=str(written.SOPClassUID),
        study_instance_uid=str(written.StudyInstanceUID),
        series_instance_uid="2.25.300",
        sop_instance_uid=str(written.SOPInstanceUID),
    )
    files = dict(compared.archive.files)
    files[stored.study_instance_uid, stored.series_instance_uid] = {stored.sop_instance_uid: to_part10(written)}
    others = (one for one in compared.outcome.objects if one.kind != "segmentation")
    outcome = compared.outcome.model_copy(update={"lesions": lesions, "objects": (stored, *others)})
    volumes = load_volumes(MemoryArchive(files), compared.order, outcome)
    assert volumes.lesions.pixel_type == "int16", "which the viewer knows too"
    assert np.array_equal(array_of(volumes.lesions), labels)


def test_lesions_without_a_segmentation_are_a_defect(compared: Compared) -> None:
    objects = tuple(stored for stored in compared.outcome.objects if stored.kind != "segmentation")
    with pytest.raises(Defect, match="no segmentation"):
        load_volumes(compared.archive, compared.order, compared.outcome.model_copy(update={"objects": objects}))


def test_an_archive_that_lost_the_images_says_so(compared: Compared) -> None:
    with pytest.raises(InputRejected, match="does not hold"):
        load_volumes(MemoryArchive(), compared.order, compared.outcome)


def test_a_case_is_read_once_however_many_ask(compared: Compared) -> None:
    images = ReviewImages(compared.archive)
    before = compared.archive.retrieved
    threads = [threading.Thread(target=images.volumes, args=(compared.order, compared.outcome)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert compared.archive.retrieved - before == 3, "one for each of the three series"


def test_the_oldest_case_makes_room(compared: Compared) -> None:
    images = ReviewImages(compared.archive, kept_cases=1)
    first = images.volumes(compared.order, compared.outcome)
    assert images.volumes(compared.order, compared.outcome) is first
    other = compared.order.model_copy(update={"job_id": "another"})
    images.volumes(other, compared.outcome)
    assert images.volumes(compared.order, compared.outcome) is not first


def test_the_window_is_that_of_the_head_not_of_air_or_of_single_bright_voxels() -> None:
    array = np.full((10, 40, 40), 10.0, dtype=np.float32)
    array[:, 12:28, 12:28] = np.linspace(800, 1200, 256, dtype=np.float32).reshape(16, 16)
    array[5, 20, 20] = 30000.0
    volume = grey_volume(Volume(array, _grid(array)))
    low = volume.window_center - volume.window_width / 2
    high = volume.window_center + volume.window_width / 2
    assert 790 < low < 850
    assert 1150 < high < 1250


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e6])
def test_any_scale_of_intensities_keeps_its_contrast(scale: float) -> None:
    array = np.zeros((4, 32, 32), dtype=np.float32)
    array[:, 8:24, 8:24] = np.linspace(0.5, 1.0, 256, dtype=np.float32).reshape(16, 16) * scale
    volume = grey_volume(Volume(array, _grid(array)))
    shown = array_of(volume)[0, 8:24, 8:24].ravel()
    assert len(np.unique(shown)) > 250
    assert np.all(np.diff(shown.astype(int)) >= 0)
    assert shown.max() <= volume.window_center + volume.window_width


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_an_image_of_one_value_can_be_shown(value: float) -> None:
    array = np.full((3, 8, 8), value, dtype=np.float32)
    volume = grey_volume(Volume(array, _grid(array)))
    assert volume.window_width > 0
    assert np.isfinite(volume.window_center)


def _grid(array: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Grid:
    shape = (array.shape[0], array.shape[1], array.shape[2])
    return Grid.from_axes(shape, origin_mm=(0, 0, 0), spacing_mm=(3, 1, 1), directions=np.eye(3)[:, ::-1])
