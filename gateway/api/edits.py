"""Outlines that a reader draws: a missed lesion from one click, a corrected one by brush and eraser."""

from __future__ import annotations

import base64
import binascii

from fastapi import APIRouter
from sqlalchemy.orm import Session

from gateway.access.accounts import SignedIn
from gateway.api.case_view import lesion_lines
from gateway.api.cases import rows_of
from gateway.api.deps import ApiState, Reader, State
from gateway.api.disclosure import keep_in
from gateway.api.images import comparison_of
from gateway.api.problems import problems
from gateway.api.review import judging
from gateway.api.review_view import review_state
from gateway.api.schemas import (
    DrawnReview,
    GrownRegion,
    GrowRequest,
    OutlineChange,
    OutlineLine,
    OutlineMask,
    Outlines,
)
from gateway.audit.trail import AuditAction
from gateway.db.tables import Job, Review
from gateway.review import decisions, edits
from gateway.review.display import coarse_head
from gateway.review.grow import grow_region, growth
from gateway.review.masks import BoxMask, side_of
from gateway.review.second_reader import ReviewRefused
from processing.domain.decision import Verdict
from processing.domain.errors import InputRejected
from processing.domain.result import LesionChange

router = APIRouter(prefix="/cases/{case_id}", tags=["edits"])

_ERRORS = problems(400, 401, 403, 404, 409, 422, 503)


@router.get("/outlines", operation_id="listOutlines", responses=problems(401, 403, 404))
def list_outlines(who: Reader, case_id: str, state: State) -> Outlines:
    """Return the reader's outlines that stand; those of a rejected result are shown to nobody."""
    rows = rows_of(case_id, state, who)
    review = rows.review
    with state.read_sessions() as session:
        standing = () if rows.withheld else edits.standing_edits(session, review)
    return Outlines(
        edit=review.edit if review is not None else 0,
        outlines=[OutlineLine(number=drawn.number, mask=_as_sent(drawn.mask)) for drawn in standing],
    )


@router.post("/region", operation_id="growRegion", responses=_ERRORS)
def grow(_: Reader, case_id: str, click: GrowRequest, state: State) -> GrownRegion:
    """Propose the bright region around a point of the current FLAIR, or what was added to it. Nothing is stored."""
    comparison = comparison_of(rows_of(case_id, state))
    grid = state.images.grid(comparison)
    if any(not 0 <= place < length for place, length in zip(click.index, grid.shape, strict=True)):
        raise InputRejected("The point lies outside the images.")
    current = state.images.current(comparison)
    mask, prior_mm3 = grow_region(current.array, grid, click.index, level=click.level), 0.0
    if click.change is LesionChange.GROWING:
        mask, prior_mm3 = growth(mask, state.images.registered_prior(comparison).array, grid, click.index, click.level)
    return GrownRegion(
        mask=_as_sent(mask),
        volume_mm3=mask.volume_mm3(grid),
        side=side_of(*coarse_head(current), grid.index_to_lps(mask.inner_index(grid))),
        prior_volume_mm3=prior_mm3,
    )


@router.put("/lesions/{number}/outline", operation_id="drawOutline", responses=_ERRORS)
def draw(who: Reader, case_id: str, number: int, change: OutlineChange, state: State) -> DrawnReview:
    """Keep the reader's outline of a lesion, beside the algorithm's; who draws a lesion accepts it."""
    original = state.images.lesion_map(comparison_of(rows_of(case_id, state)))
    mask = _as_drawn(change.mask)
    with judging(state, who, case_id) as (session, case, job):
        review = decisions.begin_drawing(session, case, job, reader=who.user_name, edit=change.edit)
        _require_known(session, job, review, number, added=change.region is not None and change.side is not None)
        edits.draw(
            session,
            review,
            number,
            mask,
            original=original,
            actor=who.user_name,
            region=change.region,
            side=change.side,
            change=change.change,
            prior_volume_mm3=change.prior_volume_mm3,
        )
        decisions.decide_drawn(session, review, number, Verdict.ACCEPTED)
        keep_in(session, who, AuditAction.OUTLINE_CHANGED, case, f"lesion {number} drawn")
    return _drawn_review(case_id, state, who)


@router.delete("/lesions/{number}/outline", operation_id="takeOutlineBack", responses=_ERRORS)
def take_back(who: Reader, case_id: str, number: int, edit: int, state: State) -> DrawnReview:
    """Let the algorithm's own outline stand again, or an added lesion be gone."""
    original = state.images.lesion_map(comparison_of(rows_of(case_id, state)))
    with judging(state, who, case_id) as (session, case, job):
        review = decisions.begin_drawing(session, case, job, reader=who.user_name, edit=edit)
        edits.take_back(session, review, number, original=original, actor=who.user_name)
        if number not in {lesion.number for lesion in decisions.lesions_of(job)}:
            decisions.decide_drawn(session, review, number, None)
        keep_in(session, who, AuditAction.OUTLINE_CHANGED, case, f"outline of lesion {number} taken back")
    return _drawn_review(case_id, state, who)


def _require_known(session: Session, job: Job, review: Review, number: int, *, added: bool) -> None:
    """Refuse a number that no lesion has and that is not the next one's."""
    lesions = decisions.lesions_of(job)
    of_result = number in {lesion.number for lesion in lesions}
    if of_result and added:
        raise InputRejected("Region and side are the algorithm's for a lesion that it found.")
    standing = {drawn.number for drawn in edits.standing_edits(session, review)}
    is_next = number == edits.next_number(session, review, lesions)
    if not of_result and not (added and (number in standing or is_next)):
        raise decisions.UnknownLesion("The result has no lesion of this number.")


def _drawn_review(case_id: str, state: ApiState, who: SignedIn) -> DrawnReview:
    rows = rows_of(case_id, state, who)
    if rows.review is None or rows.job is None:
        raise ReviewRefused(decisions.STALE)
    review = review_state(rows.review, rows.job, state.services.seal, who.user_name)
    return DrawnReview(review=review, lesions=lesion_lines(rows, state.images))


def _as_sent(mask: BoxMask) -> OutlineMask:
    return OutlineMask(first=mask.first, size=mask.size, bits=base64.b64encode(mask.packed).decode())


def _as_drawn(mask: OutlineMask) -> BoxMask:
    try:
        packed = base64.b64decode(mask.bits, validate=True)
    except binascii.Error as error:
        raise InputRejected("The outline can't be read.") from error
    return BoxMask.unpacked(mask.first, mask.size, packed)
