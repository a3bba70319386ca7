from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session, sessionmaker

from gateway.access.accounts import create_account
from gateway.access.passwords import Passwords
from gateway.access.roles import Role
from gateway.db.tables import Case, Job, LesionEdit, Review
from gateway.review import decisions
from gateway.review.edits import (
    DrawnLesion,
    EditRefused,
    draw,
    edited_result,
    lesions_with,
    next_number,
    standing_edits,
    take_back,
    with_drawn,
)
from gateway.review.masks import BoxMask
from gateway.review.second_reader import ReviewRefused
from processing.domain.decision import Verdict
from processing.domain.result import LesionChange, Outline, Region, Side
from tests.unit.gateway.front import PASSWORD, Made, make_case
from tests.unit.gateway.front_result import Compared

READER = "anna"


@pytest.fixture
def made(sessions: sessionmaker[Session], compared: Compared, passwords: Passwords) -> Made:
    with sessions.begin() as session:
        create_account(session, READER, "Dr. Anna Muster", Role.READER, PASSWORD, passwords=passwords)
    return make_case(sessions, order=compared.order, outcome=compared.outcome)


def begun(session: Session, made: Made, edit: int) -> Review:
    case, job = session.get_one(Case, made.case_id), session.get_one(Job, made.job_id)
    return decisions.begin_drawing(session, case, job, reader=READER, edit=edit)


def block(first: tuple[int, int, int], size: tuple[int, int, int]) -> BoxMask:
    return BoxMask(first, np.ones(size, bool))


def test_a_corrected_outline_stands_in_the_result_and_the_algorithms_is_kept(
    sessions: sessionmaker[Session], made: Made, compared: Compared
) -> None:
    original = compared.result.lesion_map
    before = original.array.copy()
    with sessions.begin() as session:
        review = begun(session, made, 0)
        draw(session, review, 1, block((2, 20, 10), (1, 2, 2)), original=original, actor=READER)
        drawn = standing_edits(session, review)
    result = edited_result(compared.result, drawn)
    assert np.array_equal(original.array, before)
    assert np.argwhere(result.lesion_map.array == 1).tolist() == [[2, 20, 10], [2, 20, 11], [2, 21, 10], [2, 21, 11]]
    assert np.array_equal(result.lesion_map.array == 2, before == 2)
    first, second = result.lesions
    assert first.volume_mm3 == pytest.approx(4 * 12.0)
    assert first.outline is Outline.CORRECTED
    assert first.measured_mm3 == compared.result.lesions[0].volume_mm3
    assert first.centroid_mm == pytest.approx(tuple(original.grid.index_to_lps((2, 20, 10))), abs=4)
    assert second == compared.result.lesions[1]


def test_a_missed_lesion_gets_the_next_number_and_what_the_reader_says(
    sessions: sessionmaker[Session], made: Made, compared: Compared
) -> None:
    original = compared.result.lesion_map
    with sessions.begin() as session:
        review = begun(session, made, 0)
        number = next_number(session, review, compared.result.lesions)
        mask = block((1, 5, 5), (2, 2, 2))
        where = {"region": Region.INFRATENTORIAL, "side": Side.LEFT}
        draw(session, review, number, mask, original=original, actor=READER, **where)  # type: ignore[arg-type]  # one dict, two types
        drawn = standing_edits(session, review)
        assert next_number(session, review, compared.result.lesions) == number + 1
    *_, added = lesions_with(compared.result.lesions, drawn, original.grid)
    assert (added.number, added.change, added.outline) == (3, LesionChange.NEW, Outline.ADDED)
    assert (added.region, added.side, added.prior_volume_mm3) == (Region.INFRATENTORIAL, Side.LEFT, 0.0)
    assert added.volume_mm3 == pytest.approx(8 * 12.0)
    assert np.count_nonzero(with_drawn(original, drawn).array == 3) == 8


def test_the_newest_outline_stands_and_none_is_lost(
    sessions: sessionmaker[Session], made: Made, compared: Compared
) -> None:
    original = compared.result.lesion_map
    with sessions.begin() as session:
        review = begun(session, made, 0)
        for width in (1, 2, 3):
            draw(session, review, 1, block((2, 20, 10), (1, 1, width)), original=original, actor=READER)
        (drawn,) = standing_edits(session, review)
        assert np.count_nonzero(drawn.mask.array) == 3
        take_back(session, review, 1, original=original, actor=READER)
        assert standing_edits(session, review) == ()
        assert len(session.scalars(select(LesionEdit)).all()) == 4
        with pytest.raises(EditRefused, match="Nothing was drawn"):
            take_back(session, review, 1, original=original, actor=READER)


def test_lesions_never_overlap(sessions: sessionmaker[Session], made: Made, compared: Compared) -> None:
    original = compared.result.lesion_map
    with sessions.begin() as session:
        review = begun(session, made, 0)
        with pytest.raises(EditRefused, match="overlaps lesion 2"):
            draw(session, review, 1, block((4, 30, 24), (1, 1, 2)), original=original, actor=READER)
        draw(session, review, 2, block((4, 31, 26), (1, 1, 1)), original=original, actor=READER)
        draw(session, review, 1, block((4, 30, 24), (1, 1, 2)), original=original, actor=READER)
        with pytest.raises(EditRefused, match="overlaps lesion 1"):
            take_back(session, review, 2, original=original, actor=READER)


@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        (BoxMask((2, 20, 10), np.zeros((1, 2, 2), bool)), "empty"),
        (block((5, 47, 39), (2, 1, 1)), "leaves the images"),
        (block((-1, 0, 0), (2, 1, 1)), "leaves the images"),
    ],
)
def test_an_outline_without_a_place_is_refused(
    sessions: sessionmaker[Session], made: Made, compared: Compared, mask: BoxMask, reason: str
) -> None:
    with sessions.begin() as session:
        review = begun(session, made, 0)
        with pytest.raises(EditRefused, match=reason):
            draw(session, review, 1, mask, original=compared.result.lesion_map, actor=READER)


def test_a_lost_volume_moves_what_was_there_before(compared: Compared) -> None:
    """A shrinking lesion's outline is what was lost: what is left of it does not change."""

    grid = compared.result.lesion_map.grid
    lesion = replace(
        compared.result.lesions[0], change=LesionChange.SHRINKING, volume_mm3=100.0, prior_volume_mm3=150.0
    )
    drawn = DrawnLesion(lesion.number, block((2, 20, 10), (1, 1, 1)), (2, 20, 10), 60.0)
    (corrected,) = lesions_with([lesion], [drawn], grid)
    assert corrected.prior_volume_mm3 == pytest.approx(110.0)


def test_an_added_lesion_wants_a_verdict_like_any_other(
    sessions: sessionmaker[Session], made: Made, compared: Compared
) -> None:
    original = compared.result.lesion_map
    with sessions.begin() as session:
        review = begun(session, made, 0)
        draw(
            session,
            review,
            3,
            block((1, 5, 5), (1, 1, 1)),
            original=original,
            actor=READER,
            region=Region.DEEP_WHITE_MATTER,
            side=Side.LEFT,
        )
        decisions.decide_drawn(session, review, 3, Verdict.ACCEPTED)
    with sessions.begin() as session:
        case, job = session.get_one(Case, made.case_id), session.get_one(Job, made.job_id)
        assert decisions.reviewed_numbers(session, job) == [1, 2, 3]
        review = decisions.change_verdict(session, case, job, 3, Verdict.REJECTED, reader=READER, edit=1)
        assert review.verdicts == {"3": "rejected"}


def test_a_drawing_on_a_state_that_is_gone_is_refused(sessions: sessionmaker[Session], made: Made) -> None:
    with sessions.begin() as session:
        begun(session, made, 0)
    with sessions.begin() as session, pytest.raises(ReviewRefused, match="in the meantime"):
        begun(session, made, 0)


def test_the_database_changes_and_deletes_no_edit(
    sessions: sessionmaker[Session], made: Made, compared: Compared
) -> None:
    with sessions.begin() as session:
        review = begun(session, made, 0)
        draw(session, review, 1, block((2, 20, 10), (1, 1, 1)), original=compared.result.lesion_map, actor=READER)
    for statement in ("UPDATE lesion_edits SET number = 2", "DELETE FROM lesion_edits"):
        with sessions() as session, pytest.raises(DatabaseError, match="only added"):
            session.execute(text(statement))
