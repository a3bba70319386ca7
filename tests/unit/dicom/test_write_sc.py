from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import ImageDraw
from pydicom.dataset import Dataset

from processing.dicom import lettering, write_sc
from processing.dicom.palette import COLOURS_RGB
from processing.dicom.result import to_part10
from processing.domain.decision import SignedReview
from tests.unit.dicom.made import NOTE, PROVENANCE, Comparison, dciodvfy_errors, review_of


def captures(made: Comparison, review: SignedReview | None = None) -> list[Dataset]:
    result = made.result
    return write_sc.write_pictures(
        made.current,
        made.prior_headers,
        result.registered_prior,
        result.lesion_map,
        result.lesions,
        PROVENANCE,
        notes=result.warnings,
        review=review,
    )


def outlined(picture: npt.NDArray[np.uint8], *colours: tuple[int, int, int]) -> npt.NDArray[np.bool_]:
    """Where a picture has exactly the colour of an outline; captions are lighter."""
    found = np.zeros(picture.shape[:2], dtype=bool)
    for colour in colours or COLOURS_RGB.values():
        found |= (picture == np.array(colour, dtype=np.uint8)).all(axis=-1)
    return found


def test_there_is_an_overview_and_a_picture_per_lesion(compared: Comparison) -> None:
    names = [str(dataset.ImageComments) for dataset in captures(compared)]
    largest_first = sorted(compared.result.lesions, key=lambda lesion: -lesion.volume_mm3)
    assert names == ["Overview", *(f"Lesion {lesion.number}, {lesion.change}" for lesion in largest_first)]


def test_without_lesions_there_is_the_overview(unchanged: Comparison) -> None:
    (overview,) = captures(unchanged)
    assert not outlined(overview.pixel_array).any()
    assert overview.pixel_array.max() > 200


def test_every_lesion_has_the_colour_of_its_change(compared: Comparison) -> None:
    for dataset in captures(compared)[1:]:
        # Each lesion of the made comparison is alone in its close-up.
        close_up = dataset.pixel_array[int(dataset.Rows * 0.65) :]
        change = str(dataset.ImageComments).rsplit(", ", 1)[1]
        assert {one for one, colour in COLOURS_RGB.items() if outlined(close_up, colour).any()} == {change}


def test_outlines_are_only_in_the_third_panel(compared: Comparison) -> None:
    for dataset in captures(compared)[1:]:
        columns = np.flatnonzero(outlined(dataset.pixel_array).any(axis=0))
        assert columns.min() > dataset.Columns * 2 / 3


def test_a_lesion_on_the_left_is_on_the_right_of_its_panel(compared: Comparison) -> None:
    pictures = {str(dataset.ImageComments)[:8]: dataset for dataset in captures(compared)[1:]}
    middles = {}
    for name in ("Lesion 1", "Lesion 2"):
        dataset = pictures[name]
        # Above the close-up.
        rows, columns = np.nonzero(outlined(dataset.pixel_array[: int(dataset.Rows * 0.6)]))
        assert rows.size
        middles[name] = float(np.median(columns)) / dataset.Columns
    third_panel_middle = 5 / 6
    assert middles["Lesion 1"] > third_panel_middle > middles["Lesion 2"]


def words_drawn(monkeypatch: pytest.MonkeyPatch, made: Comparison, review: SignedReview | None = None) -> str:
    lines: list[str] = []
    real = lettering.write

    def noting(
        draw: ImageDraw.ImageDraw,
        place: tuple[int, int],
        words: str,
        size: int,
        colour: tuple[int, int, int] = (0, 0, 0),
        *,
        align: str = "left",
        shadow: bool = False,
    ) -> None:
        lines.append(words)
        real(draw, place, words, size, colour, align=align, shadow=shadow)

    monkeypatch.setattr(lettering, "write", noting)
    captures(made, review)
    return "\n".join(lines)


def test_what_is_written_on_a_draft(compared: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    words = words_drawn(monkeypatch, compared)
    volume = f"{compared.result.lesions[0].volume_mm3:.0f} mm³"
    for phrase in (
        "Research use, not a medical device.",
        "Draft: not reviewed by a reader.",
        "Prior 2024-03-11",
        "Current 2025-03-17, 371 days later",
        "3 lesions: 1 new, 1 growing, 1 vanished",
        "Lesion 1: new",
        f"{volume}   |   left, periventricular   |   axial slice at S",
        "patient's right on the left",
        NOTE,
    ):
        assert phrase in words


def test_a_signed_picture_says_so(compared: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    words = words_drawn(monkeypatch, compared, review_of([1, 2, 3], []))
    assert "Accepted by the reader on 2025-04-01" in words
    assert "Draft" not in words


def test_moved_dates_are_not_burned_in(compared: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = tuple(copy.deepcopy(header) for header in compared.current.headers)
    for header in headers:
        header.LongitudinalTemporalInformationModified = "MODIFIED"
    moved = replace(compared, current=replace(compared.current, headers=headers))
    words = words_drawn(monkeypatch, moved)
    assert "2024" not in words
    assert "2025" not in words
    assert "371 days later" in words


def test_no_name_is_burned_in(compared: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    words = words_drawn(monkeypatch, compared, review_of([1, 2, 3], []))
    for part in ("Demo", "Interval", "INTERVAL-DEMO-1", "Prüfer", "Prufer"):
        assert part not in words


def test_only_so_many_lesions_get_their_own_picture(compared: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_sc, "MOST_LESION_PICTURES", 2)
    assert len(captures(compared)) == 3


@pytest.mark.parametrize("case", ["classic", "unchanged", "multi-frame"])
def test_dciodvfy_finds_no_error(
    case: str, compared: Comparison, unchanged: Comparison, compared_multi_frame: Comparison, tmp_path: Path
) -> None:
    made = {"unchanged": unchanged, "multi-frame": compared_multi_frame}.get(case, compared)
    for dataset in captures(made)[:2]:
        path = tmp_path / "sc.dcm"
        path.write_bytes(to_part10(dataset))
        assert dciodvfy_errors(path) == []
