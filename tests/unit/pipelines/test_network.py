from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from processing.domain.errors import Defect
from processing.pipelines.ms_longitudinal.network import installed_network
from processing.pipelines.ms_longitudinal.spec import MODEL_FOLDER, RELEASE, SPEC, version_with
from processing.stages.learned import CHANNELS


def test_the_weights_are_those_of_the_card_and_give_chances() -> None:
    network = installed_network()
    assert network is not None
    channels = np.zeros((len(CHANNELS), 70, 30, 37), np.float32)
    channels[:, 2:68, 3:27, 4:33] = np.random.default_rng(0).normal(size=(len(CHANNELS), 66, 24, 29))
    chances = network.chances(channels)
    assert chances.shape == (70, 30, 37)
    assert 0.0 <= float(chances.min()) <= float(chances.max()) <= 1.0
    assert not chances[:2].any()
    assert not network.chances(np.zeros_like(channels)).any()


def test_slabs_change_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    network = installed_network()
    assert network is not None
    channels = np.random.default_rng(1).normal(size=(len(CHANNELS), 40, 24, 24)).astype(np.float32)
    whole = network.chances(channels)
    monkeypatch.setattr("processing.stages.learned.SLAB", 12)
    assert network.chances(channels) == pytest.approx(whole, abs=1e-5)


def test_other_weights_than_the_cards_are_refused(tmp_path: Path) -> None:
    for name in ("card.json", "change.onnx"):
        shutil.copy(MODEL_FOLDER / name, tmp_path / name)
    (tmp_path / "change.onnx").write_bytes((tmp_path / "change.onnx").read_bytes() + b"\0")
    with pytest.raises(Defect):
        installed_network(tmp_path)


def test_without_weights_there_is_no_network(tmp_path: Path) -> None:
    assert installed_network(tmp_path) is None
    shutil.copy(MODEL_FOLDER / "card.json", tmp_path / "card.json")
    assert installed_network(tmp_path / "nowhere") is None


def test_without_weights_the_version_says_so(tmp_path: Path) -> None:
    assert version_with(MODEL_FOLDER) == SPEC.version == RELEASE
    assert version_with(tmp_path) == f"{RELEASE}+hand-made"
