from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from gateway.review.display import ReviewVolume, coarse_head, grey_volume, head_mask
from gateway.review.finalise import provenance_of
from gateway.review.images import ReviewImages, onto
from gateway.review.visits import Comparison, review_images
from processing.dicom.read import parse_part10, read_series
from processing.dicom.result import to_part10
from processing.dicom.write_seg import write_segmentation
from processing.domain.errors import Defect, InputRejected
from processing.domain.imaging import Grid, LabelMap, RigidTransform, Volume
from processing.domain.messages import StoredObject, StudyOrder
from processing.domain.study import SeriesRole
from tests.unit.gateway.front_result import Compared, MemoryArchive


def comparison_of(compared: Compared, **changes: object) -> Comparison:
    return Comparison(compared.order, compared.outcome.model_copy(update=changes))


def load(compared: Compared, name: str, archive: MemoryArchive | None = None, **changes: object) -> ReviewVolume:
    comparison = comparison_of(compared, **changes)
    return ReviewImages(archive or compared.archive).volume(comparison, review_images(comparison)[name])


def test_all_volumes_lie_on_the_current_images(compared: Compared) -> None:
    flair = compared.order.current
    original = read_series(
        parse_part10(compared.archive.retrieve_series(flair.study_instance_uid, flair.series[SeriesRole.FLAIR]))
    ).volume
    current = load(compared, "current")
    assert current.grid.same_as(original.grid)
    assert np.array_equal(current.array, original.array), "whole numbers of good contrast stay as they are"
    assert np.array_equal(load(compared, "lesions").array, compared.result.lesion_map.array)
    for name in ("prior", "lesions", "subtraction"):
        assert load(compared, name).grid.same_as(current.grid, tolerance_mm=0)
    stored, ratio = load(compared, "prior").array, compared.result.registered_prior.array
    assert np.corrcoef(stored.astype(np.float64).ravel(), ratio.astype(np.float64).ravel())[0, 1] > 0.9999


def test_no_change_is_the_middle_of_the_subtractions_window(compared: Compared) -> None:
    subtraction = load(compared, "subtraction")
    assert subtraction.window_center == 0
    wanted = compared.result.subtraction.array * 1000
    assert np.abs(subtraction.array - wanted).max() < 1


def test_a_lesions_centroid_lies_in_its_label(compared: Compared) -> None:
    lesions = load(compared, "lesions")
    for lesion in compared.outcome.lesions:
        index = tuple(np.rint(lesions.grid.lps_to_index(lesion.centroid_mm)).astype(int))
        assert lesions.array[index] == lesion.number


def test_without_lesions_the_map_is_empty(compared_without_lesions: Compared) -> None:
    lesions = load(compared_without_lesions, "lesions")
    assert not lesions.array.any()
    assert lesions.grid.same_as(load(compared_without_lesions, "current").grid)


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
    volume = load(compared, "lesions", MemoryArchive(files), lesions=lesions, objects=(stored, *others))
    assert volume.pixel_type == "int16", "which the viewer knows too"
    assert np.array_equal(volume.array, labels)


def test_lesions_without_a_segmentation_are_a_defect(compared: Compared) -> None:
    objects = tuple(stored for stored in compared.outcome.objects if stored.kind != "segmentation")
    with pytest.raises(Defect, match="no segmentation"):
        load(compared, "lesions", objects=objects)


def test_an_archive_that_lost_the_images_says_so(compared: Compared) -> None:
    with pytest.raises(InputRejected, match="does not hold"):
        load(compared, "current", MemoryArchive())


def test_an_image_is_read_once_however_many_ask(compared: Compared) -> None:
    images = ReviewImages(compared.archive)
    comparison = comparison_of(compared)
    wanted = review_images(comparison)
    before = compared.archive.retrieved
    threads = [
        threading.Thread(target=images.volume, args=(comparison, wanted[name]))
        for name in ("current", "prior", "lesions", "current")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert compared.archive.retrieved - before == 3, "one for each of the three series"


def test_the_oldest_image_makes_room(compared: Compared) -> None:
    comparison = comparison_of(compared)
    wanted = review_images(comparison)
    images = ReviewImages(compared.archive, kept_bytes=1)
    first = images.volume(comparison, wanted["current"])
    assert images.volume(comparison, wanted["current"]) is first
    images.volume(comparison, wanted["prior"])
    assert images.volume(comparison, wanted["current"]) is not first


def test_the_scanner_is_named_as_the_header_names_it(compared: Compared) -> None:
    comparison = comparison_of(compared)
    words = ReviewImages(compared.archive).scanner(review_images(comparison)["prior"])
    header = compared.archive.retrieve_headers(*_flair(compared.order.require_prior()))[0]
    assert str(header.Manufacturer) in words
    assert words.endswith(" T")


def test_a_moved_volume_shows_the_same_anatomy_at_the_same_place() -> None:
    """A bright voxel, seen from a grid of another spacing through a shift of 5 mm."""
    array = np.zeros((8, 20, 20), dtype=np.float32)
    array[4, 10, 12] = 100.0
    source = Volume(array, _grid(array))
    point = source.grid.index_to_lps((4, 10, 12))
    grid = Grid.from_axes((24, 20, 20), origin_mm=(0, 0, 0), spacing_mm=(1, 1, 1), directions=np.eye(3)[:, ::-1])
    matrix = np.eye(4)
    matrix[0, 3] = 5.0
    moved = onto(grid, source, RigidTransform(matrix))
    peak = np.unravel_index(int(moved.array.argmax()), moved.array.shape)
    assert np.allclose(grid.index_to_lps(peak) + np.array((5.0, 0.0, 0.0)), point)


def test_the_coarse_head_lies_where_the_head_is(compared: Compared) -> None:
    current = load(compared, "current")
    grid, head = coarse_head(current)
    whole = head_mask(current.array)
    for corner in (np.min, np.max):
        coarse, fine = (
            corner(one.index_to_lps(np.argwhere(mask)), axis=0) for one, mask in ((grid, head), (current.grid, whole))
        )
        assert np.abs(coarse - fine).max() <= max(grid.spacing_mm)


def _flair(study: StudyOrder) -> tuple[str, str]:
    return study.study_instance_uid, study.series[SeriesRole.FLAIR]


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
    shown = volume.array[0, 8:24, 8:24].ravel()
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
