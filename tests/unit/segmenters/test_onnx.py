from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from processing.domain.errors import Defect, InputRejected
from processing.domain.study import SeriesRole
from processing.domain.tumour import TumourLabel
from processing.segmenters.card import Normalisation, SegmenterCard
from processing.segmenters.installed import installed_segmenters
from processing.segmenters.tensors import prepare
from tests.unit.segmenters.made import CUBE, GRID, card, evidence, install, network


def test_a_network_with_its_card_outlines_what_it_was_made_for(tmp_path: Path) -> None:
    install(tmp_path / "a")
    (segmenter,) = installed_segmenters(tmp_path)
    assert segmenter.name == "tiny 1.0"
    found = segmenter.segment(evidence())
    assert found.grid.same_as(GRID)
    assert found.labels == (TumourLabel.HYPERINTENSITY,)
    expected = np.zeros(GRID.shape, bool)
    expected[CUBE] = True
    # Cubic voxels and back: nothing but the rim may differ.
    assert abs(int((found.array > 0).sum()) - int(expected.sum())) < 0.25 * expected.sum()
    assert not found.array[~expected].any() or (found.array > 0)[expected].mean() > 0.8


def test_a_network_without_card_does_not_load(tmp_path: Path) -> None:
    (install(tmp_path / "a") / "card.json").unlink()
    with pytest.raises(Defect, match="The segmenter a has no card and is not loaded"):
        installed_segmenters(tmp_path)


def test_a_network_that_is_not_the_cards_does_not_load(tmp_path: Path) -> None:
    file = install(tmp_path / "a") / "tiny.onnx"
    file.write_bytes(network(classes=4))
    with pytest.raises(Defect, match="not the one that its card describes"):
        installed_segmenters(tmp_path)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"licence": ""}, "licence"),
        ({"labels": {}}, "labels"),
        ({"labels": {"2": 9}}, "labels"),
        ({"channels": []}, "channels"),
        ({"colour": "blue"}, "colour"),
        ({"runs": {"kind": "onnx", "file": "x", "sha256": "abc"}}, "sha256"),
        ({"runs": {"kind": "container", "image": "busybox:latest"}}, "image"),
        ({"runs": {"kind": "server", "url": "http://gpu.example", "model": "m", "model_version": "1"}}, "server"),
        ({"runs": {"kind": "server", "url": "https://u:p@gpu.example", "model": "m", "model_version": "1"}}, "server"),
    ],
)
def test_a_card_that_says_too_little_is_refused_by_the_field(
    tmp_path: Path, change: dict[str, object], named: str
) -> None:
    install(tmp_path / "a", None, **change)
    with pytest.raises(Defect, match=f"The card of the segmenter a is wrong: .*{named}"):
        installed_segmenters(tmp_path)


def test_a_file_outside_the_folder_is_not_read(tmp_path: Path) -> None:
    install(tmp_path / "a")
    runs = {"kind": "onnx", "file": "../a/tiny.onnx", "sha256": "0" * 64}
    install(tmp_path / "b", runs=runs)
    with pytest.raises(Defect, match="The segmenter b lacks the file"):
        installed_segmenters(tmp_path)


def test_a_network_is_not_asked_without_a_series_that_it_wants(tmp_path: Path) -> None:
    install(tmp_path / "a")
    (segmenter,) = installed_segmenters(tmp_path)
    seen = evidence()
    partial = dict(seen.contrasts)
    del partial[SeriesRole.FLAIR]
    with pytest.raises(InputRejected, match=r"tiny 1\.0 needs the series FLAIR as well"):
        segmenter.segment(replace(seen, contrasts=partial))


def test_a_network_for_other_channels_or_classes_is_refused(tmp_path: Path) -> None:
    install(tmp_path / "one" / "a", network(channels=3))
    with pytest.raises(Defect, match="other channels"):
        installed_segmenters(tmp_path / "one")
    install(tmp_path / "two" / "a", labels={"2": 2, "3": 3})
    (segmenter,) = installed_segmenters(tmp_path / "two")
    with pytest.raises(Defect, match="fewer classes"):
        segmenter.segment(evidence())
    install(tmp_path / "three" / "a", b"no network")
    with pytest.raises(Defect, match="can't be read"):
        installed_segmenters(tmp_path / "three")


def test_two_of_one_name_do_not_load(tmp_path: Path) -> None:
    install(tmp_path / "a")
    install(tmp_path / "b")
    with pytest.raises(Defect, match="same name"):
        installed_segmenters(tmp_path)


@pytest.mark.parametrize("how", Normalisation)
def test_channels_are_scaled_in_the_brain_and_zero_outside(how: Normalisation) -> None:
    channels = [{"series": "FLAIR", "normalisation": how.value}]
    runs = {"kind": "onnx", "file": "x", "sha256": "0" * 64}
    made = SegmenterCard.model_validate(card(dict(runs), channels=channels))
    prepared = prepare(evidence(), made)
    assert prepared.tensor.shape[1:] == prepared.grid.shape
    assert all(side % 4 == 0 for side in prepared.grid.shape)
    assert prepared.grid.spacing_mm == pytest.approx((1.5, 1.5, 1.5))
    assert prepared.tensor[0, 0, 0, 0] == 0.0
    inside = prepared.tensor[0][prepared.tensor[0] != 0]
    if how is Normalisation.Z_SCORE:
        assert inside.mean() == pytest.approx(0.0, abs=0.05)
        assert inside.std() == pytest.approx(1.0, abs=0.05)
    else:
        assert inside.max() == pytest.approx(2.0 if how is Normalisation.WHITE_MATTER else 1.0, abs=0.01)
