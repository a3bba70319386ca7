"""A tumour over three time points is read step by step: by eye, then the outlines, then the volumes."""

from __future__ import annotations

import pytest
from httpx import Response
from sqlalchemy import select

from gateway import flow
from gateway.api.schemas import (
    AssessmentChange,
    BlindReading,
    CaseDetail,
    Consensus,
    EyeReading,
    Problem,
    ReportChange,
    ReportState,
    SecondStage,
    VerdictChange,
    VolumeReading,
    Worklist,
)
from gateway.api.timeline import GrowthView
from gateway.db.tables import Case, Review
from gateway.flow import Services, time_points
from gateway.flow.signed_results import SignedResult, signed_result
from gateway.review import decisions, reopening
from processing.domain.case import CaseState
from processing.domain.decision import Acceptance, TumourReading, Verdict
from processing.domain.growth import Growth, Part
from tests.unit.gateway.api.conftest import Browser
from tests.unit.gateway.api.desk import Desk
from tests.unit.gateway.front import NOON, Made, state_of
from tests.unit.gateway.front_result import Compared
from tests.unit.gateway.tumour_visits import tumour

SEE_FIRST = "Say first what you see in the images alone."
LARGER, UNCHANGED = TumourReading.LARGER, TumourReading.UNCHANGED


class TumourDesk(Desk):
    """A reader at the newest of three studies."""

    def by_eye(self, reading: TumourReading, diameters: tuple[float, float] | None = None) -> Response:
        return self.browser.put(
            f"{self.path}/eye-reading", EyeReading(edit=self.edit, reading=reading, diameters_mm=diameters)
        )

    def accept(self, rejected: int | None = None) -> None:
        self.decide(*(Verdict.REJECTED if number == rejected else Verdict.ACCEPTED for number in (1, 2, 3)))
        self.assess()

    def with_volumes(self, reading: TumourReading) -> Response:
        return self.browser.put(f"{self.path}/volume-reading", VolumeReading(edit=self.edit, reading=reading))

    def growth(self) -> GrowthView:
        return GrowthView.model_validate(self.browser.get(f"{self.path}/growth").json())


@pytest.fixture
def newest(app: object, services: Services, compared: Compared) -> Made:
    assert app
    tumour(services, compared, "20240601", 1.0)
    tumour(services, compared, "20250601", 1.1)
    return tumour(services, compared, "20260601", 1.5, signed=False)


@pytest.fixture
def desk(reader: Browser, newest: Made) -> TumourDesk:
    return TumourDesk(reader, newest.case_id)


def test_before_the_images_are_read_nobody_is_shown_an_outline_or_a_volume(desk: TumourDesk, newest: Made) -> None:
    seen = desk.detail()
    assert seen.follow_up is not None
    assert (seen.follow_up.compared, seen.follow_up.eye_first) == (True, True)
    assert [(str(one.study_date), one.accepted) for one in seen.follow_up.earlier] == [
        ("2025-06-01", True),
        ("2024-06-01", True),
    ]
    assert seen.tumour is None
    assert seen.summary.tumour_ml is None
    assert "first" in desk.growth().refusal
    lines = Worklist.model_validate(desk.browser.get("/api/cases").json()).cases
    assert [line.tumour_ml for line in lines if line.case_id == newest.case_id] == [None]
    assert ReportState.model_validate(desk.browser.get(f"{desk.path}/report").json()).draft == ""


def test_before_the_images_are_read_nothing_is_judged_written_or_signed(desk: TumourDesk) -> None:
    judged = [
        desk.browser.put(f"{desk.path}/lesions/1/verdict", VerdictChange(edit=0, verdict=Verdict.ACCEPTED)),
        desk.browser.put(
            f"{desk.path}/assessment",
            AssessmentChange(edit=0, acceptance=Acceptance.ACCEPTABLE, rating=4, comment=""),
        ),
        desk.browser.put(f"{desk.path}/report", ReportChange(edit=0, words="Larger.")),
        desk.with_volumes(LARGER),
        desk.signature(),
    ]
    assert [answer.status_code for answer in judged] == [409] * 5
    assert {Problem.model_validate(answer.json()).detail for answer in judged} == {SEE_FIRST}
    assert desk.edit == 0, "nothing of it was kept"
    assert desk.by_eye(LARGER).is_success
    desk.accept()


def test_what_was_seen_is_said_once_and_opens_the_outlines(desk: TumourDesk) -> None:
    assert desk.by_eye(LARGER, (20.0, 31.0)).status_code == 409, "the longest comes first"
    opened = CaseDetail.model_validate(desk.by_eye(LARGER, (31.0, 20.0)).json())
    assert opened.tumour is not None
    assert opened.review is not None
    assert (opened.review.visual_reading, opened.review.visual_diameters_mm) == (LARGER, (31.0, 20.0))
    assert desk.by_eye(UNCHANGED).status_code == 409
    desk.accept()
    kept = desk.detail().review
    assert kept is not None
    assert kept.visual_reading is LARGER, "the assessment leaves it alone"


def test_volumes_are_compared_once_every_part_is_accepted(desk: TumourDesk) -> None:
    desk.by_eye(LARGER)
    assert "has not been accepted" in desk.growth().refusal
    assert desk.with_volumes(LARGER).status_code == 409
    desk.accept()
    growth = desk.growth()
    assert growth.refusal == ""
    whole = [line for line in growth.changes if line.quantity == "whole tumour"]
    assert [round(line.percent or 0) for line in whole] == [36, 50]
    assert desk.signature().status_code == 409, "nothing was concluded with the volumes yet"
    assert desk.with_volumes(LARGER).is_success
    signed = desk.sign()
    assert signed.summary.state is CaseState.SIGNED
    assert signed.review is not None
    assert signed.review.volume_reading is LARGER


def test_the_growth_that_was_signed_leaves_also_when_an_earlier_measurement_is_reopened(
    desk: TumourDesk, services: Services, newest: Made
) -> None:
    desk.by_eye(LARGER)
    desk.accept()
    desk.with_volumes(LARGER)
    desk.sign()
    before = signed(services, newest)
    assert before.growth is not None
    (latest, _) = before.growth.volumes[Part.WHOLE]
    assert latest.percent == pytest.approx(100 * (1.5 / 1.1 - 1))
    assert before.growth == follow_up_now(services, newest), "nothing is lost by keeping it"
    with services.sessions.begin() as session:
        prior, *_ = time_points.accepted_priors(session, session.get_one(Case, newest.case_id))
        review = decisions.review_of(session, prior.jobs[-1])
        assert review is not None
        reopening.reopen(session, review, actor="berta", reason="sealed", at=NOON)
    assert follow_up_now(services, newest) is None
    assert signed(services, newest).growth == before.growth
    with services.sessions.begin() as session:
        session.scalars(select(Review).where(Review.job_id == newest.job_id)).one().edition = 2
    assert signed(services, newest).growth is None, "what was kept belongs to the first signature"


def signed(services: Services, made: Made) -> SignedResult:
    with services.sessions() as session:
        return signed_result(services, session, session.get_one(Case, made.case_id))


def follow_up_now(services: Services, made: Made) -> Growth | None:
    with services.sessions() as session:
        return flow.reported_growth(session, session.get_one(Case, made.case_id))


def test_a_rejected_part_leaves_what_was_seen_by_eye_alone(desk: TumourDesk, services: Services, newest: Made) -> None:
    desk.by_eye(UNCHANGED)
    desk.accept()
    desk.with_volumes(LARGER)
    desk.accept(rejected=1)
    assert "has not been accepted" in desk.growth().refusal
    desk.sign()
    assert state_of(services.sessions, newest.case_id) is CaseState.SIGNED, "no volumes, no disagreement"
    review = desk.detail().review
    assert review is not None
    assert review.volume_reading is None


def test_a_conclusion_that_differs_from_what_was_seen_wants_a_second_reader(
    desk: TumourDesk, services: Services, newest: Made
) -> None:
    desk.by_eye(UNCHANGED)
    desk.accept()
    desk.with_volumes(LARGER)
    waiting = desk.sign()
    assert waiting.summary.state is CaseState.SECOND_READING
    assert desk.browser.sign_in("berta").is_success
    blind = desk.detail()
    assert blind.tumour is None
    assert blind.review is not None
    assert (blind.review.visual_reading, blind.review.volume_reading) == (None, None)
    opened = desk.browser.put(f"{desk.path}/blind-reading", BlindReading(edit=desk.edit, reading=UNCHANGED))
    second = CaseDetail.model_validate(opened.json()).review
    assert second is not None
    assert second.second is not None
    assert second.second.stage is SecondStage.DIFFERS
    assert desk.with_volumes(UNCHANGED).status_code == 409, "the first reader's conclusion stays"
    assert desk.signature().status_code == 409
    words = Consensus(edit=desk.edit, words="Larger; the border is diffuse.")
    assert desk.browser.put(f"{desk.path}/consensus", words).is_success
    desk.sign()
    assert state_of(services.sessions, newest.case_id) is CaseState.SIGNED


def test_without_two_accepted_measurements_before_it_a_case_is_read_as_ever(
    app: object, reader: Browser, services: Services, compared: Compared
) -> None:
    assert app
    tumour(services, compared, "20240601", 1.0)
    tumour(services, compared, "20250601", 1.1, signed=False)
    desk = TumourDesk(reader, tumour(services, compared, "20260601", 1.5, signed=False).case_id)
    seen = desk.detail()
    assert seen.tumour is not None
    assert seen.follow_up is not None
    assert [one.accepted for one in seen.follow_up.earlier] == [False, True]
    assert desk.by_eye(LARGER).status_code == 409
    desk.accept()
    desk.sign()
