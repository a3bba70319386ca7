"""What is said of a fused outline: volumes, diameters, votes, where to look, and which segmenters disagree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from processing.domain.imaging import LabelMap
from processing.domain.side import Side
from processing.domain.tumour import Alarm, SegmenterVote, TumourFindings, TumourLabel
from processing.stages.alarms import Metric, Table, Thresholds, raise_alarms
from processing.stages.fusion import Consensus
from processing.stages.tumour.labels import REGIONS
from processing.stages.tumour.measure import diameters, volumes
from processing.stages.tumour.segmenters import Segmenter

_MIDLINE_MM = 3.0

_METRIC_WORDS = {Metric.DICE: "Dice overlap", Metric.HAUSDORFF: "Hausdorff distance (mm)"}


def find(
    tumour: LabelMap,
    segmenters: Sequence[Segmenter],
    agreed: Sequence[Consensus],
    similarity: Table,
    thresholds: Thresholds | None,
    to_atlas: npt.NDArray[np.float64],
    *,
    alpha: float | Sequence[float],
) -> TumourFindings:
    """Gather the findings of one case.

    Parameters
    ----------
    tumour : LabelMap
        `TumourLabel`, on the grid of T1C as it was acquired.
    segmenters : sequence of Segmenter
    agreed : sequence of Consensus
        Of each of `REGIONS`.
    similarity : ndarray of float64, shape (candidates, metrics, regions)
    thresholds : Thresholds or None
        Of a reference population of these segmenters; without one only what is not finite raises an alarm.
    to_atlas : ndarray of float64, shape (4, 4)
        Affine map of an LPS point of the tumour's grid to the atlas, whose midline tells the sides apart.
    alpha : float or sequence of float
        See `raise_alarms`.
    """
    names = [segmenter.name for segmenter in segmenters]
    return TumourFindings(
        volumes=volumes(tumour),
        diameters=diameters(tumour),
        votes=tuple(
            SegmenterVote(name, tuple(consensus.weights[number] for consensus in agreed))
            for number, name in enumerate(names)
        ),
        alarms=find_alarms(names, similarity, thresholds, alpha=alpha),
        comparisons=int(similarity.size),
        places=tuple(_place(tumour, label) for label in TumourLabel),
        side=_side(tumour, to_atlas),
    )


def find_alarms(
    names: Sequence[str], similarity: Table, thresholds: Thresholds | None, *, alpha: float | Sequence[float]
) -> tuple[Alarm, ...]:
    """Return the alarms of one case, by segmenter, metric and region."""
    if thresholds is None:
        flags, limits = ~np.isfinite(similarity), np.full(similarity.shape, np.nan)
    else:
        flags, limits = raise_alarms(similarity, thresholds, alpha=alpha), thresholds.at(alpha)
    metrics = list(Metric)
    return tuple(
        Alarm(
            segmenter=names[candidate],
            metric=_METRIC_WORDS[metrics[metric]],
            region=REGIONS[region].name,
            value=_shown(metrics[metric], float(similarity[candidate, metric, region])),
            threshold=_shown(metrics[metric], float(limits[candidate, metric, region])),
        )
        for candidate, metric, region in np.argwhere(flags)
    )


def _shown(metric: Metric, value: float) -> float | None:
    """Return a distance as a distance again; None for what no message can carry."""
    if not np.isfinite(value):
        return None
    return -value if metric is Metric.HAUSDORFF else value


def _place(tumour: LabelMap, label: TumourLabel) -> tuple[int, ...]:
    """Return the voxel nearest to the middle of a part's largest slice."""
    mask = tumour.array == label
    if not mask.any():
        return ()
    z = int(mask.sum(axis=(1, 2)).argmax())
    inside = np.argwhere(mask[z])
    y, x = inside[int(((inside - inside.mean(axis=0)) ** 2).sum(axis=1).argmin())]
    return z, int(y), int(x)


def _side(tumour: LabelMap, to_atlas: npt.NDArray[np.float64]) -> Side | None:
    index = np.argwhere(tumour.array > 0)
    if not len(index):
        return None
    middle = tumour.grid.index_to_lps(index).mean(axis=0)
    x_mm = float((to_atlas[:3, :3] @ middle + to_atlas[:3, 3])[0])
    return Side.MIDLINE if abs(x_mm) <= _MIDLINE_MM else Side.LEFT if x_mm > 0 else Side.RIGHT
