"""Which research copies may go, and which never."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session, sessionmaker

from gateway.db.tables import Case, LegalHold, RemovedCopies, Review, User
from gateway.retention.due import (
    SETTLED,
    due_copies,
    held_pseudonyms,
    signed_series,
    still_due,
    why_copies_are_gone,
)
from processing.domain.case import CaseState
from processing.domain.messages import JobOutcome, OutcomeStatus, StoredObject
from tests.unit.gateway.rows import NOW, add_case, later

DAY = 86400.0
SEGMENTATION, MR_IMAGE = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.4"


def due(session: Session, days: float = 1) -> list[str]:
    return [copy.study_uid for copy in due_copies(session, unused_since=later(days * DAY))]


@pytest.mark.parametrize("state", list(CaseState))
def test_only_what_waits_for_nobody_goes(sessions: sessionmaker[Session], state: CaseState) -> None:
    with sessions.begin() as session:
        add_case(session, state)
        assert due(session) == (["2.25.1"] if state in SETTLED else [])


def test_a_signed_result_that_is_not_in_the_pacs_yet_keeps_its_copy() -> None:
    assert SETTLED.isdisjoint({CaseState.SIGNED, CaseState.DISPATCHING, CaseState.READY_FOR_REVIEW})
    assert SETTLED.isdisjoint({CaseState.QUARANTINED, CaseState.REGISTRATION_FAILED, CaseState.SECOND_READING})


def test_what_was_used_within_the_time_stays(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        add_case(session, CaseState.ARCHIVED, study_uid="2.25.1", at=later(2 * DAY))
        add_case(session, CaseState.ARCHIVED, study_uid="2.25.2", at=NOW)
        assert due(session, 1) == ["2.25.2"]
        assert due(session, 3) == ["2.25.2", "2.25.1"], "the longest unused first"


def test_a_prior_stays_while_a_comparison_with_it_waits_or_is_fresh(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        prior = add_case(session, CaseState.BASELINE, study_uid="2.25.1")
        current = add_case(session, CaseState.READY_FOR_REVIEW, study_uid="2.25.2", at=later(DAY))
        current.prior_case_id = prior.case_id
        session.flush()
        assert due(session, 200) == []
        current.state = CaseState.ARCHIVED.value
        session.flush()
        assert due(session, 0.5) == []
        assert due(session, 2) == ["2.25.1", "2.25.2"]


def test_a_legal_hold_keeps_a_patient_s_copies(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        add_case(session, CaseState.ARCHIVED, pseudonym="IV-A")
        hold = LegalHold(pseudonym="IV-A", at=NOW, actor="otto", reason="")
        session.add(hold)
        session.flush()
        assert due(session) == []
        assert held_pseudonyms(session) == {"IV-A"}
        hold.lifted_at = NOW
        session.flush()
        assert due(session) == ["2.25.1"]


def test_what_is_gone_is_not_due_again_until_it_was_used_again(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        case = add_case(session, CaseState.ARCHIVED)
        session.add(RemovedCopies(study_uid=case.study_uid, at=later(DAY), why="age", series=1))
        session.flush()
        assert due(session, 5) == []
        assert why_copies_are_gone(session, case)
        case.changed_at = later(2 * DAY)
        session.flush()
        assert due(session, 5) == ["2.25.1"]
        assert not why_copies_are_gone(session, case)


def test_a_case_that_was_reopened_meanwhile_keeps_its_copy(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        case_id = add_case(session, CaseState.ARCHIVED).case_id
        (copy,) = due_copies(session, unused_since=later(DAY))
        assert still_due(session, copy)
        session.get_one(Case, case_id).state = CaseState.READY_FOR_REVIEW.value
        session.flush()
        assert not still_due(session, copy)


def test_signed_results_stay_and_what_is_derived_goes(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        case = add_case(session, CaseState.ARCHIVED)
        session.refresh(case)
        (job,) = case.jobs
        objects = tuple(
            StoredObject(
                kind=kind,
                sop_class_uid=sop_class,
                study_instance_uid=case.study_uid,
                series_instance_uid=f"2.25.{number}",
                sop_instance_uid=f"2.25.9{number}",
            )
            for number, (kind, sop_class) in enumerate((("segmentation", SEGMENTATION), ("prior", MR_IMAGE)), start=50)
        )
        outcome = JobOutcome(job_id=job.job_id, attempt=1, status=OutcomeStatus.SUCCEEDED, objects=objects)
        job.outcome = outcome.model_dump(mode="json")
        session.add(User(user_name="anna", display_name="Anna", role="reader", password_hash="-"))
        review = Review(job_id=job.job_id, verdicts={}, reader="anna")
        session.add(review)
        session.flush()
        assert signed_series(session, case.study_uid) == frozenset()
        review.signed_at = NOW + timedelta(days=1)
        session.flush()
        assert signed_series(session, case.study_uid) == {"2.25.50"}
