"""A random walk from each voxel decides whether it belongs to the tumour."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.segmentation import random_walker

from processing.domain.imaging import Grid, LabelMap, Volume
from processing.stages.distance import distance_from
from processing.stages.resample import resample
from processing.stages.tumour.evidence import TumourEvidence
from processing.stages.tumour.parts import Map, Mask, box_around, main_pieces, midway
from processing.stages.tumour.uptake import enhancing, nothing, with_core


class RandomWalker:
    """Sure tumour and sure brain are marked; where a random walk from each voxel ends first decides (Grady 2006)."""

    name = "random walker"
    _spacing_mm = 2.0
    _reach_mm = 35.0

    def segment(self, evidence: TumourEvidence) -> LabelMap:
        """See `Segmenter`."""
        grid, signal, flair = evidence.grid, evidence.hyperintensity, evidence.flair
        bright = main_pieces(evidence.brain & (signal.array > signal.limit + 0.05), grid, of_largest=0.3)
        if not bright.any():
            return nothing(evidence)
        ring = enhancing(evidence, ndimage.median_filter(evidence.uptake, 3), bright)
        high = float(np.percentile(flair[bright], 75))
        edge = midway(flair[bright], 1.05)
        sure = main_pieces(evidence.brain & (signal.array > (edge + high) / 2), grid, of_largest=0.3) | ring
        normal = (signal.array < (1.05 + edge) / 2) | (distance_from(bright, grid.spacing_mm) > self._reach_mm)
        whole = self._walk(flair, evidence.brain, sure, normal, grid)
        return with_core(evidence, main_pieces(whole, grid), ring)

    def _walk(self, image: Map, brain: Mask, sure: Mask, normal: Mask, grid: Grid) -> Mask:
        """Decide what is neither sure nor normal, on voxels of about 2 mm, around what is open."""
        box = box_around(sure | (brain & ~normal), grid.shape, (2, 2, 2))
        step = tuple(max(1, round(self._spacing_mm / s)) for s in grid.spacing_mm)
        every = tuple(slice(axis.start, axis.stop, n) for axis, n in zip(box, step, strict=True))
        # -1 leaves a voxel out of the walk, 0 leaves it open.
        marks = np.where(brain, 0, -1)[every]
        marks[(brain & normal)[every]] = 2
        marks[(brain & sure)[every]] = 1
        if {0, 1, 2} - set(np.unique(marks).tolist()):
            return sure
        chance = random_walker(
            image[every].astype(np.float64),
            marks,
            beta=250,
            mode="cg_j",
            tol=1e-4,
            prob_tol=1e-2,
            spacing=np.array([n * s for n, s in zip(step, grid.spacing_mm, strict=True)]),
            return_full_prob=True,
        )
        affine = grid.affine @ np.diag([*step, 1.0])
        affine[:3, 3] = grid.index_to_lps([axis.start for axis in box])
        z, y, x = chance.shape[1:]
        coarse = Volume(np.nan_to_num(chance[0]).astype(np.float32), Grid((z, y, x), affine))
        ends: Mask = brain & (resample(coarse, grid).array > 0.5)
        return ends
