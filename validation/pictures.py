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

    Left the plain slice, right with outlines: the reference's, what is found now, and the truth.
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
    plain = np.repeat(flair[z][..., None], 3, axis=2)
    drawn = plain.copy()
    for mask, colour in ((truth[z], "truth"), (before[z], "reference"), (found[z], "now")):
        drawn[_outline(mask)] = COLOURS[colour]
    both = np.concatenate([plain, drawn], axis=1)
    tall = round(both.shape[0] * spacing[1] / spacing[2])
    picture = Image.fromarray(both).resize((round(both.shape[1] * _HEIGHT / tall), _HEIGHT), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    picture.quantize(96).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _slice_to_show(found: Mask, before: Mask, truth: Mask) -> int:
    """Where most changed against the reference; else where most differs from the truth."""
    for difference in (found ^ before, found ^ truth, found):
        counts = difference.sum(axis=(1, 2))
        if counts.any():
            return int(counts.argmax())
    return int(found.shape[0]) // 2


def _outline(mask: Mask) -> Mask:
    edge: Mask = mask & ~ndimage.binary_erosion(mask)
    return edge
