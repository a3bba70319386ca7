"""What an installed segmenter sees, and how its answer comes back to the images' grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from processing.domain.errors import Defect, InputRejected
from processing.domain.imaging import Grid, LabelMap, Volume
from processing.segmenters.card import Normalisation, SegmenterCard
from processing.stages.resample import Interpolation, crop, resample
from processing.stages.tumour.evidence import CHANNELS, TumourEvidence

Tensor = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Prepared:
    """Channels for one segmenter.

    Parameters
    ----------
    tensor : ndarray of float32, shape (channels, z, y, x)
    grid : Grid
        Of the tensor's last three axes, padding included.
    """

    tensor: Tensor
    grid: Grid


def prepare(evidence: TumourEvidence, card: SegmenterCard) -> Prepared:
    """Lay out the channels that a card asks for, on its voxels, around the brain.

    Raises
    ------
    Defect
        If the card asks for a series that the pipeline never has.
    InputRejected
        If it asks for one that this study lacks: what stands in for it is nothing that a network has learned from.
    """
    missing = [one.series for one in card.channels if one.series not in evidence.contrasts]
    if set(missing) - set(CHANNELS):
        raise Defect(f"{card.title} wants {', '.join(missing)}, which this pipeline does not have.")
    if missing:
        raise InputRejected(f"{card.title} needs the series {', '.join(missing)} as well.")
    around = crop(evidence.grid, evidence.brain, margin_voxels=2)
    grid = _cubic(around, card.spacing_mm, card.multiple_of)
    brain = resample(Volume(evidence.brain.astype(np.float32), evidence.grid), grid).array > 0.5
    channels = []
    for one in card.channels:
        image = resample(Volume(evidence.contrasts[one.series], evidence.grid), grid).array
        channels.append(np.where(brain, _normalised(image, brain, one.normalisation), 0).astype(np.float32))
    return Prepared(np.stack(channels), grid)


def label_map(
    labels: npt.NDArray[np.integer], prepared: Prepared, evidence: TumourEvidence, card: SegmenterCard
) -> LabelMap:
    """Put a segmenter's numbers, shape (z, y, x), on the evidence's grid as `TumourLabel`.

    Raises
    ------
    Defect
        If they are not on the grid that it was given, or one of them has no meaning on the card.
    """
    if labels.shape != prepared.grid.shape:
        raise Defect(f"{card.title} answered on another grid than it was asked on.")
    unknown = set(np.unique(labels).tolist()) - {0, *card.labels}
    if unknown:
        raise Defect(f"{card.title} answered with a label that its card does not name.")
    named = np.zeros(labels.shape, np.float32)
    for number, label in card.labels.items():
        named[labels == number] = label
    there = resample(Volume(named, prepared.grid), evidence.grid, interpolation=Interpolation.NEAREST).array
    return LabelMap(np.where(evidence.brain, there, 0).astype(np.uint16), evidence.grid)


def most_likely(scores: npt.NDArray[np.floating], prepared: Prepared, card: SegmenterCard) -> npt.NDArray[np.uint8]:
    """Return the class with the highest score, shape (z, y, x), of scores (1, classes, z, y, x).

    Raises
    ------
    Defect
        If the scores have another shape, or are no numbers.
    """
    if scores.ndim != 5 or scores.shape[0] != 1 or scores.shape[2:] != prepared.grid.shape:
        raise Defect(f"{card.title} answered on another grid than it was asked on.")
    if scores.shape[1] <= max(card.labels):
        raise Defect(f"{card.title} tells fewer classes apart than its card names.")
    if not np.isfinite(scores).all():
        raise Defect(f"{card.title} answered with something that is no number.")
    classes: npt.NDArray[np.uint8] = scores[0].argmax(axis=0).astype(np.uint8)
    return classes


def _cubic(grid: Grid, spacing_mm: float, multiple_of: int) -> Grid:
    extent = [n * s for n, s in zip(grid.shape, grid.spacing_mm, strict=True)]
    z, y, x = (-(-int(np.ceil(length / spacing_mm)) // multiple_of) * multiple_of for length in extent)
    directions = grid.directions
    centre = grid.index_to_lps((np.array(grid.shape) - 1) / 2)
    origin = centre - directions @ ((np.array([z, y, x]) - 1) / 2 * spacing_mm)
    spacing = (spacing_mm,) * 3
    return Grid.from_axes((z, y, x), origin_mm=origin, spacing_mm=spacing, directions=directions)


def _normalised(image: Tensor, brain: npt.NDArray[np.bool_], how: Normalisation) -> Tensor:
    inside = image[brain]
    if how is Normalisation.Z_SCORE:
        spread = max(float(inside.std()), 1e-6)
        return np.asarray((image - inside.mean()) / spread, np.float32)
    if how is Normalisation.UNIT_RANGE:
        low, high = (float(value) for value in np.percentile(inside, [1, 99]))
        return np.asarray(np.clip((image - low) / max(high - low, 1e-6), 0, 1), np.float32)
    return image
