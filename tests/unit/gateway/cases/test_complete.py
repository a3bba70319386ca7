"""What a study still lacks."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pydicom.dataset import Dataset

from gateway.cases.complete import announced, what_is_missing
from gateway.cases.select import SeriesCandidate
from processing.domain.study import SeriesRole
from tests.unit.gateway.brain_studies import SLICES, Person, series

REQUIRED = (SeriesRole.FLAIR, SeriesRole.T1)


def made(kind: str = "FLAIR", **changes: object) -> list[Dataset]:
    return series(Person(), "1.2.3", "20230101", kind, **changes)  # type: ignore[arg-type]  # passed on as they are


def missing(*all_series: Sequence[Dataset], required: Sequence[SeriesRole] = REQUIRED[:1]) -> str:
    by_uid = {str(images[0].SeriesInstanceUID): images for images in all_series}
    candidates = [
        SeriesCandidate(uid, int(images[0].SeriesNumber), "MR", len(images), images[0])
        for uid, images in by_uid.items()
    ]
    return what_is_missing(candidates, required, lambda candidate: by_uid[candidate.series_instance_uid])


def test_a_study_with_every_required_series_lacks_nothing() -> None:
    assert missing(made(number=1), made("T1", number=2), required=REQUIRED) == ""


def test_absent_roles_are_named() -> None:
    assert missing(made("T2")) == "No FLAIR series of the brain has come."
    assert missing(made("T2"), required=REQUIRED) == "No FLAIR and no T1 series of the brain has come."


@pytest.mark.parametrize(
    ("slices", "words"),
    [
        ([n for n in range(SLICES) if n not in (8, 9)], "2 slices are missing"),
        ([0, 1, 2, 5, 9], "missing"),
        ([3], "single slice"),
    ],
)
def test_missing_slices_are_waited_for(slices: list[int], words: str) -> None:
    said = missing(made(number=4, slices=slices))
    assert said.startswith("The FLAIR (series 4) is not whole: ")
    assert words in said


def test_one_whole_series_of_a_role_is_enough() -> None:
    assert missing(made(number=4, slices=range(5)), made(number=5, slices=[1, 5, 6]), made(number=6)) == ""


def test_what_no_further_image_can_help_is_not_waited_for() -> None:
    images = made()
    images[3].ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    assert missing(images) == ""


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"ImagesInAcquisition": str(SLICES + 6)}, f"{SLICES} of {SLICES + 6} images that its header announces"),
        ({"ImagesInAcquisition": str(SLICES)}, ""),
        ({"ImagesInAcquisition": "1"}, ""),
        ({"ImagesInAcquisition": ""}, ""),
        ({"NumberOfTemporalPositions": "5"}, f"{SLICES} images can't be the 5 time points"),
        ({"NumberOfTemporalPositions": "2"}, ""),
    ],
)
def test_the_number_that_the_header_announces_counts(values: dict[str, object], words: str) -> None:
    said = missing(made(**values))  # type: ignore[arg-type]  # attributes of the images
    assert (words in said) if words else said == ""


def test_a_multi_frame_image_announces_nothing_that_could_still_come() -> None:
    header = made(ImagesInAcquisition="200")[0]
    header.PerFrameFunctionalGroupsSequence = [Dataset()]
    assert announced(SeriesCandidate("1", 1, "MR", 1, header)) == ""
