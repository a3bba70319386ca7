from __future__ import annotations

import threading

import pytest
from sqlalchemy.orm import Session, sessionmaker

from gateway.access.accounts import create_account
from gateway.access.passwords import Passwords
from gateway.access.roles import Role
from gateway.db.tables import Review
from gateway.jobs import store
from gateway.review import decisions, signing
from gateway.review.decisions import UnknownLesion
from gateway.review.second_reader import ReviewRefused
from processing.domain.case import CaseEvent
from processing.domain.decision import Acceptance, SignedReview, Verdict
from tests.unit.gateway.front import NOON, PASSWORD, WAY_TO_REVIEW, Made, lesion, make_case

READER = "anna"


class Desk:
    """A reader at one case: each call is one request with its own transaction."""

    def __init__(self, sessions: sessionmaker[Session], made: Made) -> None:
        self.sessions = sessions
        self.made = made

    def verdict(self, number: int, verdict: Verdict | None, edit: int) -> int:
        with self.sessions.begin() as session:
            case = store.get_case(session, self.made.case_id)
            assert case is not None
            job = store.latest_job(case)
            assert job is not None
            return decisions.change_verdict(session, case, job, number, verdict, reader=READER, edit=edit).edit

    def assess(self, acceptance: Acceptance | None, rating: int | None, comment: str, edit: int) -> int:
        with self.sessions.begin() as session:
            case = store.get_case(session, self.made.case_id)
            assert case is not None
            job = store.latest_job(case)
            assert job is not None
            return decisions.change_assessment(
                session, case, job, acceptance=acceptance, rating=rating, comment=comment, reader=READER, edit=edit
            ).edit

    def sign(self, edit: int) -> SignedReview:
        with self.sessions.begin() as session:
            case = store.get_case(session, self.made.case_id)
            assert case is not None
            job = store.latest_job(case)
            assert job is not None
            review = signing.sign(session, case, job, reader=READER, edit=edit, now=NOON)
            return signing.signed_review(review, reader_name="Dr. Anna")

    def review(self) -> Review | None:
        with self.sessions() as session:
            case = store.get_case(session, self.made.case_id)
            assert case is not None
            job = store.latest_job(case)
            return decisions.review_of(session, job) if job is not None else None


@pytest.fixture
def desk(sessions: sessionmaker[Session], passwords: Passwords) -> Desk:
    with sessions.begin() as session:
        create_account(session, READER, "Dr. Anna Muster", Role.READER, PASSWORD, passwords=passwords)
    return Desk(sessions, make_case(sessions, lesions=(lesion(1), lesion(2))))


def test_verdicts_and_assessment_become_the_signed_review(desk: Desk) -> None:
    edit = desk.verdict(1, Verdict.ACCEPTED, 0)
    edit = desk.verdict(2, Verdict.REJECTED, edit)
    edit = desk.assess(Acceptance.ACCEPTABLE, 4, "Motion.", edit)
    signed = desk.sign(edit)
    assert signed == SignedReview(
        reader_name="Dr. Anna",
        signed_at=NOON,
        acceptance=Acceptance.ACCEPTABLE,
        rating=4,
        comment="Motion.",
        verdicts={1: Verdict.ACCEPTED, 2: Verdict.REJECTED},
    )
    assert signed.accepted_lesions == {1}
    review = desk.review()
    assert review is not None
    assert signing.signed_review(review, reader_name="Dr. Anna") == signed


def test_a_stale_edit_is_refused_and_changes_nothing(desk: Desk) -> None:
    assert desk.verdict(1, Verdict.ACCEPTED, 0) == 1
    with pytest.raises(ReviewRefused, match="in the meantime"):
        desk.verdict(1, Verdict.REJECTED, 0)
    with pytest.raises(ReviewRefused, match="in the meantime"):
        desk.assess(Acceptance.ACCEPTABLE, 5, "", 0)
    with pytest.raises(ReviewRefused, match="in the meantime"):
        desk.verdict(1, Verdict.REJECTED, 2)
    review = desk.review()
    assert review is not None
    assert (review.verdicts, review.acceptance, review.edit) == ({"1": "accepted"}, None, 1)


def test_of_changes_at_the_same_moment_one_wins(desk: Desk) -> None:
    results: list[str] = []
    start = threading.Barrier(4)

    def change() -> None:
        start.wait()
        try:
            desk.verdict(1, Verdict.ACCEPTED, 0)
            results.append("taken")
        except ReviewRefused:
            results.append("refused")

    threads = [threading.Thread(target=change) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["refused", "refused", "refused", "taken"]


def test_a_verdict_can_be_taken_back(desk: Desk) -> None:
    edit = desk.verdict(1, Verdict.ACCEPTED, 0)
    edit = desk.verdict(1, None, edit)
    review = desk.review()
    assert review is not None
    assert review.verdicts == {}
    assert edit == 2


def test_an_unknown_lesion_is_refused_without_beginning_a_review(desk: Desk) -> None:
    with pytest.raises(UnknownLesion):
        desk.verdict(3, Verdict.ACCEPTED, 0)
    assert desk.review() is None


def test_nothing_is_signed_before_it_is_complete(desk: Desk) -> None:
    with pytest.raises(ReviewRefused, match="as a whole"):
        desk.sign(0)
    edit = desk.assess(Acceptance.ACCEPTABLE, None, "", 0)
    with pytest.raises(ReviewRefused, match="Rate"):
        desk.sign(edit)
    edit = desk.assess(Acceptance.ACCEPTABLE, 3, "", edit)
    with pytest.raises(ReviewRefused, match="lesions 1, 2"):
        desk.sign(edit)
    edit = desk.verdict(1, Verdict.REJECTED, edit)
    with pytest.raises(ReviewRefused, match="lesion 2 first"):
        desk.sign(edit)
    edit = desk.verdict(2, Verdict.REJECTED, edit)
    with pytest.raises(ReviewRefused, match="in the meantime"):
        desk.sign(edit - 1)
    assert desk.sign(edit).accepted_lesions == frozenset()


def test_an_unacceptable_result_needs_a_reason_and_no_verdicts(desk: Desk) -> None:
    edit = desk.verdict(1, Verdict.ACCEPTED, 0)
    edit = desk.assess(Acceptance.UNACCEPTABLE, 1, "  ", edit)
    with pytest.raises(ReviewRefused, match="comment"):
        desk.sign(edit)
    edit = desk.assess(Acceptance.UNACCEPTABLE, 1, "Registration is off.", edit)
    signed = desk.sign(edit)
    assert signed.accepted_lesions == frozenset(), "an accepted lesion of a rejected result does not leave"


def test_a_signed_review_is_never_changed(desk: Desk) -> None:
    edit = desk.assess(Acceptance.UNACCEPTABLE, 2, "Motion.", 0)
    desk.sign(edit)
    with pytest.raises(ReviewRefused, match="never changed"):
        desk.verdict(1, Verdict.ACCEPTED, edit + 1)
    with pytest.raises(ReviewRefused, match="never changed"):
        desk.assess(Acceptance.ACCEPTABLE, 5, "", edit + 1)
    with pytest.raises(ReviewRefused, match="never changed"):
        desk.sign(edit + 1)
    review = desk.review()
    assert review is not None
    assert (review.comment, review.acceptance, review.signed_at) == ("Motion.", "unacceptable", NOON)


@pytest.mark.parametrize(
    "events",
    [WAY_TO_REVIEW[:-1], (*WAY_TO_REVIEW, CaseEvent.SUPERSEDED)],
    ids=["running", "superseded"],
)
def test_only_a_case_that_is_ready_can_be_reviewed(
    sessions: sessionmaker[Session], events: tuple[CaseEvent, ...]
) -> None:
    desk = Desk(sessions, make_case(sessions, events=events, lesions=(lesion(1),)))
    with pytest.raises(ReviewRefused, match="can't be reviewed while it is"):
        desk.assess(Acceptance.ACCEPTABLE, 5, "", 0)
    with pytest.raises(ReviewRefused, match="can't be reviewed while it is"):
        desk.sign(0)


def test_an_open_review_is_no_signed_one(desk: Desk) -> None:
    desk.assess(Acceptance.ACCEPTABLE, 4, "", 0)
    review = desk.review()
    assert review is not None
    with pytest.raises(ReviewRefused, match="not signed"):
        signing.signed_review(review, reader_name="Dr. Anna")
