"""A reading study from its opening to its results."""

from __future__ import annotations

import csv
import io

import pytest

from gateway.api.schemas import CaseDetail, ImageList, VerdictChange, Worklist
from gateway.api.study import (
    NewStudy,
    NextReading,
    ReadingSignature,
    StudyCase,
    StudyLine,
    StudyList,
    StudyResultsView,
    SurveyAnswers,
    SurveyMoment,
)
from gateway.review.visits import ImageKind
from processing.domain.decision import Reading, Verdict
from tests.unit.gateway.api.conftest import Browser
from tests.unit.gateway.api.desk import Desk
from tests.unit.gateway.front import Made

READER_SAYS = ReadingSignature(reading=Reading.ACTIVE, new_lesions=1, rating=5)


@pytest.fixture
def study(operator: Browser, ready: Made) -> StudyLine:
    """One case, no washout."""
    cases = [StudyCase(case_id=ready.case_id, reference=Reading.ACTIVE)]
    answer = operator.post("/api/studies", NewStudy(title="Pilot", cases=cases, seed=3, washout_days=0))
    assert answer.is_success, answer.text
    return StudyLine.model_validate(answer.json())


def following(browser: Browser, study: StudyLine) -> NextReading:
    return NextReading.model_validate(browser.post(f"/api/studies/{study.study_id}/next").json())


def answer(browser: Browser, study: StudyLine, moment: SurveyMoment) -> int:
    survey = SurveyAnswers(answers={"years": "=7"})
    return browser.put(f"/api/studies/{study.study_id}/survey/{moment.value}", survey).status_code


def test_a_case_is_read_both_ways_and_timed(operator: Browser, ready: Made, study: StudyLine) -> None:
    browser, desk = operator, Desk(operator, ready.case_id)
    assert browser.sign_in("anna").is_success
    first = following(browser, study)
    assert (first.reading_id, first.survey) == (None, SurveyMoment.BEFORE)
    assert answer(browser, study, SurveyMoment.BEFORE) == 204
    assert answer(browser, study, SurveyMoment.BEFORE) == 409, "questions are answered once"
    ways = []
    for phase in (1, 2):
        reading = following(browser, study)
        assert (reading.phase, reading.position, reading.total, reading.case_id) == (phase, 1, 1, ready.case_id)
        lesions = browser.get(f"/api/cases/{ready.case_id}/images/lesions/pixels").content
        assert any(lesions) == reading.overlay, "what is to be read without lesions gives none away"
        verdict = VerdictChange(edit=desk.edit, verdict=Verdict.ACCEPTED)
        judged = browser.put(f"{desk.path}/lesions/1/verdict", verdict)
        assert judged.is_success == reading.overlay, "nor is what is not shown judged or signed"
        assert "without its result" in desk.signature().text or reading.overlay
        detail = CaseDetail.model_validate(browser.get(f"/api/cases/{ready.case_id}").json())
        assert bool(detail.lesions) == bool(detail.warnings) == reading.overlay
        listed = Worklist.model_validate(browser.get("/api/cases").json()).cases
        for line in (detail.summary, *(one for one in listed if one.case_id == ready.case_id)):
            assert (line.new_lesions is not None) == reading.overlay, "no list gives them away either"
        shown = ImageList.model_validate(browser.get(f"/api/cases/{ready.case_id}/images").json()).images
        assert (ImageKind.SUBTRACTION in {image.kind for image in shown}) == reading.overlay
        pixels = browser.get(f"/api/cases/{ready.case_id}/images/subtraction/pixels")
        assert pixels.status_code == (200 if reading.overlay else 404)
        ways.append(reading.overlay)
        path = f"/api/studies/readings/{reading.reading_id}"
        assert browser.post(f"{path}/signature", READER_SAYS).status_code == 409, "it was not shown yet"
        assert browser.post(f"{path}/shown").status_code == 204
        contradiction = READER_SAYS.model_copy(update={"new_lesions": 0})
        assert browser.post(f"{path}/signature", contradiction).status_code == 409
        assert browser.post(f"{path}/signature", READER_SAYS).status_code == 204
        assert browser.post(f"{path}/signature", READER_SAYS).status_code == 409, "a closed reading stays"
    assert sorted(ways) == [False, True]
    assert following(browser, study).survey is SurveyMoment.AFTER
    assert answer(browser, study, SurveyMoment.AFTER) == 204
    assert StudyList.model_validate(browser.get("/api/studies").json()).studies[0].done == 2
    assert browser.sign_in("otto").is_success
    found = StudyResultsView.model_validate(browser.get(f"/api/studies/{study.study_id}/results").json())
    assert [(one.overlay, one.readings, one.sensitivity.value) for one in found.conditions] == [
        (False, 1, 1.0),
        (True, 1, 1.0),
    ]
    assert found.seconds_saved.value is not None
    lines = list(csv.DictReader(io.StringIO(browser.get(f"/api/studies/{study.study_id}/readings.csv").text)))
    assert [line["rating"] for line in lines] == ["5", "5"]
    assert {line["reference"] for line in lines} == {"new or growing lesions"}
    assert {(line["before_years"], line["after_years"]) for line in lines} == {("'=7", "'=7")}, "no formula"


def test_the_second_phase_waits_for_the_washout(operator: Browser, ready: Made) -> None:
    new = NewStudy(title="Washout", cases=[StudyCase(case_id=ready.case_id)], washout_days=14)
    study = StudyLine.model_validate(operator.post("/api/studies", new).json())
    assert operator.sign_in("anna").is_success
    answer(operator, study, SurveyMoment.BEFORE)
    path = f"/api/studies/readings/{following(operator, study).reading_id}"
    operator.post(f"{path}/shown")
    assert operator.post(f"{path}/signature", READER_SAYS).status_code == 204
    assert following(operator, study).sentence.startswith("The second phase begins on ")


def test_nobody_reads_in_another_one_s_name(operator: Browser, study: StudyLine) -> None:
    assert operator.sign_in("anna").is_success
    answer(operator, study, SurveyMoment.BEFORE)
    reading = following(operator, study)
    assert operator.sign_in("berta").is_success
    assert operator.post(f"/api/studies/readings/{reading.reading_id}/shown").status_code == 404


def test_a_study_of_unknown_cases_is_refused(operator: Browser) -> None:
    assert (
        operator.post("/api/studies", NewStudy(title="None", cases=[StudyCase(case_id="nothing")])).status_code == 404
    )
