"""What the parts of a tumour are called, and how they lie inside each other (BraTS, Menze et al., TMI 2015)."""

from __future__ import annotations

from processing.domain.tumour import TumourLabel as TumourLabel
from processing.stages.fusion import Region

WHOLE_TUMOUR = Region("whole tumour", frozenset(TumourLabel), TumourLabel.HYPERINTENSITY)
TUMOUR_CORE = Region("tumour core", frozenset({TumourLabel.CORE, TumourLabel.ENHANCING}), TumourLabel.CORE)
ENHANCING_TUMOUR = Region("enhancing tumour", frozenset({TumourLabel.ENHANCING}), TumourLabel.ENHANCING)

REGIONS = (WHOLE_TUMOUR, TUMOUR_CORE, ENHANCING_TUMOUR)
"""From the outside in, as they are fused."""
