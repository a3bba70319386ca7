"""The list of changes and its cursor: nothing is missed, whatever happens to the archive, the list or the gateway."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from demo.installation import System
from gateway import flow
from gateway.clinical import ClinicalArchive
from gateway.db.tables import ChangesCursor
from gateway.receive.changes import write_cursor
from processing.domain.case import CaseState
from processing.domain.errors import Transient
from tests.integration.gateway.conftest import Gateway
from tests.integration.gateway.sending import send
from tests.unit.gateway.brain_studies import Person, study


def test_nothing_is_missed_that_arrives_while_the_gateway_is_down(archives: System, gateway: Gateway) -> None:
    uids = []
    for _ in range(3):
        study_uid, images = study(Person(), "20230405", "FLAIR")
        send(archives, images[:1])
        uids.append(study_uid)
    sent = gateway.services.clinical.last_change()
    flow.follow_changes(gateway.services)
    assert [gateway.state(study_uid) for study_uid in uids] == [CaseState.RECEIVING] * 3
    assert gateway.read_up_to() >= sent


def test_a_gateway_that_knows_nothing_looks_at_the_whole_archive(archives: System, gateway: Gateway) -> None:
    study_uid, images = study(Person(), "20230405", "FLAIR")
    send(archives, images[:1])
    with gateway.services.sessions.begin() as session:
        session.delete(session.get_one(ChangesCursor, "clinical"))
    sent = gateway.services.clinical.last_change()
    assert flow.follow_changes(gateway.services) >= 1
    assert gateway.state(study_uid) is CaseState.RECEIVING
    assert gateway.read_up_to() >= sent


def test_an_archive_that_counts_from_the_beginning_again_is_noticed(archives: System, gateway: Gateway) -> None:
    study_uid, images = study(Person(), "20230405", "FLAIR")
    send(archives, images[:1])
    with gateway.services.sessions.begin() as session:
        write_cursor(session, 10_000_000)
    sent = gateway.services.clinical.last_change()
    flow.follow_changes(gateway.services)
    assert gateway.state(study_uid) is CaseState.RECEIVING
    assert sent <= gateway.read_up_to() < 10_000_000


@pytest.mark.parametrize("recent", [None, timedelta(days=2)])
def test_reconciliation_finds_what_the_changes_did_not_tell(
    archives: System, gateway: Gateway, recent: timedelta | None
) -> None:
    study_uid, images = study(Person(), "20230405", "FLAIR")
    send(archives, images[:1])
    with gateway.services.sessions.begin() as session:
        write_cursor(session, gateway.services.clinical.last_change())
    flow.follow_changes(gateway.services)
    assert gateway.cases(study_uid) == []
    flow.reconcile(gateway.services, recent)
    assert gateway.state(study_uid) is CaseState.RECEIVING


class Killed(BaseException):
    """Stands for the end of the process at this very line."""


def test_changes_and_cursor_are_one_transaction(archives: System, gateway: Gateway) -> None:
    study_uid, images = study(Person(), "20230405", "FLAIR")
    send(archives, images[:1])
    before = gateway.cursor()

    def dies() -> datetime:
        raise Killed

    with pytest.raises(Killed):
        flow.follow_changes(replace(gateway.services, clock=dies))
    assert gateway.cursor() == before
    assert gateway.cases(study_uid) == []
    with pytest.raises(KeyError):
        gateway.services.vault.get(gateway.services.pseudonymiser.uid(study_uid))
    flow.follow_changes(gateway.services)
    assert gateway.state(study_uid) is CaseState.RECEIVING


def test_while_the_archive_is_away_the_cursor_stays(gateway: Gateway) -> None:
    before = gateway.cursor()
    with ClinicalArchive("http://127.0.0.1:9", "gateway", "no-matter-what") as nobody:
        away = replace(gateway.services, clinical=nobody)
        with pytest.raises(Transient, match="can't be reached"):
            flow.follow_changes(away)
    assert gateway.cursor() == before
