"""Which earlier study is the prior, and when a case is looked at again."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy.orm import Session, sessionmaker

from gateway.cases.prior import (
    NO_EARLIER_STUDY,
    EarlierStudy,
    PriorDecision,
    PriorFound,
    PriorIncomplete,
    PriorMissing,
    cases_to_look_at_again,
    find_prior,
)
from gateway.cases.select import Selection
from gateway.db.tables import Case
from gateway.jobs import store
from processing.domain.case import CaseEvent, CaseState
from tests.unit.gateway.rows import NOW, add_case, later

Sessions = sessionmaker[Session]
USABLE = Selection((), (), "")
UNUSABLE = Selection((), (), "The FLAIR (series 2) can't be used: 1 slice is missing.")


def earlier(
    case_id: str, date: str, state: CaseState = CaseState.BASELINE, received_at: datetime = NOW
) -> EarlierStudy:
    return EarlierStudy(case_id, date, state, received_at)


def decide(*others: EarlierStudy, unusable: str = "", gone: str = "", date: str = "20230601") -> PriorDecision:
    selections = {other.case_id: USABLE for other in others} | dict.fromkeys(unusable, UNUSABLE)
    return find_prior(date, others, lambda study: None if study.case_id in gone else selections[study.case_id])


def test_the_latest_earlier_study_is_the_prior() -> None:
    found = decide(earlier("a", "20210101"), earlier("b", "20230101"), earlier("c", "20220101"))
    assert found == PriorFound("b", USABLE)


def test_later_studies_and_those_of_the_same_day_are_none() -> None:
    assert decide(earlier("a", "20230601"), earlier("b", "20240101")) == PriorMissing(NO_EARLIER_STUDY)


def test_a_study_without_a_date_is_none() -> None:
    assert decide(earlier("a", "")) == PriorMissing(NO_EARLIER_STUDY)


def test_without_any_other_study_it_is_a_baseline() -> None:
    assert decide() == PriorMissing(NO_EARLIER_STUDY)


def test_an_unusable_study_is_passed_over_for_an_earlier_one() -> None:
    assert decide(earlier("a", "20210101"), earlier("b", "20230101"), unusable="b") == PriorFound("a", USABLE)


def test_a_study_that_the_archive_lost_is_passed_over() -> None:
    assert decide(earlier("a", "20210101"), earlier("b", "20230101"), gone="b") == PriorFound("a", USABLE)


def test_when_all_are_unusable_the_latest_says_why() -> None:
    missing = decide(earlier("a", "20210101"), earlier("b", "20230101"), unusable="ab")
    assert isinstance(missing, PriorMissing)
    assert missing.reason.startswith("An earlier study of this patient can't be compared with.")
    assert "1 slice is missing" in missing.reason


def test_an_earlier_study_that_is_still_received_is_waited_for() -> None:
    waiting = decide(earlier("a", "20210101"), earlier("b", "20230101", CaseState.RECEIVING))
    assert isinstance(waiting, PriorIncomplete)


def test_nothing_is_waited_for_behind_a_prior_that_is_there() -> None:
    assert decide(earlier("a", "20210101", CaseState.RECEIVING), earlier("b", "20230101")) == PriorFound("b", USABLE)


@pytest.mark.parametrize("state", [state for state in CaseState if state is not CaseState.RECEIVING])
def test_a_prior_s_own_state_does_not_matter_once_its_images_are_there(state: CaseState) -> None:
    assert decide(earlier("a", "20210101", state)) == PriorFound("a", USABLE)


def test_of_two_studies_of_one_day_the_later_received_is_taken() -> None:
    found = decide(earlier("a", "20230101", received_at=later(5)), earlier("b", "20230101", received_at=NOW))
    assert found == PriorFound("a", USABLE)


def _again(sessions: Sessions) -> set[str]:
    with sessions() as session:
        return {session.get_one(Case, case_id).study_uid for case_id in cases_to_look_at_again(session)}


def _record(sessions: Sessions, case_id: str, event: CaseEvent) -> None:
    with sessions.begin() as session:
        store.record(session, session.get_one(Case, case_id), event, actor="test")


@pytest.mark.parametrize("state", [CaseState.BASELINE, CaseState.WAITING_FOR_PRIOR])
def test_an_earlier_study_that_becomes_complete_has_later_ones_looked_at_once(
    sessions: Sessions, state: CaseState
) -> None:
    with sessions.begin() as session:
        current = add_case(session, state, study_uid="2.25.1", study_date="20230601").case_id
        prior = add_case(session, study_uid="2.25.2", study_date="20220101").case_id
    assert _again(sessions) == set()
    _record(sessions, prior, CaseEvent.QUIET)
    assert _again(sessions) == {"2.25.1"}
    _record(sessions, current, CaseEvent.PRIOR_FOUND)
    assert _again(sessions) == set()
    _record(sessions, current, CaseEvent.PRIOR_MISSING)
    assert _again(sessions) == set()
    _record(sessions, prior, CaseEvent.FAILED)
    _record(sessions, prior, CaseEvent.RETRIED)
    assert _again(sessions) == {"2.25.1"}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"study_date": "20240101"}, "later"),
        ({"study_date": "20230601"}, "same day"),
        ({"study_date": ""}, "no date"),
        ({"pseudonym": "IV-B"}, "another patient"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_studies_don_t_matter(sessions: Sessions, changes: dict[str, str], why: str) -> None:
    with sessions.begin() as session:
        add_case(session, CaseState.BASELINE, study_uid="2.25.1", study_date="20230601")
        fields = {"study_uid": "2.25.2", "study_date": "20220101"} | changes
        other = add_case(session, **fields).case_id  # type: ignore[arg-type]  # all of them are texts
    _record(sessions, other, CaseEvent.QUIET)
    assert _again(sessions) == set(), why


@pytest.mark.parametrize("state", [CaseState.READY_FOR_REVIEW, CaseState.ARCHIVED, CaseState.NOT_ROUTED])
def test_a_case_with_a_result_or_without_images_is_not_looked_at_again(sessions: Sessions, state: CaseState) -> None:
    with sessions.begin() as session:
        add_case(session, state, study_uid="2.25.1", study_date="20230601")
        other = add_case(session, study_uid="2.25.2", study_date="20220101").case_id
    _record(sessions, other, CaseEvent.QUIET)
    assert _again(sessions) == set()
