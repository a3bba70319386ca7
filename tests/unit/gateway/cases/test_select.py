"""One series for each role, and a reason for each that is taken or left."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pydicom.dataset import Dataset

from gateway.cases.select import Selection, SeriesCandidate, select_series
from processing.domain.errors import InputRejected
from processing.domain.study import SeriesInput, SeriesRole
from tests.unit.gateway.brain_studies import SLICES, Person, series

INPUTS = (SeriesInput(SeriesRole.FLAIR, required=True), SeriesInput(SeriesRole.T1, required=False))


def made(kind: str = "FLAIR", **changes: object) -> list[Dataset]:
    return series(Person(), "1.2.3", "20230101", kind, **changes)  # type: ignore[arg-type]  # passed on as they are


def select(*all_series: Sequence[Dataset], modality: str = "MR") -> Selection:
    by_uid = {str(images[0].SeriesInstanceUID): images for images in all_series}
    candidates = [
        SeriesCandidate(uid, int(images[0].SeriesNumber), modality, len(images), images[0])
        for uid, images in by_uid.items()
    ]
    return select_series(candidates, INPUTS, lambda candidate: by_uid[candidate.series_instance_uid])


def numbers(selection: Selection) -> dict[SeriesRole, int | None]:
    return {role: candidate.series_number for role, candidate in selection.chosen.items()}


def reason(selection: Selection, number: int) -> str:
    return next(choice.reason for choice in selection.choices if choice.candidate.series_number == number)


def test_each_role_gets_its_series_and_every_series_a_reason() -> None:
    selection = select(made("T2", number=1), made("FLAIR", number=2), made("T1", number=3))
    assert selection.usable
    assert selection.sentence == ""
    assert numbers(selection) == {SeriesRole.FLAIR: 2, SeriesRole.T1: 3}
    assert [choice.candidate.series_number for choice in selection.choices] == [1, 2, 3]
    assert all(choice.reason for choice in selection.choices)
    assert "does not ask for it" in reason(selection, 1)


def test_an_optional_role_may_be_missing() -> None:
    assert select(made("FLAIR")).usable


@pytest.mark.parametrize("kinds", [(), ("T2",), ("T1", "T2")])
def test_a_missing_required_role_is_named(kinds: tuple[str, ...]) -> None:
    selection = select(*(made(kind, number=n) for n, kind in enumerate(kinds)))
    assert not selection.usable
    assert selection.missing == (SeriesRole.FLAIR,)
    assert selection.sentence == "The study has no usable FLAIR series of the brain."


def test_the_finest_of_several_is_taken_and_the_others_say_which_is_finer() -> None:
    coarse = made(number=2, slices=range(0, 2 * SLICES, 2))
    fine = made(number=4)
    selection = select(coarse, fine)
    # Both have the same pixels in the plane (8 mm), only one has slices further apart than that.
    assert numbers(selection) == {SeriesRole.FLAIR: 4}
    assert "series 4 has finer voxels" in reason(selection, 2)
    assert "best of its kind" in reason(selection, 4)


def test_without_contrast_agent_comes_before_with() -> None:
    selection = select(made(number=2), made(number=3, ContrastBolusAgent="Gadovist"))
    assert numbers(selection) == {SeriesRole.FLAIR: 2}
    assert "series 2 was made without contrast agent" in reason(selection, 3)


def test_more_coverage_comes_before_less() -> None:
    selection = select(made(number=2), made(number=1, slices=range(SLICES + 6)))
    assert numbers(selection) == {SeriesRole.FLAIR: 1}
    assert "series 1 covers more" in reason(selection, 2)


def test_the_repetition_comes_before_the_first_try() -> None:
    assert numbers(select(made(number=5), made(number=8), made(number=6))) == {SeriesRole.FLAIR: 8}


def test_corrected_for_distortion_comes_before_uncorrected() -> None:
    corrected = made(number=5, ImageType=["ORIGINAL", "PRIMARY", "M", "DIS2D"])
    assert numbers(select(corrected, made(number=6))) == {SeriesRole.FLAIR: 5}


def test_the_order_of_the_series_does_not_matter() -> None:
    several = [made(number=n) for n in (3, 1, 2)]
    assert numbers(select(*several)) == numbers(select(*reversed(several)))


def test_a_slab_is_no_brain() -> None:
    selection = select(made(slices=range(10)))
    assert selection.missing == (SeriesRole.FLAIR,)
    assert "a slab of 50 mm" in reason(selection, 1)


def test_a_required_series_with_missing_slices_is_to_blame_not_missing() -> None:
    selection = select(made(number=7, slices=[n for n in range(SLICES) if n not in (8, 9)]))
    assert not selection.usable
    assert selection.missing == ()
    assert selection.sentence.startswith("The FLAIR (series 7) can't be used: 2 slices are missing")


def test_mixed_orientations_are_to_blame() -> None:
    images = made()
    images[3].ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    assert "different orientations" in select(images).sentence


def test_a_whole_series_stands_in_for_a_broken_one() -> None:
    broken = made(number=2, slices=[n for n in range(SLICES) if n != 8])
    selection = select(broken, made(number=3))
    assert selection.usable
    assert numbers(selection) == {SeriesRole.FLAIR: 3}
    assert "1 slice is missing" in reason(selection, 2)


def test_a_broken_optional_series_is_left_and_harms_nothing() -> None:
    selection = select(made(number=1), made("T1", number=2, slices=[n for n in range(SLICES) if n != 8]))
    assert selection.usable
    assert numbers(selection) == {SeriesRole.FLAIR: 1}
    assert "1 slice is missing" in reason(selection, 2)


def test_headers_are_fetched_only_of_series_that_could_play_a_role() -> None:
    flair, t2 = made("FLAIR", number=1), made("T2", number=2)
    fetched = []

    def load(candidate: SeriesCandidate) -> list[Dataset]:
        fetched.append(candidate.series_number)
        return flair

    candidates = [
        SeriesCandidate("1", 1, "MR", len(flair), flair[0]),
        SeriesCandidate("2", 2, "MR", len(t2), t2[0]),
        SeriesCandidate("3", 3, "SR", 1, None),
        SeriesCandidate("4", 4, "MR", 1, None),
    ]
    selection = select_series(candidates, INPUTS, load)
    assert fetched == [1]
    assert reason(selection, 3) == "no MR or CT images"
    assert reason(selection, 4) == "no image of it can be read"


def test_a_series_that_is_gone_is_left_with_the_archive_s_reason() -> None:
    images = made()

    def gone(_: SeriesCandidate) -> list[Dataset]:
        raise InputRejected("The clinical archive no longer holds an image of the study.")

    selection = select_series([SeriesCandidate("1", 1, "MR", 1, images[0])], INPUTS, gone)
    assert "no longer holds" in selection.sentence
