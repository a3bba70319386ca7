"""What a reader has to know about a case beside its state."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from gateway.cases.notes import notes_on
from gateway.db.tables import Case, Job, Review, User
from gateway.jobs.revision import replace_revision
from processing.domain.case import CaseState
from tests.unit.gateway.rows import NOW, add_case


def _notes(session: Session) -> dict[str, list[str]]:
    return notes_on(session, list(session.scalars(select(Case))))


def test_a_case_without_anything_to_say_has_no_note(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        add_case(session, CaseState.READY_FOR_REVIEW)
        assert _notes(session) == {}


def test_a_question_stays_on_the_case_whatever_its_state(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        case = add_case(session, CaseState.READY_FOR_REVIEW)
        case.question = "Is it the same patient?"
        assert _notes(session) == {case.case_id: ["Is it the same patient?"]}


def _signed(session: Session, case: Case, *, at: datetime | None = NOW) -> None:
    job = session.scalars(select(Job).where(Job.case_id == case.case_id)).one()
    session.add(Review(job_id=job.job_id, reader="rosa", signed_at=at))
    session.flush()


@pytest.fixture
def reader(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        session.add(User(user_name="rosa", display_name="Rosa Reader", role="reader", password_hash="x"))


@pytest.mark.usefixtures("reader")
def test_who_had_signed_is_told_that_another_revision_replaces_the_signed_one(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        signed = add_case(session, CaseState.ARCHIVED)
        _signed(session, signed)
        newer = replace_revision(session, signed, actor="receive", detail="3 more images arrived.", at=NOW)
        assert _notes(session) == {
            newer.case_id: [
                "Revision 1 was signed by Rosa Reader on 2024-05-01 and is replaced by this one: 3 more images arrived."
            ]
        }


@pytest.mark.usefixtures("reader")
def test_an_open_review_is_no_signature(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        case = add_case(session, CaseState.READY_FOR_REVIEW)
        _signed(session, case, at=None)
        replace_revision(session, case, actor="receive", detail="3 more images arrived.", at=NOW)
        assert _notes(session) == {}


@pytest.mark.usefixtures("reader")
def test_a_later_signature_is_nothing_to_tell_an_earlier_revision(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        add_case(session, CaseState.SUPERSEDED, revision=2)
        _signed(session, add_case(session, CaseState.ARCHIVED, revision=3))
        assert _notes(session) == {}


def test_a_revision_that_nobody_signed_is_replaced_without_a_note(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        case = add_case(session, CaseState.READY_FOR_REVIEW)
        replace_revision(session, case, actor="receive", detail="3 more images arrived.", at=NOW)
        assert _notes(session) == {}
