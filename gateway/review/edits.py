"""What a reader draws: corrected outlines and missed lesions, kept beside the algorithm's own and never over it.

A row is only ever added. The newest row of a lesion's number in a review is what stands; the result that is signed
is the algorithm's with these outlines in place of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.db.tables import LesionEdit, Review
from gateway.review.masks import BoxMask, Index
from processing.domain.errors import InputRejected
from processing.domain.imaging import Grid, LabelMap
from processing.domain.result import Lesion, LesionChange, LongitudinalResult, Outline, Region, Side


class EditRefused(InputRejected):
    """An outline that can't stand beside the others."""


class EditKind(StrEnum):
    """What a row says."""

    DRAWN = "drawn"
    TAKEN_BACK = "taken back"


@dataclass(frozen=True, eq=False)
class DrawnLesion:
    """An outline that stands.

    Parameters
    ----------
    number : int
    mask : BoxMask
        On the current FLAIR's grid.
    centroid_index : tuple of int
        Index (z, y, x) of a voxel inside.
    volume_mm3 : float
    region, side, change, prior_volume_mm3
        As the reader said; only of a lesion that the algorithm missed. What is outlined of a growing one is the part
        that was added.
    """

    number: int
    mask: BoxMask
    centroid_index: Index
    volume_mm3: float
    region: Region | None = None
    side: Side | None = None
    change: LesionChange = LesionChange.NEW
    prior_volume_mm3: float = 0.0

    @property
    def added(self) -> bool:
        """Whether the algorithm missed it."""
        return self.region is not None


def standing_edits(
    session: Session, review: Review | None, *, until: datetime | None = None
) -> tuple[DrawnLesion, ...]:
    """Return the outlines of a review that stand, or stood at a time, in order of the lesions' numbers."""
    if review is None:
        return ()
    rows = select(LesionEdit).where(LesionEdit.review_id == review.review_id).order_by(LesionEdit.edit_id)
    if until is not None:
        rows = rows.where(LesionEdit.at <= until)
    newest = {row.number: row for row in session.scalars(rows)}
    return tuple(_drawn(newest[number]) for number in sorted(newest) if newest[number].kind == EditKind.DRAWN)


def next_number(session: Session, review: Review | None, lesions: Sequence[Lesion]) -> int:
    """Return the number of the next missed lesion; one that was taken back is not used again."""
    numbers = [lesion.number for lesion in lesions]
    if review is not None:
        numbers += session.scalars(select(LesionEdit.number).where(LesionEdit.review_id == review.review_id))
    return max(numbers, default=0) + 1


def draw(
    session: Session,
    review: Review,
    number: int,
    mask: BoxMask,
    *,
    original: LabelMap,
    actor: str,
    region: Region | None = None,
    side: Side | None = None,
    change: LesionChange = LesionChange.NEW,
    prior_volume_mm3: float = 0.0,
) -> None:
    """Keep an outline.

    Parameters
    ----------
    session : Session
        The caller commits, and has checked that the review is open.
    review : Review
    number : int
        Of a lesion of the result, or of a missed one: then region and side are given.
    mask : BoxMask
    original : LabelMap
        The algorithm's.
    actor : str
        User name.
    region, side, change, prior_volume_mm3
        As the reader says them, of a missed lesion.

    Raises
    ------
    EditRefused
        If the outline is empty, leaves the images, or overlaps another lesion; if a lesion is said to grow that was
        not there before, or to be new and to have been there.
    """
    if not mask.inside(original.grid.shape):
        raise EditRefused("The outline leaves the images.")
    if not mask.array.any():
        raise EditRefused("The outline is empty. To say that there is no lesion, reject it.")
    if change is LesionChange.GROWING and prior_volume_mm3 <= 0.0:
        raise EditRefused("A growing lesion has a volume at the earlier study.")
    if change not in (LesionChange.NEW, LesionChange.GROWING) or (change is LesionChange.NEW and prior_volume_mm3):
        raise EditRefused("A lesion that a reader adds is new, or growing from an earlier volume.")
    _refuse_overlap(mask, number, with_drawn(original, standing_edits(session, review)))
    session.add(
        LesionEdit(
            review_id=review.review_id,
            number=number,
            at=datetime.now(UTC),
            actor=actor,
            kind=EditKind.DRAWN.value,
            region=region.value if region is not None else "",
            side=side.value if side is not None else "",
            change=change.value if region is not None else "",
            prior_volume_mm3=prior_volume_mm3 if region is not None else 0.0,
            box=[*mask.first, *mask.size],
            mask=mask.packed,
            volume_mm3=mask.volume_mm3(original.grid),
            centroid_index=list(mask.inner_index(original.grid)),
        )
    )


def take_back(session: Session, review: Review, number: int, *, original: LabelMap, actor: str) -> None:
    """Let the algorithm's own outline stand again, or a missed lesion be gone.

    Raises
    ------
    EditRefused
        If nothing was drawn for this lesion, or another one now covers a part of the algorithm's outline.
    """
    standing = standing_edits(session, review)
    if number not in {drawn.number for drawn in standing}:
        raise EditRefused("Nothing was drawn for this lesion.")
    own = original.array == number
    if own.any():
        others = tuple(drawn for drawn in standing if drawn.number != number)
        _refuse_overlap(BoxMask.around(own), number, with_drawn(original, others))
    session.add(
        LesionEdit(
            review_id=review.review_id,
            number=number,
            at=datetime.now(UTC),
            actor=actor,
            kind=EditKind.TAKEN_BACK.value,
            box=[0, 0, 0, 0, 0, 0],
            mask=b"",
            centroid_index=[0, 0, 0],
        )
    )


def with_drawn(original: LabelMap, drawn: Sequence[DrawnLesion]) -> LabelMap:
    """Return a lesion map with the reader's outlines in place of the algorithm's."""
    if not drawn:
        return original
    array = original.array.copy()
    array[np.isin(array, [one.number for one in drawn])] = 0
    for one in drawn:
        array[one.mask.window()][one.mask.array] = one.number
    return LabelMap(array, original.grid)


def lesions_with(lesions: Sequence[Lesion], drawn: Sequence[DrawnLesion], grid: Grid) -> tuple[Lesion, ...]:
    """Return the lesions with what the reader's outlines measure, and the missed ones after them."""
    by_number = {one.number: one for one in drawn}
    corrected = [
        _corrected(lesion, by_number[lesion.number], grid) if lesion.number in by_number else lesion
        for lesion in lesions
    ]
    return (*corrected, *(_added(one, grid) for one in drawn if one.added))


def edited_result(result: LongitudinalResult, drawn: Sequence[DrawnLesion]) -> LongitudinalResult:
    """Return a result with the reader's outlines in place of the algorithm's."""
    return replace(
        result,
        lesions=lesions_with(result.lesions, drawn, result.lesion_map.grid),
        lesion_map=with_drawn(result.lesion_map, drawn),
    )


def _refuse_overlap(mask: BoxMask, number: int, labels: LabelMap) -> None:
    found = labels.array[mask.window()][mask.array]
    others = sorted({int(label) for label in np.unique(found)} - {0, number})
    if others:
        raise EditRefused(f"The outline overlaps lesion {others[0]}.")


def _drawn(row: LesionEdit) -> DrawnLesion:
    first, size = row.box[:3], row.box[3:]
    z, y, x = row.centroid_index
    return DrawnLesion(
        number=row.number,
        mask=BoxMask.unpacked((first[0], first[1], first[2]), (size[0], size[1], size[2]), row.mask),
        centroid_index=(z, y, x),
        volume_mm3=row.volume_mm3,
        region=Region(row.region) if row.region else None,
        side=Side(row.side) if row.side else None,
        change=LesionChange(row.change) if row.change else LesionChange.NEW,
        prior_volume_mm3=row.prior_volume_mm3,
    )


def _corrected(lesion: Lesion, drawn: DrawnLesion, grid: Grid) -> Lesion:
    # Of a lesion that became smaller, what was lost is outlined: what is left of it stays.
    lost = 0.0 if lesion.change.increase else drawn.volume_mm3 - lesion.volume_mm3
    return replace(
        lesion,
        volume_mm3=drawn.volume_mm3,
        prior_volume_mm3=max(lesion.prior_volume_mm3 + lost, 0.0),
        centroid_mm=_point(grid, drawn.centroid_index),
        outline=Outline.CORRECTED,
        measured_mm3=lesion.volume_mm3,
    )


def _added(drawn: DrawnLesion, grid: Grid) -> Lesion:
    if drawn.region is None or drawn.side is None:
        raise ValueError("a missed lesion has region and side")
    return Lesion(
        number=drawn.number,
        change=drawn.change,
        volume_mm3=drawn.volume_mm3,
        prior_volume_mm3=drawn.prior_volume_mm3,
        centroid_mm=_point(grid, drawn.centroid_index),
        region=drawn.region,
        side=drawn.side,
        score=0.0,
        outline=Outline.ADDED,
    )


def _point(grid: Grid, index: Index) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in grid.index_to_lps(index))
    return x, y, z
