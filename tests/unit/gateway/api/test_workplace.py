"""The report's words, a second reader, reopening, and what the audit trail says of all that."""

from __future__ import annotations

from datetime import datetime, timedelta
from xml.etree import ElementTree

import pytest
from sqlalchemy import select, text

from gateway.api.schemas import (
    AuditPage,
    BlindReading,
    CaseDetail,
    Consensus,
    Problem,
    Reopening,
    ReportChange,
    ReportState,
    ReviewState,
    SecondStage,
    Worklist,
)
from gateway.db.tables import AuditEntry, Case, Delivery, LoginSession, Review
from gateway.flow import Services
from gateway.flow.signed_results import signed_result
from gateway.jobs import store
from processing.domain.case import CaseEvent, CaseState
from processing.domain.decision import Acceptance, Reading, Verdict
from tests.unit.gateway.api.conftest import Browser
from tests.unit.gateway.api.desk import Desk
from tests.unit.gateway.front import NOON, PASSWORD, WAY_TO_REVIEW, Made, make_case, state_of
from tests.unit.gateway.front_result import Compared


class ReportDesk(Desk):
    """A reader who also writes."""

    def report(self) -> ReportState:
        return ReportState.model_validate(self.browser.get(f"{self.path}/report").json())

    def write(self, words: str) -> None:
        assert self.browser.put(f"{self.path}/report", ReportChange(edit=self.edit, words=words)).is_success


@pytest.fixture
def desk(reader: Browser, ready: Made) -> ReportDesk:
    return ReportDesk(reader, ready.case_id)


def trail(services: Services) -> list[tuple[str, str]]:
    with services.sessions() as session:
        rows = session.execute(select(AuditEntry.actor, AuditEntry.action).order_by(AuditEntry.sequence))
        return [(actor, action) for actor, action in rows]


def test_the_draft_follows_the_verdicts(desk: ReportDesk) -> None:
    assert "1 new and 1 growing lesions" in desk.report().draft
    assert "Comparison: MR of " in desk.report().draft
    desk.decide(Verdict.ACCEPTED, Verdict.REJECTED)
    report = desk.report()
    assert report.words.endswith("Impression: 1 new lesion since the comparison.")
    assert (report.edited, report.outdated) == (False, False)


def test_the_reader_s_words_stand_until_the_findings_change(desk: ReportDesk) -> None:
    desk.decide(Verdict.ACCEPTED, Verdict.ACCEPTED)
    desk.assess()
    desk.write("My own words.")
    assert desk.report() == desk.report().model_copy(update={"words": "My own words.", "edited": True})
    desk.decide(Verdict.ACCEPTED, Verdict.REJECTED)
    assert desk.report().outdated
    refused = desk.signature()
    assert refused.status_code == 409
    assert "before the findings changed" in Problem.model_validate(refused.json()).detail
    desk.write("")
    assert not desk.report().edited
    desk.sign()


def test_nothing_that_people_type_stands_in_the_database_in_clear(desk: ReportDesk, services: Services) -> None:
    desk.decide(Verdict.ACCEPTED, Verdict.ACCEPTED)
    desk.assess(comment="Frau Muster")
    desk.write("Frau Muster hat neue Herde.")
    with services.sessions() as session:
        for table in ("reviews", "audit_trail", "events"):
            assert "Muster" not in str(session.execute(text(f"SELECT * FROM {table}")).all())  # noqa: S608 - our names
    review = desk.detail().review
    assert review is not None
    assert review.comment == "Frau Muster"
    assert desk.report().words == "Frau Muster hat neue Herde."


def test_the_signed_words_are_kept_as_they_were(desk: ReportDesk, services: Services) -> None:
    desk.decide(Verdict.ACCEPTED, Verdict.ACCEPTED)
    desk.assess()
    draft = desk.report().draft
    desk.sign()
    with services.sessions() as session:
        review = session.scalars(select(Review)).one()
        assert services.seal.open(review.report, f"{review.job_id}/report") == draft


def test_a_second_reader_is_blind_at_first(desk: ReportDesk, services: Services, ready: Made) -> None:
    desk.decide(Verdict.ACCEPTED, Verdict.ACCEPTED)
    desk.assess(Reading.STABLE)
    waiting = desk.sign()
    assert waiting.summary.state is CaseState.SECOND_READING
    assert waiting.summary.new_lesions is None, "the worklist gives nothing away"
    assert waiting.review is not None
    assert waiting.review.second is not None
    assert waiting.review.second.stage is SecondStage.WAITING
    assert desk.browser.sign_in("berta").is_success
    seen = desk.detail()
    assert seen.lesions == []
    assert seen.lesions_hidden, "no lesion shown must not be taken for no lesion found"
    assert seen.review == ReviewState(
        edit=seen.review.edit if seen.review else 0,
        acceptance=None,
        rating=None,
        comment="",
        reader=None,
        signed_at=None,
        edition=1,
        visual_reading=None,
        visual_diameters_mm=None,
        volume_reading=None,
        second=seen.review.second if seen.review else None,
    )
    assert not any(desk.browser.get(f"{desk.path}/images/lesions/pixels").content)
    assert desk.report().words == ""
    opinion = BlindReading(edit=desk.edit, reading=Reading.STABLE)
    opened = CaseDetail.model_validate(desk.browser.put(f"{desk.path}/blind-reading", opinion).json())
    assert len(opened.lesions) == 2
    assert not opened.lesions_hidden
    assert opened.review is not None
    assert opened.review.second is not None
    assert opened.review.second.stage is SecondStage.DIFFERS
    words = Consensus(edit=desk.edit, words="Lesion 2 may be an artefact.")
    assert desk.browser.put(f"{desk.path}/consensus", words).is_success
    signed = desk.sign()
    assert signed.summary.state is CaseState.SIGNED
    assert signed.review is not None
    assert signed.review.reader == "Dr. Anna Muster"
    assert [action for actor, action in trail(services) if actor == "berta"][-3:] == [
        "read blind",
        "assessed",
        "signed",
    ]


def test_an_earlier_signed_revision_gives_a_second_reader_nothing_away(
    desk: ReportDesk, services: Services, ready: Made, compared: Compared
) -> None:
    job_id = "0b0e3c0a-5f0e-4d2c-9c39-0a7f0b6f2f12"
    with services.sessions.begin() as session:
        newer = session.get_one(Case, ready.case_id)
        newer.revision = 2
        study_uid = newer.study_uid
    older = make_case(
        services.sessions,
        study_uid=study_uid,
        events=(*WAY_TO_REVIEW, CaseEvent.SUPERSEDED),
        order=compared.order.model_copy(update={"job_id": job_id}),
        outcome=compared.outcome.model_copy(update={"job_id": job_id}),
    )
    with services.sessions.begin() as session:
        session.add(Review(job_id=job_id, reader="anna", signed_at=NOON, acceptance=Acceptance.ACCEPTABLE.value))
    assert "Revision 1 was signed by Dr. Anna Muster" in desk.detail().summary.notes[0]
    desk.decide(Verdict.ACCEPTED, Verdict.ACCEPTED)
    desk.assess(Reading.STABLE)
    desk.sign()
    assert desk.browser.sign_in("berta").is_success
    assert desk.detail().summary.notes == []
    listed = Worklist.model_validate(desk.browser.get("/api/cases").json()).cases
    assert [line.notes for line in listed if line.case_id == ready.case_id] == [[]]
    earlier = Desk(desk.browser, older.case_id).detail()
    assert earlier.lesions_hidden
    assert earlier.lesions == []
    assert earlier.review is not None
    assert (earlier.review.reader, earlier.review.acceptance) == (None, None)
    assert desk.browser.put(
        f"{desk.path}/blind-reading", BlindReading(edit=desk.edit, reading=Reading.ACTIVE)
    ).is_success
    assert len(Desk(desk.browser, older.case_id).detail().lesions) == 2, "who has read blind sees everything"


def archived(desk: ReportDesk, services: Services, ready: Made) -> None:
    desk.decide(Verdict.ACCEPTED, Verdict.REJECTED)
    desk.assess()
    desk.sign()
    with services.sessions.begin() as session:
        case = session.get_one(Case, ready.case_id)
        for event in (CaseEvent.DISPATCH_STARTED, CaseEvent.DELIVERED):
            store.record(session, case, event, actor="test")


def test_a_signed_case_is_reopened_with_a_reason_and_the_password(
    desk: ReportDesk, services: Services, ready: Made
) -> None:
    desk.decide(Verdict.ACCEPTED, Verdict.REJECTED)
    early = desk.browser.post(f"{desk.path}/reopening", Reopening(reason="A lesion was missed.", password=PASSWORD))
    assert early.status_code == 409
    archived(desk, services, ready)
    wrong = desk.browser.post(f"{desk.path}/reopening", Reopening(reason="A lesion was missed.", password="wrong"))
    assert wrong.status_code == 403
    assert state_of(services.sessions, ready.case_id) is CaseState.ARCHIVED
    answer = desk.browser.post(f"{desk.path}/reopening", Reopening(reason="A lesion was missed.", password=PASSWORD))
    opened = CaseDetail.model_validate(answer.json())
    assert opened.summary.state is CaseState.READY_FOR_REVIEW
    assert "replaces revision 1" in opened.summary.reason
    assert opened.review is not None
    assert (opened.review.edition, opened.review.signed_at) == (2, None)
    desk.decide(Verdict.ACCEPTED, Verdict.ACCEPTED)
    assert desk.sign().summary.state is CaseState.SIGNED
    assert [action for _, action in trail(services)].count("reopened") == 1


def test_what_is_withdrawn_is_what_an_archive_took_of_the_signature_before(
    desk: ReportDesk, services: Services, ready: Made
) -> None:
    archived(desk, services, ready)
    with services.sessions.begin() as session:
        for target, how, uid in (("pacs", "read back", "1.2.3"), ("ris", "HL7 acknowledgement", "4.5.6")):
            session.add(
                Delivery(
                    case_id=ready.case_id,
                    target=target,
                    kind="SR",
                    sop_class_uid=uid,
                    sop_instance_uid="2.25.7",
                    confirmed_at=NOON,
                    confirmed_by=how,
                )
            )
    reopening = Reopening(reason="A lesion was missed.", password=PASSWORD)
    assert desk.browser.post(f"{desk.path}/reopening", reopening).is_success
    desk.sign()
    with services.sessions() as session:
        earlier = signed_result(services, session, session.get_one(Case, ready.case_id)).earlier
    assert earlier is not None
    assert earlier.sop_classes == {"1.2.3"}, "who was told by HL7 holds no object"


def test_every_view_of_an_identity_is_kept_once_for_a_session(
    desk: ReportDesk, services: Services, ready: Made
) -> None:
    for _ in range(3):
        desk.browser.get("/api/cases")
        desk.detail()
    shown = [entry for entry in trail(services) if entry[1] == "identity shown"]
    assert shown == [("anna", "identity shown")] * 2
    with services.sessions() as session:
        on_list, of_case = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "identity shown").order_by(AuditEntry.sequence)
        )
        assert (on_list.case_id, of_case.case_id) == (None, ready.case_id)
        assert on_list.pseudonyms == of_case.pseudonyms == ["IV-AAAABBBBCCCC"]
    for name, disclosed in (("tina", True), ("otto", False)):
        assert desk.browser.sign_in(name).is_success
        desk.browser.get("/api/cases")
        assert ((name, "identity shown") in trail(services)) == disclosed, "only to roles that the site shows names"


def test_an_auditor_reads_checks_and_exports_the_trail(desk: ReportDesk, services: Services) -> None:
    desk.detail()
    assert desk.browser.sign_in("vera").is_success
    assert desk.browser.get("/api/cases").status_code == 403
    page = AuditPage.model_validate(desk.browser.get("/api/audit?actor=anna").json())
    assert [line.action.value for line in page.entries] == ["identity shown", "signed in"]
    assert desk.browser.get("/api/audit/verification").json()["problem"] == ""
    exported = desk.browser.get("/api/audit/messages")
    document = ElementTree.fromstring(exported.content)  # noqa: S314 - our own
    assert len(document.findall("AuditMessage")) == len(trail(services))
    assert trail(services)[-1] == ("vera", "audit trail read")


def test_refused_sign_ins_are_kept_without_what_was_typed(stranger: Browser, services: Services) -> None:
    stranger.sign_in("anna", "wrong password 1")
    stranger.sign_in("my secret password", "wrong password 2")
    assert trail(services) == [("anna", "sign-in refused"), ("unknown", "sign-in refused")]


def test_a_session_that_nobody_uses_ends(reader: Browser, services: Services) -> None:
    assert reader.get("/api/session").is_success
    with services.sessions.begin() as session:
        opened = session.scalars(select(LoginSession)).one()
        assert opened.seen_at is not None
        opened.seen_at = opened.seen_at.replace(year=2020)
    assert reader.http.get("/api/session", headers={"X-Person-Active": "1"}).status_code == 401


def test_an_open_page_alone_does_not_keep_a_session(reader: Browser, services: Services) -> None:
    def seen() -> datetime | None:
        with services.sessions() as session:
            return session.scalars(select(LoginSession.seen_at)).one()

    with services.sessions.begin() as session:
        opened = session.scalars(select(LoginSession)).one()
        before = opened.seen_at = opened.created_at - timedelta(minutes=5)
    assert reader.get("/api/session").is_success
    assert seen() == before
    assert reader.http.get("/api/session", headers={"X-Person-Active": "1"}).is_success
    assert seen() != before
