from __future__ import annotations

import threading
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from pydicom import dcmread

from gateway.review.display import ReviewVolume, coarse_head, grey_volume, head_mask
from gateway.review.finalise import provenance_of
from gateway.review.images import ReviewImages, onto, placed
from gateway.review.visits import Comparison, review_images
from processing.dicom.read import parse_part10, read_series
from processing.dicom.result import to_part10
from processing.dicom.write_seg import write_segmentation
from processing.domain.errors import Defect, InputRejected
from processing.domain.imaging import Grid, LabelMap, RigidTransform, Volume
from processing.domain.messages import StoredObject, StudyOrder
from processing.domain.study import SeriesRole
from tests.unit.gateway.front_result import Compared, MemoryArchive, Pair, compare, head, small_pair

_AXES = np.eye(3)[:, ::-1]


def _turned() -> RigidTransform:
    angle = np.deg2rad(5.0)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = (6.0, -4.0, 9.0)
    return RigidTransform(matrix)


_TO_PRIOR = _turned()
"""From the current study to the prior."""


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


def test_a_placed_volume_keeps_its_voxels_and_lies_where_the_registration_says() -> None:
    """The same bright voxel, in its own slices, through a turn and a shift."""
    array = np.zeros((8, 20, 20), dtype=np.float32)
    array[4, 10, 12] = 100.0
    source = Volume(array, _grid(array))
    angle = np.deg2rad(8.0)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = (5.0, -3.0, 7.0)
    to_source = RigidTransform(matrix)
    shown = placed(source, to_source)
    assert np.array_equal(shown.array, array), "nothing is interpolated"
    assert np.allclose(shown.grid.spacing_mm, source.grid.spacing_mm)
    here = shown.grid.index_to_lps((4, 10, 12))
    assert np.allclose(to_source.apply(here), source.grid.index_to_lps((4, 10, 12)))


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    """FLAIR of 4 mm and T1 of other slices at two visits; the prior lies turned and shifted in its scanner."""
    flair = Grid.from_axes((6, 48, 40), origin_mm=(-40, -36, -12), spacing_mm=(4, 1.5, 2), directions=_AXES)
    fine = Grid.from_axes((20, 30, 32), origin_mm=(-38, -34, -14), spacing_mm=(1.25, 2.4, 2.5), directions=_AXES)
    there = [Grid(grid.shape, _TO_PRIOR.matrix @ grid.affine) for grid in (flair, fine)]
    current = {SeriesRole.FLAIR: head(flair), SeriesRole.T1: head(fine)}
    prior = {SeriesRole.FLAIR: head(there[0], bright=350), SeriesRole.T1: head(there[1], bright=350)}
    found = small_pair().found
    pair = Pair(prior, current, lambda volume: replace(found(volume), current_to_prior=_TO_PRIOR))
    return compare(tmp_path_factory.mktemp("turned"), pair)


@pytest.mark.parametrize("name", ["current-T1-own", "prior-own", "prior-T1-own"])
def test_own_slices_are_the_acquired_ones_at_the_registered_place(turned: Compared, name: str) -> None:
    image = review_images(comparison_of(turned))[name]
    acquired = read_series(
        parse_part10(turned.archive.retrieve_series(image.study.study_instance_uid, image.series_instance_uid))
    ).volume
    shown = load(turned, name)
    assert np.array_equal(shown.array, acquired.array)
    assert np.allclose(shown.grid.spacing_mm, acquired.grid.spacing_mm, atol=1e-4)
    to_visit = RigidTransform.identity() if image.visit == 0 else _TO_PRIOR
    for corner in ((0, 0, 0), (3, 20, 10), tuple(n - 1 for n in shown.grid.shape)):
        assert np.allclose(
            to_visit.apply(shown.grid.index_to_lps(corner)), acquired.grid.index_to_lps(corner), atol=1e-2
        )


def test_own_slices_of_another_frame_are_refused(turned: Compared) -> None:
    """A T1 that no registration ties to its FLAIR is not shown at a place that nobody knows."""
    study = turned.order.current
    key = (study.study_instance_uid, study.series[SeriesRole.T1])
    files = dict(turned.archive.files)
    files[key] = {}
    for uid, content in turned.archive.files[key].items():
        dataset = dcmread(BytesIO(content))
        dataset.FrameOfReferenceUID = "2.25.77"
        files[key][uid] = to_part10(dataset)
    with pytest.raises(InputRejected, match="can't be brought onto its FLAIR"):
        load(turned, "current-T1-own", MemoryArchive(files))


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
