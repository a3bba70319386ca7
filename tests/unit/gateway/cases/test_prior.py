"""Which earlier study is the prior, and when a case is looked at again."""

from __future__ import annotations

from datetime import date as day
from datetime import datetime

import pytest
from sqlalchemy.orm import Session, sessionmaker

from gateway.cases.prior import (
    NO_EARLIER_STUDY,
    NONE_ALLOWED,
    OUTDATED,
    UNDECIDED,
    EarlierStudy,
    PriorDecision,
    PriorFound,
    PriorIncomplete,
    PriorMissing,
    cases_to_look_at_again,
    find_prior,
    outdated_comparisons,
    quarantined_between,
    why_not_certain,
    why_outdated,
)
from gateway.cases.select import Selection, SeriesCandidate, SeriesChoice
from gateway.db.tables import Case, PriorSearch
from gateway.jobs import store
from gateway.jobs.revision import replace_revision
from gateway.routes.model import PriorChoice, PriorRule
from processing.domain.case import CaseEvent, CaseState
from processing.domain.errors import InputRejected
from processing.domain.study import SeriesRole
from tests.unit.gateway.rows import NOW, add_case, later

Sessions = sessionmaker[Session]
USABLE = Selection((), (), "")
UNUSABLE = Selection((), (), "The FLAIR (series 2) can't be used: 1 slice is missing.")


def earlier(
    case_id: str, date: str, state: CaseState = CaseState.BASELINE, received_at: datetime = NOW
) -> EarlierStudy:
    return EarlierStudy(case_id, date, state, received_at)


def decide(
    *others: EarlierStudy,
    unusable: str = "",
    gone: str = "",
    date: str = "20230601",
    rule: PriorRule = PriorRule(),  # noqa: B008 - frozen
) -> PriorDecision:
    selections = {other.case_id: USABLE for other in others} | dict.fromkeys(unusable, UNUSABLE)

    def select_of(study: EarlierStudy) -> Selection:
        if study.case_id in gone:
            raise InputRejected("It is gone.")
        return selections[study.case_id]

    return find_prior(date, others, select_of, rule, [SeriesRole.FLAIR])


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
    found = decide(earlier("a", "20210101"), earlier("b", "20230101"), unusable="b")
    assert found == PriorFound("a", USABLE, f"An earlier study can't be used: {UNUSABLE.sentence}", ("b",))


def test_a_study_that_the_archive_lost_is_passed_over() -> None:
    found = decide(earlier("a", "20210101"), earlier("b", "20230101"), gone="b")
    assert found == PriorFound("a", USABLE, "An earlier study can't be used: It is gone.", ("b",))


def test_a_study_that_can_not_be_used_is_not_called_absent() -> None:
    assert decide(earlier("a", "20210101"), gone="a") == PriorMissing(
        "An earlier study can't be used: It is gone.", ("a",)
    )


def test_when_all_are_unusable_the_latest_says_why() -> None:
    missing = decide(earlier("a", "20210101"), earlier("b", "20230101"), unusable="ab")
    assert isinstance(missing, PriorMissing)
    assert missing.reason.startswith("An earlier study can't be used: ")
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


THREE = (earlier("a", "20210101"), earlier("b", "20230101"), earlier("c", "20220101"))


@pytest.mark.parametrize(
    ("rule", "chosen"),
    [
        (PriorRule(choose=PriorChoice.FIRST), "a"),
        (PriorRule(choose=PriorChoice.FIRST, after=day(2021, 1, 1)), "c"),
        (PriorRule(after=day(2023, 1, 1)), ""),
        (PriorRule(at_least_days=151), "b"),
        (PriorRule(at_least_days=152), "c"),
    ],
    ids=["first", "first after a day", "none after a day", "just old enough", "a day too young"],
)
def test_the_rule_of_the_route_chooses(rule: PriorRule, chosen: str) -> None:
    decision = decide(*THREE, rule=rule)
    assert decision == (PriorFound(chosen, USABLE) if chosen else PriorMissing(NONE_ALLOWED))


def test_voxels_that_are_too_coarse_are_passed_over() -> None:
    candidate = SeriesCandidate("1", 4, "MR", 24, None)
    coarse = Selection((SeriesChoice(candidate, SeriesRole.FLAIR, "", SeriesRole.FLAIR, 6.0),), (), "")
    rule = PriorRule(coarsest_voxel_mm=5.0)
    decision = find_prior("20230601", [THREE[0]], lambda _: coarse, rule, [SeriesRole.FLAIR])
    assert isinstance(decision, PriorMissing)
    assert "Its FLAIR (series 4) has voxels of 6.0 mm; at most 5.0 mm are accepted." in decision.reason
    assert isinstance(find_prior("20230601", [THREE[0]], lambda _: coarse, rule, [SeriesRole.T1]), PriorFound)


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


@pytest.mark.parametrize("end", [CaseEvent.FAILED, CaseEvent.QUIET])
def test_a_case_does_not_wait_for_a_study_that_is_received_no_more(sessions: Sessions, end: CaseEvent) -> None:
    with sessions.begin() as session:
        prior = add_case(session, study_uid="2.25.2", study_date="20220101").case_id
        add_case(session, CaseState.WAITING_FOR_PRIOR, study_uid="2.25.1", study_date="20230601")
    assert _again(sessions) == set()
    _record(sessions, prior, end)
    assert _again(sessions) == {"2.25.1"}


def test_a_case_does_not_wait_for_a_study_that_turned_out_to_be_another_patient_s(sessions: Sessions) -> None:
    with sessions.begin() as session:
        prior = add_case(session, study_uid="2.25.2", study_date="20220101").case_id
        add_case(session, CaseState.WAITING_FOR_PRIOR, study_uid="2.25.1", study_date="20230601")
        session.get_one(Case, prior).pseudonym = "IV-B"
    assert _again(sessions) == {"2.25.1"}


COMPARED = (
    *(CaseState.PSEUDONYMISED, CaseState.QUEUED, CaseState.RUNNING, CaseState.READY_FOR_REVIEW),
    *(CaseState.REGISTRATION_FAILED, CaseState.ARCHIVED),
)


def _compared(sessions: Sessions, state: CaseState = CaseState.READY_FOR_REVIEW) -> tuple[str, str]:
    """Return the ids of a case of 2023 and of the study of 2015 that it was compared with."""
    with sessions.begin() as session:
        prior = add_case(session, CaseState.BASELINE, study_uid="2.25.15", study_date="20150101").case_id
        case = add_case(session, state, study_uid="2.25.23", study_date="20230101")
        case.prior_case_id = prior
        return case.case_id, prior


def _outdated(sessions: Sessions) -> list[str]:
    with sessions() as session:
        return outdated_comparisons(session)


@pytest.mark.parametrize("state", COMPARED)
def test_a_better_prior_that_arrives_later_outdates_a_comparison(sessions: Sessions, state: CaseState) -> None:
    case_id, _ = _compared(sessions, state)
    assert _outdated(sessions) == []
    with sessions.begin() as session:
        better = add_case(session, study_uid="2.25.22", study_date="20220101").case_id
        case = session.get_one(Case, case_id)
        assert (why_outdated(session, case), why_not_certain(session, case)) == ("", UNDECIDED)
    _record(sessions, better, CaseEvent.QUIET)
    assert _outdated(sessions) == []
    _record(sessions, better, CaseEvent.PRIOR_MISSING)
    assert _outdated(sessions) == [case_id]
    with sessions() as session:
        case = session.get_one(Case, case_id)
        assert (why_outdated(session, case), why_not_certain(session, case)) == (OUTDATED, "")


@pytest.mark.parametrize(
    ("date", "state"),
    [
        ("20140101", CaseState.BASELINE),
        ("20230101", CaseState.BASELINE),
        ("20240101", CaseState.BASELINE),
        ("", CaseState.BASELINE),
        ("20220101", CaseState.NOT_ROUTED),
        ("20220101", CaseState.QUARANTINED),
    ],
)
def test_another_study_that_would_not_be_compared_with_outdates_nothing(
    sessions: Sessions, date: str, state: CaseState
) -> None:
    _compared(sessions)
    with sessions.begin() as session:
        add_case(session, state, study_uid="2.25.22", study_date=date)
    assert _outdated(sessions) == []


def test_a_rule_that_takes_the_first_study_is_not_outdated_by_a_later_one(sessions: Sessions) -> None:
    case_id, _ = _compared(sessions)
    with sessions.begin() as session:
        add_case(session, CaseState.BASELINE, study_uid="2.25.22", study_date="20220101")
        add_case(session, CaseState.BASELINE, study_uid="2.25.10", study_date="20100101")
    with sessions() as session:
        assert outdated_comparisons(session, lambda _: PriorRule(choose=PriorChoice.FIRST)) == [case_id]
        assert outdated_comparisons(session, lambda _: PriorRule(at_least_days=2000)) == []


def test_a_quarantined_study_between_the_compared_ones_is_named(sessions: Sessions) -> None:
    case_id, _ = _compared(sessions)
    with sessions.begin() as session:
        add_case(session, CaseState.QUARANTINED, study_uid="2.25.14", study_date="20140101")
        assert quarantined_between(session, [session.get_one(Case, case_id)]) == {}
        add_case(session, CaseState.QUARANTINED, study_uid="2.25.22", study_date="20220101")
        named = quarantined_between(session, [session.get_one(Case, case_id)])
    assert named[case_id].endswith("is in quarantine and was not used: because")


def test_a_case_for_which_the_pacs_is_still_asked_is_not_taken_up_again(sessions: Sessions) -> None:
    with sessions.begin() as session:
        case = add_case(session, CaseState.WAITING_FOR_PRIOR, study_uid="2.25.1", study_date="20230601")
        search = PriorSearch(case_id=case.case_id, began_at=NOW, not_before=NOW)
        session.add(search)
    assert _again(sessions) == set()
    with sessions.begin() as session:
        session.get_one(PriorSearch, case.case_id).ended_at = NOW
    assert _again(sessions) == {"2.25.1"}


def test_a_study_that_was_passed_over_outdates_nothing(sessions: Sessions) -> None:
    with sessions.begin() as session:
        add_case(session, CaseState.BASELINE, study_uid="2.25.22", study_date="20220101")
    _compared(sessions)
    assert _outdated(sessions) == []


@pytest.mark.parametrize("actor", ["receive", "prior"])
def test_other_images_of_the_prior_outdate_a_comparison_and_its_own_comparison_does_not(
    sessions: Sessions, actor: str
) -> None:
    case_id, prior_id = _compared(sessions)
    with sessions.begin() as session:
        prior = session.get_one(Case, prior_id)
        for event in (CaseEvent.PRIOR_FOUND, CaseEvent.PSEUDONYMISED):
            store.record(session, prior, event, actor="prepare")
        replace_revision(session, prior, actor=actor, detail="", at=NOW)
    assert _outdated(sessions) == ([case_id] if actor == "receive" else [])


def test_images_for_a_baseline_that_was_compared_with_outdate_the_comparison(sessions: Sessions) -> None:
    case_id, prior_id = _compared(sessions)
    _record(sessions, prior_id, CaseEvent.IMAGES_RECEIVED)
    assert _outdated(sessions) == [case_id]
