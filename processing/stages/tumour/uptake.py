"""Rules that segmenters share about contrast agent: what takes it up, and the core that this encloses."""

from __future__ import annotations

import numpy as np

from processing.domain.imaging import LabelMap
from processing.domain.study import SeriesRole
from processing.stages.tumour.evidence import TumourEvidence
from processing.stages.tumour.parts import Map, Mask, closed, compose, filled, grown, main_pieces, smoothed


def enhancing(evidence: TumourEvidence, image: Map, tumour: Mask) -> Mask:
    """Find what takes up contrast agent in and around a tumour, by an image of the uptake.

    The level lies halfway between the tumour's own quiet and brightest parts. Sinuses, vessels and the choroid plexus
    take up far more than a faint ring does: what lies elsewhere has no say.
    """
    around = grown(tumour, evidence.grid, 5.0) & evidence.brain
    seen = around & (evidence.enhancement.array > evidence.enhancement.limit)
    if not seen.any():
        return seen
    quiet = image[around & ~seen]
    low = float(np.median(quiet)) if quiet.size else 0.0
    ring: Mask = seen & (image > (low + float(np.percentile(image[seen], 90))) / 2)
    return main_pieces(ring, evidence.grid)


def with_core(evidence: TumourEvidence, whole: Mask, uptaking: Mask) -> LabelMap:
    """Find the core in a tumour: the ring, fluid-like tissue next to it, and what both enclose.

    A ring is rarely closed: it is thin in places, and neither necrosis nor a cyst need be bright on FLAIR.
    """
    grid = evidence.grid
    ring = main_pieces(uptaking & grown(whole, grid, 5.0) & evidence.brain, grid)
    envelope = filled(closed(whole | ring, grid, 6.0)) & evidence.brain
    # Ventricles are dark on FLAIR besides.
    dead = envelope & (evidence.t1 < 0.68) & (evidence.flair > 0.7)
    if SeriesRole.T2 in evidence.contrasts:
        dead &= evidence.contrasts[SeriesRole.T2] > 2.2
    dead = main_pieces(smoothed(dead, grid), grid)
    core = filled(ring | dead) & envelope
    return compose(whole | core, core, ring, grid)


def nothing(evidence: TumourEvidence) -> LabelMap:
    """Return an empty outline."""
    return LabelMap(np.zeros(evidence.grid.shape, np.uint16), evidence.grid)
