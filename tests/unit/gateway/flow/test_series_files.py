"""Reading a series once: what is looked at is kept for who takes it, within a limit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from gateway.clinical import ClinicalArchive, header_of
from gateway.clinical_study import ClinicalSeries, ClinicalStudy
from gateway.flow.series_files import SeriesFiles, place_of
from processing.dicom.geometry import series_geometry
from processing.domain.errors import InputRejected
from tests.unit.gateway.brain_studies import Person, encoded, new_uid, series

IMAGES = [encoded(image) for image in series(Person(), new_uid(), "20240501")]
SIZE = sum(map(len, IMAGES))


class CountingArchive(ClinicalArchive):
    """Holds one series, and counts how often it is read."""

    readings = 0

    def files(self, study: ClinicalStudy, series: ClinicalSeries) -> Iterator[bytes]:
        self.readings += 1
        yield from IMAGES


@pytest.fixture
def archive() -> Iterator[CountingArchive]:
    with CountingArchive("http://127.0.0.1:9", "nobody", "") as archive:
        yield archive


def one_series(name: str) -> ClinicalSeries:
    return ClinicalSeries(new_uid(), "MR", 1, "Scanner", tuple(f"{n}" for n in range(len(IMAGES))), name)


FIRST, SECOND = one_series("first"), one_series("second")
STUDY = ClinicalStudy(new_uid(), frozenset({"P"}), (FIRST, SECOND))


def test_what_was_looked_at_is_taken_without_a_second_reading(archive: CountingArchive) -> None:
    files = SeriesFiles(archive)
    assert len(files.headers(STUDY, FIRST)) == len(IMAGES)
    assert list(files.take(STUDY, FIRST)) == IMAGES
    assert archive.readings == 1


def test_what_does_not_fit_is_read_again_whole(archive: CountingArchive) -> None:
    files = SeriesFiles(archive, most_bytes=SIZE + SIZE // 2)
    files.headers(STUDY, FIRST)
    assert len(files.headers(STUDY, SECOND)) == len(IMAGES)
    assert list(files.take(STUDY, SECOND)) == IMAGES
    assert archive.readings == 3


def test_room_comes_back_with_what_is_taken(archive: CountingArchive) -> None:
    files = SeriesFiles(archive, most_bytes=SIZE)
    files.headers(STUDY, FIRST)
    list(files.take(STUDY, FIRST))
    files.headers(STUDY, SECOND)
    list(files.take(STUDY, SECOND))
    assert archive.readings == 2


def test_what_nobody_looked_at_is_read(archive: CountingArchive) -> None:
    assert list(SeriesFiles(archive).take(STUDY, FIRST)) == IMAGES
    assert archive.readings == 1


def test_the_place_is_the_one_that_the_whole_header_says() -> None:
    quick, whole = (series_geometry([read(content) for content in IMAGES]) for read in (place_of, header_of))
    assert quick.order == whole.order
    assert quick.grid.shape == whole.grid.shape
    np.testing.assert_array_equal(quick.grid.affine, whole.grid.affine)


def test_what_is_missing_in_an_image_is_missing_in_its_place() -> None:
    image = series(Person(), new_uid(), "20240501")[0]
    del image.PixelSpacing
    assert "PixelSpacing" not in place_of(encoded(image))


def test_what_is_no_dicom_has_no_place() -> None:
    with pytest.raises(InputRejected):
        place_of(b"no image")
