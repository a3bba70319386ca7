"""What the sweep does about comparisons that do not stand any more."""

from __future__ import annotations

import pytest

from gateway import flow
from gateway.cases.prior import OUTDATED
from gateway.db.tables import Case
from gateway.flow import Services
from gateway.jobs import store
from processing.domain.case import CaseState
from processing.domain.errors import InputRejected
from tests.unit.gateway.rows import add_case


def _with_a_better_prior(services: Services, state: CaseState) -> str:
    with services.sessions.begin() as session:
        used = add_case(session, CaseState.BASELINE, study_uid="2.25.15", study_date="20150101").case_id
        case = add_case(session, state, study_uid="2.25.23", study_date="20230101")
        case.prior_case_id = used
        add_case(session, CaseState.BASELINE, study_uid="2.25.22", study_date="20220101")
        return case.case_id


def test_an_unsigned_comparison_is_made_anew_and_can_t_be_signed(services: Services) -> None:
    case_id = _with_a_better_prior(services, CaseState.READY_FOR_REVIEW)
    with pytest.raises(InputRejected, match="later earlier study"):
        flow.sign(services, case_id, "rita", edit=0)
    flow.sweep_up(services)
    flow.sweep_up(services)
    with services.sessions() as session:
        old, new = session.get_one(Case, case_id), store.newest_revision(session, "2.25.23")
        assert new is not None
        assert (old.state, old.reason) == ("superseded", f"{OUTDATED} Revision 2 compares anew.")
        assert (new.state, new.revision, new.prior_case_id) == ("receiving", 2, None)


def test_a_delivered_comparison_stays_and_says_so_once(services: Services) -> None:
    case_id = _with_a_better_prior(services, CaseState.ARCHIVED)
    flow.sweep_up(services)
    flow.sweep_up(services)
    with services.sessions() as session:
        case = store.get_case(session, case_id)
        assert case is not None
        assert (case.state, case.reason) == ("archived", f"{OUTDATED} This result stands as it was signed.")
        assert [event.event for event in case.events].count("a later earlier study arrived") == 1
