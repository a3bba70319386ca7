"""The colours of lesions, the same in pictures, segmentations and the viewer.

`viewer/src/reading/palette.json` holds them for the browser; a test compares the two, and sees to it that readers
with a colour vision deficiency can tell them apart.
"""

from __future__ import annotations

from collections.abc import Mapping

from processing.domain.result import LesionChange
from processing.domain.tumour import TumourLabel

COLOURS_RGB: Mapping[LesionChange, tuple[int, int, int]] = {
    LesionChange.NEW: (255, 59, 48),
    LesionChange.GROWING: (255, 190, 60),
    LesionChange.SHRINKING: (110, 180, 255),
    LesionChange.VANISHED: (60, 110, 255),
}

TUMOUR_COLOURS_RGB: Mapping[TumourLabel, tuple[int, int, int]] = {
    TumourLabel.HYPERINTENSITY: (255, 190, 60),
    TumourLabel.CORE: (60, 110, 255),
    TumourLabel.ENHANCING: (255, 59, 48),
}
"""In the order in which they are painted: the outermost first, or its inner edge would hide the ring's."""
