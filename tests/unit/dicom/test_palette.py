"""One palette for pictures and page, told apart by every eye."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from processing.dicom.palette import COLOURS_RGB, TUMOUR_COLOURS_RGB
from processing.domain.result import LesionChange
from processing.domain.tumour import TumourLabel

VIEWERS = Path(__file__).parents[3] / "viewer" / "src" / "reading" / "palette.json"
TUMOURS = VIEWERS.parents[1] / "tumour" / "palette.json"

# Machado, Oliveira and Fernandes, IEEE TVCG 2009: full dichromacy, for linear RGB.
SIGHTS = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def seen(rgb: tuple[int, int, int], sight: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """CIELab of a colour as an eye sees it."""
    linear = np.clip(SIGHTS[sight] @ (np.array(rgb) / 255) ** 2.2, 0, 1)
    lab: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = rgb2lab(linear[None, None] ** (1 / 2.2))[0, 0]
    return lab


def test_the_viewer_has_the_same_colours() -> None:
    palette = json.loads(VIEWERS.read_text(encoding="utf-8"))
    assert {change: tuple(palette[change]["rgb"]) for change in LesionChange} == dict(COLOURS_RGB)


def test_the_viewer_has_the_same_colours_for_a_tumour() -> None:
    palette = json.loads(TUMOURS.read_text(encoding="utf-8"))
    assert {label: tuple(palette[str(int(label))]["rgb"]) for label in TumourLabel} == dict(TUMOUR_COLOURS_RGB)


@pytest.mark.parametrize("sight", SIGHTS)
def test_every_eye_tells_the_changes_apart(sight: str) -> None:
    for one, other in combinations(COLOURS_RGB, 2):
        difference = float(deltaE_ciede2000(seen(COLOURS_RGB[one], sight), seen(COLOURS_RGB[other], sight)))
        assert difference > 12, f"{one} and {other}: {difference:.1f}"
