"""Pictures of cases for a report: the current FLAIR, what the reference outlined, what is outlined now, and truth."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from processing.domain.imaging import LabelMap
from processing.domain.study import SeriesRole
from validation.datasets import ReferenceCase
from validation.outputs import paths_of

Mask = npt.NDArray[np.bool_]

COLOURS = {"reference": (66, 135, 245), "now": (235, 64, 52), "truth": (90, 200, 90)}
"""Of the outlines (RGB); lines of `now` lie over the others."""

_HEIGHT = 360
_ENLARGED_MM = 70.0
"""Of the place that is shown enlarged."""


def keep_images(case: ReferenceCase, folder: Path) -> None:
    """Keep what pictures are made of beside a case's record: the FLAIR in 8 bits and the truth."""
    if SeriesRole.FLAIR not in case.current or not case.prior:
        return
    flair = case.current[SeriesRole.FLAIR]
    low, high = np.percentile(flair.array, (1, 99.5))
    grey = np.clip((flair.array - low) / max(float(high - low), 1e-6) * 255, 0, 255).astype(np.uint8)
    truth = case.truth.increases > 0 if case.truth is not None else np.zeros(grey.shape, bool)
    np.savez_compressed(
        _path(folder, case.dataset, case.name), flair=grey, truth=truth, spacing=np.array(flair.grid.spacing_mm)
    )


def _path(folder: Path, dataset: str, case: str) -> Path:
    record, _ = paths_of(folder, dataset, case)
    return record.with_suffix(".images.npz")


def case_picture(
    folder: Path, dataset: str, case: str, now: LabelMap | None, reference: LabelMap | None
) -> bytes | None:
    """Draw the slice that shows most of what differs, as PNG; None where there is nothing to draw from.

    Left the whole slice, then the place enlarged: plain, and with outlines of the truth, the reference and what is
    found now.
    """
    path = _path(folder, dataset, case)
    if now is None or not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as kept:
        flair, truth, spacing = kept["flair"], kept["truth"], kept["spacing"]
    if flair.shape != now.grid.shape:
        return None
    found = now.array > 0
    before = reference.array > 0 if reference is not None and reference.array.shape == found.shape else found
    z = _slice_to_show(found, before, truth)
    masks = {"truth": truth[z], "reference": before[z], "now": found[z]}
    place = _around(np.logical_or.reduce(list(masks.values())), spacing)
    near = {name: mask[place] for name, mask in masks.items()}
    panels = [
        _drawn(flair[z], masks, spacing),
        _drawn(flair[z][place], {}, spacing),
        _drawn(flair[z][place], near, spacing),
    ]
    buffer = BytesIO()
    Image.fromarray(np.concatenate(panels, axis=1)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _around(mask: Mask, spacing_mm: npt.NDArray[np.float64]) -> tuple[slice, slice]:
    """Return the rows and columns around the largest part of a mask; around the middle of an empty one."""
    parts, count = ndimage.label(mask, np.ones((3, 3)))
    sizes = np.bincount(parts.ravel())[1:]
    centre = np.argwhere(parts == sizes.argmax() + 1).mean(axis=0) if count else np.array(mask.shape) / 2
    half = _ENLARGED_MM / 2 / spacing_mm[1:]
    low = np.clip(centre - half, 0, np.maximum(np.array(mask.shape) - 2 * half, 0)).astype(int)
    high = np.minimum(low + np.ceil(2 * half).astype(int), mask.shape)
    return slice(low[0], high[0]), slice(low[1], high[1])


def _drawn(
    grey: npt.NDArray[np.uint8], masks: dict[str, Mask], spacing_mm: npt.NDArray[np.float64]
) -> npt.NDArray[np.uint8]:
    """Enlarge a slice to the height of all panels and draw outlines, two pixels wide, in the order given."""
    rows, columns = grey.shape
    size = (round(columns * spacing_mm[2] / (rows * spacing_mm[1]) * _HEIGHT), _HEIGHT)
    large = np.array(Image.fromarray(grey).resize(size, Image.Resampling.BICUBIC))
    drawn = np.repeat(large[..., None], 3, axis=2)
    for name, mask in masks.items():
        enlarged = np.array(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
        drawn[enlarged & ~ndimage.binary_erosion(enlarged, iterations=2)] = COLOURS[name]
    return drawn


def _slice_to_show(found: Mask, before: Mask, truth: Mask) -> int:
    """Where most changed against the reference; else where most differs from the truth."""
    for difference in (found ^ before, found ^ truth, found):
        counts = difference.sum(axis=(1, 2))
        if counts.any():
            return int(counts.argmax())
    return int(found.shape[0]) // 2
