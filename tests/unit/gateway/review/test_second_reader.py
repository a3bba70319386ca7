from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from gateway.access.accounts import create_account
from gateway.access.passwords import Passwords
from gateway.access.roles import Role
from gateway.db.tables import Case, Job, Review
from gateway.jobs import store
from gateway.review import decisions, reopening, signing
from gateway.review.second_reader import TAKEN_OVER_AFTER, ReviewRefused, is_blind
from processing.domain.case import CaseEvent
from processing.domain.decision import Acceptance, Reading, Verdict
from processing.domain.language import Language
from processing.domain.report import second_reading_words
from processing.domain.report_texts import texts_in
from processing.domain.result import LesionChange
from tests.unit.gateway.front import NOON, PASSWORD, Made, lesion, make_case

ENGLISH = texts_in(Language.ENGLISH)
FIRST, SECOND, THIRD = "anna", "bert", "clara"
Action = Callable[[Session, Case, Job], Review]


class Room:
    """Several readers at one case."""

    def __init__(self, sessions: sessionmaker[Session], made: Made) -> None:
        self.sessions, self.made = sessions, made

    def do(self, action: Action) -> Review:
        with self.sessions.begin() as session:
            case = store.locked_case(session, self.made.case_id)
            assert case is not None
            job = store.latest_job(case)
            assert job is not None
            review = action(session, case, job)
            if review.first_signed_at is not None and case.state == "ready for review":
                store.record(session, case, CaseEvent.SECOND_READING_ASKED, actor="test", at=NOON)
            return review

    @property
    def edit(self) -> int:
        with self.sessions() as session:
            found = session.query(Review).one_or_none()
            return found.edit if found is not None else 0

    def verdict(self, verdict: Verdict, reader: str = FIRST) -> Review:
        edit = self.edit
        return self.do(
            lambda session, case, job: decisions.change_verdict(
                session, case, job, 1, verdict, reader=reader, edit=edit
            )
        )

    def assess(self, visual: Reading | None, reader: str = FIRST, *, good: bool = True) -> Review:
        edit = self.edit
        return self.do(
            lambda session, case, job: decisions.change_assessment(
                session,
                case,
                job,
                acceptance=Acceptance.ACCEPTABLE if good else Acceptance.UNACCEPTABLE,
                rating=4,
                comment="Motion.",
                visual=visual,
                reader=reader,
                edit=edit,
            )
        )

    def sign(self, reader: str = FIRST) -> Review:
        return self.do(partial(signing.sign, reader=reader, edit=self.edit, report="words", now=NOON))

    def read_blind(self, reading: Reading, reader: str = SECOND, at: datetime = NOON) -> Review:
        edit = self.edit
        return self.do(
            lambda session, case, job: decisions.read_blind(
                session, case, job, reading, reader=reader, edit=edit, now=at
            )
        )

    def agree(self, words: str, reader: str = SECOND) -> Review:
        return self.do(partial(decisions.write_consensus, consensus=words, reader=reader, edit=self.edit))

    def blind(self, reader: str) -> bool:
        with self.sessions() as session:
            return is_blind(session.query(Case).one(), session.query(Review).one_or_none(), reader)


@pytest.fixture
def room(sessions: sessionmaker[Session], passwords: Passwords) -> Room:
    """A case with one new lesion."""
    with sessions.begin() as session:
        for name in (FIRST, SECOND, THIRD):
            create_account(session, name, f"Dr. {name}", Role.READER, PASSWORD, passwords=passwords)
    return Room(sessions, make_case(sessions, lesions=(lesion(1),)))


@pytest.fixture
def disputed(room: Room) -> Room:
    """The first reader saw nothing by eye, and accepted a new lesion."""
    room.verdict(Verdict.ACCEPTED)
    room.assess(Reading.STABLE)
    assert room.sign().signed_at is None
    return room


@pytest.mark.parametrize(
    ("visual", "verdict", "good", "second_wanted"),
    [
        (Reading.STABLE, Verdict.ACCEPTED, True, True),
        (Reading.ACTIVE, Verdict.REJECTED, True, True),
        (Reading.ACTIVE, Verdict.ACCEPTED, True, False),
        (Reading.STABLE, Verdict.REJECTED, True, False),
        (None, Verdict.ACCEPTED, True, False),
        (Reading.STABLE, Verdict.ACCEPTED, False, False),
    ],
)
def test_a_second_reader_is_wanted_when_eye_and_result_disagree(
    room: Room, visual: Reading | None, verdict: Verdict, good: bool, second_wanted: bool
) -> None:
    room.verdict(verdict)
    room.assess(visual, good=good)
    assert (room.sign().signed_at is None) == second_wanted


def test_a_vanished_lesion_is_no_activity(sessions: sessionmaker[Session], room: Room) -> None:
    with sessions.begin() as session:
        job = session.query(Job).one()
        job.outcome = {**(job.outcome or {}), "lesions": [_as_json(LesionChange.VANISHED)]}
    room.verdict(Verdict.ACCEPTED)
    room.assess(Reading.STABLE)
    assert room.sign().signed_at is not None


def _as_json(change: LesionChange) -> dict[str, object]:
    one = lesion(1, change)
    return {
        "number": 1,
        "change": change.value,
        "volume_mm3": 30.0,
        "prior_volume_mm3": 30.0,
        "centroid_mm": [0, 0, 0],
        "region": one.region.value,
        "side": one.side.value,
        "score": 0.9,
    }


def test_everybody_but_the_first_reader_is_blind_until_they_have_read(disputed: Room) -> None:
    assert [disputed.blind(reader) for reader in (FIRST, SECOND, THIRD)] == [False, True, True]
    disputed.read_blind(Reading.ACTIVE)
    assert [disputed.blind(reader) for reader in (FIRST, SECOND, THIRD)] == [False, False, True]


def test_the_first_reader_changes_nothing_any_more(disputed: Room) -> None:
    actions: list[Callable[[], object]] = [
        lambda: disputed.verdict(Verdict.REJECTED),
        disputed.sign,
        lambda: disputed.read_blind(Reading.ACTIVE, FIRST),
    ]
    for action in actions:
        with pytest.raises(ReviewRefused, match="second reader looks at it"):
            action()


def test_who_has_not_read_blind_changes_nothing(disputed: Room) -> None:
    actions: list[Callable[[], object]] = [
        lambda: disputed.verdict(Verdict.REJECTED, SECOND),
        lambda: disputed.sign(SECOND),
    ]
    for action in actions:
        with pytest.raises(ReviewRefused, match="in the images alone"):
            action()


def test_a_blind_opinion_is_given_once_and_by_one(disputed: Room) -> None:
    disputed.read_blind(Reading.STABLE)
    for reader in (SECOND, THIRD):
        with pytest.raises(ReviewRefused, match="already said"):
            disputed.read_blind(Reading.ACTIVE, reader)
    with pytest.raises(ReviewRefused, match="Another second reader"):
        disputed.sign(THIRD)


def test_a_second_reader_who_does_not_come_back_is_replaced_by_another_who_reads_blind(disputed: Room) -> None:
    disputed.read_blind(Reading.STABLE)
    disputed.agree("Lesion 1 may be an artefact.")
    with pytest.raises(ReviewRefused, match="already said"):
        disputed.read_blind(Reading.ACTIVE, THIRD, at=NOON + TAKEN_OVER_AFTER - timedelta(seconds=1))
    with pytest.raises(ReviewRefused, match="already said"):
        disputed.read_blind(Reading.ACTIVE, SECOND, at=NOON + TAKEN_OVER_AFTER)
    review = disputed.read_blind(Reading.STABLE, THIRD, at=NOON + TAKEN_OVER_AFTER)
    assert (review.reader, review.second_reader, review.consensus) == (FIRST, THIRD, "")
    assert [disputed.blind(reader) for reader in (SECOND, THIRD)] == [True, False]
    with pytest.raises(ReviewRefused, match="Another second reader"):
        disputed.sign(SECOND)
    with pytest.raises(ReviewRefused, match="both agreed"):
        disputed.sign(THIRD)
    disputed.agree("Nothing new.", THIRD)
    assert disputed.sign(THIRD).signed_at == NOON


def test_an_opinion_in_line_with_the_first_one_closes_the_case(disputed: Room) -> None:
    disputed.read_blind(Reading.ACTIVE)
    review = disputed.sign(SECOND)
    assert review.signed_at == NOON
    assert (review.reader, review.second_reader) == (FIRST, SECOND)
    signed = signing.signed_review(review, reader_name="Dr. Anna", second_name="Dr. Bert")
    assert second_reading_words(signed, ENGLISH)[0].endswith("read: no new or growing lesion.")
    assert "Dr. Bert" in second_reading_words(signed, ENGLISH)[1]


def test_another_opinion_needs_words_that_both_agree_on(disputed: Room) -> None:
    disputed.read_blind(Reading.STABLE)
    with pytest.raises(ReviewRefused, match="both agreed"):
        disputed.sign(SECOND)
    disputed.agree("Lesion 1 may be an artefact.")
    signed = signing.signed_review(disputed.sign(SECOND), reader_name="Dr. Anna", second_name="Dr. Bert")
    assert second_reading_words(signed, ENGLISH)[-1] == "Consensus: Lesion 1 may be an artefact."


def test_what_the_first_reader_saw_by_eye_stays(disputed: Room) -> None:
    disputed.read_blind(Reading.STABLE)
    with pytest.raises(ReviewRefused, match="stays as it was signed"):
        disputed.assess(Reading.ACTIVE, SECOND)


def test_reopening_keeps_what_was_signed_and_opens_the_rest(disputed: Room) -> None:
    disputed.read_blind(Reading.ACTIVE)
    edit = disputed.sign(SECOND).edit
    with disputed.sessions.begin() as session:
        review = session.query(Review).one()
        reopening.reopen(session, review, actor=FIRST, reason="sealed", at=NOON + timedelta(days=1))
    with disputed.sessions() as session:
        review = session.query(Review).one()
        (before,) = reopening.earlier_reviews(session, review)
        assert (before.edition, before.verdicts, before.signed_at) == (1, {"1": "accepted"}, NOON)
        assert (before.reader, before.second_reader, before.blind_reading) == (FIRST, SECOND, Reading.ACTIVE.value)
        assert (review.edition, review.signed_at, review.second_reader) == (2, None, None)
        assert review.verdicts == {"1": "accepted"}
        assert review.edit > edit, "a page that shows the signed review can't write into the opened one"
        with pytest.raises(ReviewRefused, match="Only a signed case"):
            reopening.reopen(session, review, actor=FIRST, reason="", at=NOON)


def test_what_was_signed_before_can_not_be_changed(disputed: Room) -> None:
    disputed.read_blind(Reading.ACTIVE)
    disputed.sign(SECOND)
    with disputed.sessions.begin() as session:
        reopening.reopen(session, session.query(Review).one(), actor=FIRST, reason="", at=NOON)
    with disputed.sessions() as session, pytest.raises(IntegrityError, match="only added"):
        session.execute(text("UPDATE earlier_reviews SET rating = 5"))
