"""How a step works on a case: alone, and with an answer for each way in which it can fail."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy.exc import OperationalError

from gateway import flow
from gateway.db.tables import Case, Review, User
from gateway.flow import Services
from gateway.flow.step import Lease, LeaseLost, run_step
from gateway.jobs import store
from gateway.jobs.outcome import LONGEST_WAIT_S
from processing.domain.case import TRANSITIONS, CaseEvent, CaseState
from processing.domain.errors import Defect, InputRejected, Transient
from tests.unit.gateway.rows import NOW, add_case, later

STATES = (CaseState.COMPLETE,)


@pytest.fixture
def case_id(services: Services) -> str:
    with services.sessions.begin() as session:
        return add_case(session, CaseState.COMPLETE).case_id


def _case(services: Services, case_id: str) -> Case:
    with services.sessions() as session:
        return session.get_one(Case, case_id)


def _raise(error: Exception) -> Callable[[Services, Lease], None]:
    def work(_: Services, __: Lease) -> None:
        raise error

    return work


def test_a_step_holds_its_case_while_it_works_and_gives_it_back(services: Services, case_id: str) -> None:
    seen = []

    def work(live: Services, lease: Lease) -> None:
        seen.append(_case(live, case_id).lease_owner == lease.owner)
        seen.append(run_step(live, case_id, STATES, "second", lambda *_: seen.append(True)))

    assert run_step(services, case_id, STATES, "first", work)
    assert seen == [True, False]
    assert _case(services, case_id).lease_owner is None


def test_a_step_leaves_a_case_alone_that_is_in_another_state(services: Services, case_id: str) -> None:
    assert not run_step(services, case_id, (CaseState.SIGNED,), "dispatch", _raise(AssertionError("it ran")))
    assert _case(services, case_id).lease_owner is None


@pytest.mark.parametrize("error", [InputRejected("The reason."), Defect("The reason.")])
def test_what_can_t_be_used_goes_to_quarantine_with_its_reason(
    services: Services, case_id: str, error: Exception
) -> None:
    assert not run_step(services, case_id, STATES, "prepare", _raise(error))
    case = _case(services, case_id)
    assert (case.state, case.reason, case.lease_owner) == (CaseState.QUARANTINED.value, "The reason.", None)


@pytest.mark.parametrize(
    "error", [Transient("The archive is away."), OperationalError("SELECT", {}, Exception("locked"))]
)
def test_what_may_succeed_later_waits_longer_each_time_and_then_goes_to_quarantine(
    services: Services, case_id: str, error: Exception
) -> None:
    base, attempts = services.settings.retry_base_s, services.settings.max_step_attempts
    for attempt in range(1, attempts):
        assert not run_step(services, case_id, STATES, "prepare", _raise(error))
        case = _case(services, case_id)
        assert (case.state, case.attempts) == (CaseState.COMPLETE.value, attempt)
        assert case.not_before == later(min(base * 2 ** (attempt - 1), LONGEST_WAIT_S))
    assert not run_step(services, case_id, STATES, "prepare", _raise(error))
    case = _case(services, case_id)
    assert case.state == CaseState.QUARANTINED.value
    assert case.reason.startswith(f"Given up after {attempts} attempts.")


def test_a_step_that_does_not_give_up_waits_without_end_and_says_what_for(services: Services, case_id: str) -> None:
    for _ in range(2000):
        with services.sessions.begin() as session:
            if session.get_one(Case, case_id).attempts == 20:
                session.get_one(Case, case_id).attempts = 5000
        run_step(services, case_id, STATES, "dispatch", _raise(Transient("The PACS is away.")), gives_up=False)
        case = _case(services, case_id)
        if case.attempts > 5000:
            break
    assert (case.state, case.reason, case.attempts) == (CaseState.COMPLETE.value, "The PACS is away.", 5001)
    assert case.not_before == later(LONGEST_WAIT_S)


@pytest.mark.parametrize("error", [InputRejected("Old news."), Transient("Old news.")])
@pytest.mark.parametrize("change", ["taken over", "went on"])
def test_a_stale_step_s_failure_is_not_written(services: Services, case_id: str, error: Exception, change: str) -> None:
    def work(live: Services, _: Lease) -> None:
        with live.sessions.begin() as session:
            if change == "taken over":
                assert store.claim(session, case_id, "another", 60, now=later(1000)) is not None
            else:
                case = store.locked_case(session, case_id)
                assert case is not None
                store.record(session, case, CaseEvent.PSEUDONYMISED, actor="another")
        raise error

    before = CaseState.COMPLETE if change == "taken over" else CaseState.PSEUDONYMISED
    assert not run_step(services, case_id, STATES, "prepare", work)
    case = _case(services, case_id)
    assert (case.state, case.attempts, case.not_before) == (before.value, 0, None)


def test_who_has_no_lease_does_not_fail_a_case_at_work(services: Services, case_id: str) -> None:
    with services.sessions.begin() as session:
        store.claim(session, case_id, "at work", 60, now=NOW)
    assert not flow.fail(services, case_id, "border", "Old news.", states=STATES)
    assert _case(services, case_id).state == CaseState.COMPLETE.value


def test_a_lease_is_kept_while_something_else_takes_long(services: Services, case_id: str) -> None:
    now = [NOW]
    extended = threading.Event()

    def clock() -> datetime:
        return now[0]

    settings = services.settings.model_copy(update={"lease_s": 0.06})
    moving = replace(services, clock=clock, settings=settings)

    def work(live: Services, lease: Lease) -> None:
        now[0] = later(500)
        with lease.kept():
            for _ in range(1000):
                until = _case(live, case_id).lease_until
                if until is not None and until > later(500):
                    extended.set()
                    return
                extended.wait(0.01)

    assert run_step(moving, case_id, STATES, "dispatch", work)
    assert extended.is_set()


def test_an_unexpected_error_reaches_the_border_and_the_case_is_given_back(services: Services, case_id: str) -> None:
    with pytest.raises(ZeroDivisionError):
        run_step(services, case_id, STATES, "prepare", _raise(ZeroDivisionError()))
    assert _case(services, case_id).lease_owner is None


def test_a_step_that_lost_its_case_writes_nothing(services: Services, case_id: str) -> None:
    def work(live: Services, lease: Lease) -> None:
        with live.sessions.begin() as session:
            assert store.claim(session, case_id, "another", 60, now=later(1000)) is not None
        with live.sessions.begin() as session:
            store.record(session, lease.case(session, STATES), CaseEvent.PSEUDONYMISED, actor="slow")

    assert not run_step(services, case_id, STATES, "prepare", work)
    case = _case(services, case_id)
    assert (case.state, case.lease_owner) == (CaseState.COMPLETE.value, "another")


def test_a_step_whose_case_got_more_images_meanwhile_writes_nothing(services: Services, case_id: str) -> None:
    def work(live: Services, lease: Lease) -> None:
        with live.sessions.begin() as session:
            case = store.locked_case(session, case_id)
            assert case is not None
            store.record(session, case, CaseEvent.IMAGES_RECEIVED, actor="receive")
        with live.sessions.begin() as session:
            lease.case(session, STATES)

    assert not run_step(services, case_id, STATES, "prepare", work)
    assert _case(services, case_id).state == CaseState.RECEIVING.value


def test_a_lease_is_extended_while_the_step_works(services: Services, case_id: str) -> None:
    now = [NOW]
    moving = replace(services, clock=lambda: now[0])

    def work(_: Services, lease: Lease) -> None:
        for seconds in (0, 30, 60, 150, 260):
            now[0] = later(seconds)
            lease.renew()
        until = _case(services, case_id).lease_until
        assert until is not None
        assert until >= later(260 + services.settings.lease_s / 2)

    assert run_step(moving, case_id, STATES, "prepare", work)


def test_a_lease_that_was_taken_over_is_not_extended(services: Services, case_id: str) -> None:
    now = [NOW]
    moving = replace(services, clock=lambda: now[0])
    lease = Lease(moving, case_id, "slow")
    with services.sessions.begin() as session:
        store.claim(session, case_id, "quick", 600, now=later(0))
    now[0] = later(100)
    with pytest.raises(LeaseLost):
        lease.renew()


@pytest.mark.parametrize(
    ("state", "signed", "after"),
    [
        (CaseState.QUARANTINED, False, CaseState.COMPLETE),
        (CaseState.NOT_ROUTED, False, CaseState.COMPLETE),
        (CaseState.REGISTRATION_FAILED, False, CaseState.COMPLETE),
        (CaseState.WAITING_FOR_PRIOR, False, CaseState.COMPLETE),
        (CaseState.BASELINE, False, CaseState.COMPLETE),
    ],
)
def test_a_retry_begins_with_the_images(services: Services, state: CaseState, signed: bool, after: CaseState) -> None:
    with services.sessions.begin() as session:
        case_id = add_case(session, state).case_id
    flow.retry(services, case_id, "olga")
    assert _case(services, case_id).state == after.value
    with services.sessions() as session:
        found = store.get_case(session, case_id)
        assert found is not None
        assert found.events[-1].actor == "olga"


def test_a_retry_of_a_signed_case_goes_on_from_the_signature(services: Services) -> None:
    with services.sessions.begin() as session:
        case = add_case(session, CaseState.DISPATCHING)
        session.add(User(user_name="rita", display_name="R", role="reader", password_hash="-", failed_logins=0))
        session.flush()
        job = store.latest_job(case)
        assert job is not None
        session.add(Review(job_id=job.job_id, verdicts={}, reader="rita", signed_at=NOW, edit=1))
        store.record(session, case, CaseEvent.FAILED, actor="dispatch", detail="The PACS is away.")
    flow.retry(services, case.case_id, "olga")
    assert _case(services, case.case_id).state == CaseState.SIGNED.value


@pytest.mark.parametrize(
    "state",
    sorted(
        set(CaseState)
        - {CaseState.QUARANTINED, CaseState.DISCARDED, CaseState.NOT_ROUTED, CaseState.REGISTRATION_FAILED}
        - {CaseState.WAITING_FOR_PRIOR, CaseState.BASELINE}
    ),
)
def test_there_is_nothing_to_retry_elsewhere(services: Services, state: CaseState) -> None:
    with services.sessions.begin() as session:
        case_id = add_case(session, state).case_id
    with pytest.raises(InputRejected, match="nothing to try again"):
        flow.retry(services, case_id, "olga")
    assert _case(services, case_id).state == state.value


@pytest.mark.parametrize("state", list(CaseState))
def test_a_case_fails_only_where_the_table_has_a_way(services: Services, state: CaseState) -> None:
    with services.sessions.begin() as session:
        case_id = add_case(session, state).case_id
    failed = flow.fail(services, case_id, "test", "The reason.")
    case = _case(services, case_id)
    assert failed == ((state, CaseEvent.FAILED) in TRANSITIONS)
    assert case.state == (CaseState.QUARANTINED if failed else state).value
    assert case.reason == "The reason." or not failed
