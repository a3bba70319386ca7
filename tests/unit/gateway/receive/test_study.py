"""What the sight of a study means, and when it is complete by the gateway's own clock."""

from __future__ import annotations

import pytest

from gateway.receive.study import Arrival, is_quiet, what_arrived
from processing.domain.case import CaseState
from tests.unit.gateway.rows import NOW, later

NOT_COMPUTED = {
    CaseState.RECEIVING,
    CaseState.COMPLETE,
    CaseState.WAITING_FOR_PRIOR,
    CaseState.BASELINE,
    CaseState.NOT_ROUTED,
    CaseState.QUARANTINED,
    CaseState.DISCARDED,
}


def test_a_study_with_images_is_new_and_one_without_is_nothing() -> None:
    assert what_arrived(None, 0, 24) is Arrival.FIRST_SEEN
    assert what_arrived(None, 0, 0) is Arrival.NOTHING


@pytest.mark.parametrize("state", list(CaseState))
def test_the_same_images_again_are_nothing(state: CaseState) -> None:
    assert what_arrived(state, 24, 24) is Arrival.NOTHING


@pytest.mark.parametrize("state", list(CaseState))
def test_removed_images_undo_nothing(state: CaseState) -> None:
    assert what_arrived(state, 24, 23) is Arrival.SHRUNK


@pytest.mark.parametrize("state", list(CaseState))
def test_more_images_reopen_a_case_or_make_a_new_revision(state: CaseState) -> None:
    expected = Arrival.GROWN if state in NOT_COMPUTED else Arrival.LATE
    assert what_arrived(state, 24, 25) is expected


def test_a_quarantined_result_is_not_taken_over_by_more_images() -> None:
    assert what_arrived(CaseState.QUARANTINED, 24, 25, replaced=True) is Arrival.LATE


def test_a_study_is_quiet_when_no_image_came_for_the_quiet_time() -> None:
    assert not is_quiet(NOW, later(19.9), 20)
    assert is_quiet(NOW, later(20), 20)
