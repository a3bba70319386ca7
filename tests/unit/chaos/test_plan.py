"""A run of chaos follows from its seed, and leaves nothing out."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.e2e.chaos.plan import FULL, Fault, make_plan


def test_the_seed_says_it_all() -> None:
    again = [make_plan(seed, FULL, postgres=True, small_disks=True) for seed in (3, 3, 4)]
    assert again[0] == again[1]
    assert again[0].blows != again[2].blows


def test_every_study_is_sent_twice_and_late_series_in_the_last_third() -> None:
    plan = make_plan(5, FULL, postgres=True, small_disks=True)
    sent = Counter((one.visit, one.late_series) for association in plan.associations for one in association)
    assert set(sent.values()) == {2}
    assert {visit for visit, late in sent if not late} == set(plan.visits)
    assert {visit for visit, late in sent if late} == plan.with_late_series
    assert len(plan.visits) == FULL.patients * FULL.visits == 60
    for association in plan.associations:
        late = [place for place, one in enumerate(association) if one.late_series]
        assert all(place >= len(association) // 2 for place in late)


@pytest.mark.parametrize("postgres", [True, False])
@pytest.mark.parametrize("small_disks", [True, False])
def test_every_fault_that_can_strike_here_strikes(postgres: bool, small_disks: bool) -> None:
    plan = make_plan(1, FULL, postgres=postgres, small_disks=small_disks)
    struck = Counter(blow.fault for blow in plan.blows)
    left_out = set(Fault) - set(struck)
    assert set(struck.values()) == {FULL.faults_of_each_kind}
    assert (Fault.KILL_DATABASE in left_out) is not postgres
    assert {fault for fault in left_out if fault.needs_small_disks} == (
        set() if small_disks else {fault for fault in Fault if fault.needs_small_disks}
    )


def test_first_visits_are_signed_by_nobody() -> None:
    plan = make_plan(2, FULL, postgres=False, small_disks=False)
    assert all(visit.number > 0 for visit in plan.signed)
    assert plan.rejected < plan.signed
