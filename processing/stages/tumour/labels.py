"""What the parts of a tumour are called, and how they lie inside each other (BraTS, Menze et al., TMI 2015)."""

from __future__ import annotations

from enum import IntEnum

from processing.stages.fusion import Region


class TumourLabel(IntEnum):
    """Labels of a tumour's segmentation; every voxel has one."""

    CORE = 1
    """Necrotic and non-enhancing core."""

    HYPERINTENSITY = 2
    """Hyperintense on FLAIR: oedema and infiltration around the core."""

    ENHANCING = 3
    """Enhancing tumour."""


WHOLE_TUMOUR = Region("whole tumour", frozenset(TumourLabel), TumourLabel.HYPERINTENSITY)
TUMOUR_CORE = Region("tumour core", frozenset({TumourLabel.CORE, TumourLabel.ENHANCING}), TumourLabel.CORE)
ENHANCING_TUMOUR = Region("enhancing tumour", frozenset({TumourLabel.ENHANCING}), TumourLabel.ENHANCING)

REGIONS = (WHOLE_TUMOUR, TUMOUR_CORE, ENHANCING_TUMOUR)
"""From the outside in, as they are fused."""
