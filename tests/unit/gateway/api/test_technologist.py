"""What is said at the scanner: never more than was measured."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from gateway.api.technologist import Answer, FirstLooks, answer_of
from gateway.db.tables import Case
from gateway.flow import Services
from processing.domain.case import CaseEvent, CaseState
from processing.domain.messages import JobOutcome, OutcomeStatus
from processing.domain.result import Lesion, LesionChange, QualityFigure
from processing.domain.study import SeriesRole
from processing.pipelines.measured import measured
from tests.unit.gateway.api.conftest import Browser
from tests.unit.gateway.front import Made, lesion, make_case


def outcome(*lesions: Lesion, status: OutcomeStatus = OutcomeStatus.SUCCEEDED, acceptable: bool = True) -> JobOutcome:
    figure = QualityFigure("signal to noise", 3.0, "", acceptable=acceptable)
    return JobOutcome(
        job_id="j", attempt=1, status=status, lesions=lesions, quality=(figure,), reason="It could not be registered."
    )


def test_a_new_lesion_and_only_a_new_one_is_seen() -> None:
    ready = CaseState.READY_FOR_REVIEW
    assert answer_of(ready, outcome(lesion(1)), "") == (Answer.NEW_LESION, "")
    assert answer_of(ready, outcome(), "") == (Answer.NO_NEW_LESION, "")
    assert answer_of(ready, outcome(lesion(1, LesionChange.GROWING)), "")[0] is Answer.NO_NEW_LESION


def test_poor_images_give_no_answer() -> None:
    answer, reason = answer_of(CaseState.READY_FOR_REVIEW, outcome(lesion(1), acceptable=False), "")
    assert answer is Answer.NONE
    assert "signal to noise" in reason


def test_a_figure_that_does_no_harm_to_the_comparison_takes_no_answer_away() -> None:
    flat = QualityFigure("prior grey-white contrast to noise", 0.1, "", acceptable=False)
    result = outcome().model_copy(update={"quality": (flat,)})
    assert answer_of(CaseState.READY_FOR_REVIEW, result, "")[0] is Answer.NO_NEW_LESION


@pytest.mark.parametrize(
    ("state", "result"),
    [
        (CaseState.REGISTRATION_FAILED, outcome(status=OutcomeStatus.REGISTRATION_FAILED)),
        (CaseState.QUARANTINED, outcome(status=OutcomeStatus.DEFECT)),
        (CaseState.BASELINE, None),
        (CaseState.NOT_ROUTED, None),
        (CaseState.DISCARDED, None),
        (CaseState.SUPERSEDED, None),
    ],
)
def test_whatever_failed_gives_no_answer(state: CaseState, result: JobOutcome | None) -> None:
    assert answer_of(state, result, "No earlier study.") == (Answer.NONE, "No earlier study.")


@pytest.mark.parametrize("state", [CaseState.RECEIVING, CaseState.WAITING_FOR_PRIOR, CaseState.RUNNING])
def test_what_is_under_way_is_no_answer_yet(state: CaseState) -> None:
    assert answer_of(state, None, "")[0] is None


@pytest.fixture
def first_look(services: Services, ready: Made) -> Made:
    with services.sessions.begin() as session:
        case = session.get_one(Case, ready.case_id)
        case.early, case.priority, case.pipeline, case.version = True, "fast_track", "ms_longitudinal", "0.2.0"
        # Shown are those of today.
        case.received_at = datetime.now(UTC)
    return ready


@pytest.mark.parametrize(
    ("series", "shown"),
    [
        (["FLAIR"], ["FLAIR"]),
        (["FLAIR", "T1", "T2"], ["FLAIR", "T1", "T2"]),
        # With these nothing was measured, and nobody noted what these were.
        (["FLAIR", "T2"], None),
        ([], None),
    ],
)
def test_the_screen_shows_what_an_answer_from_these_series_is_worth(
    reader: Browser, services: Services, first_look: Made, series: list[str], shown: list[str] | None
) -> None:
    with services.sessions.begin() as session:
        (job,) = session.get_one(Case, first_look.case_id).jobs
        assert job.outcome is not None
        job.outcome = {**job.outcome, "compared": series}
    (line,) = FirstLooks.model_validate(reader.get("/api/technologist").json()).studies
    assert line.case_id == first_look.case_id
    assert (line.answer, line.has_picture) == (Answer.NEW_LESION, True)
    figures = measured("ms_longitudinal")
    assert figures is not None
    if shown is None:
        assert line.measured is None
        return
    found = figures.of(SeriesRole(name) for name in shown)
    assert found is not None
    assert line.measured is not None
    assert (line.measured.series, line.measured.lesions_marked) == (shown, figures.lesions_marked)
    assert (line.measured.lesions_found, line.measured.false_positives) == (found.lesions_found, found.false_positives)


def test_less_is_found_with_flair_alone() -> None:
    figures = measured("ms_longitudinal")
    assert figures is not None
    alone, all_three = figures.of([SeriesRole.FLAIR]), figures.of([SeriesRole.T2, SeriesRole.FLAIR, SeriesRole.T1])
    assert alone is not None
    assert all_three is not None
    assert alone.lesions_found < all_three.lesions_found <= figures.lesions_marked


def test_the_candidates_picture_is_an_image(reader: Browser, first_look: Made) -> None:
    answer = reader.get(f"/api/technologist/{first_look.case_id}/picture")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert answer.content.startswith(b"\x89PNG")


def test_the_same_is_pushed_as_events(reader: Browser, first_look: Made) -> None:
    answer = reader.get("/api/technologist/events?longest_s=0")
    assert answer.headers["content-type"].startswith("text/event-stream")
    (event,) = answer.text.strip().split("\n\n")
    pushed = FirstLooks.model_validate(json.loads(event.removeprefix("data: ")))
    assert [line.case_id for line in pushed.studies] == [first_look.case_id]


def test_ordinary_cases_are_not_shown_at_the_scanner(reader: Browser, ready: Made) -> None:
    assert FirstLooks.model_validate(reader.get("/api/technologist").json()).studies == []
    assert reader.get(f"/api/technologist/{ready.case_id}/picture").status_code == 404


def test_an_operator_pauses_discards_and_presses_forward(operator: Browser, services: Services) -> None:
    waiting = make_case(services.sessions, study_uid="2.25.7", events=(CaseEvent.QUIET,))
    failed = make_case(services.sessions, study_uid="2.25.8", events=(CaseEvent.QUIET, CaseEvent.FAILED))
    send = operator.http.request
    headers = {"X-CSRF-Token": operator.csrf_token}
    paused = send(
        "PUT", "/api/operations/gates/pipelines", json={"mode": "paused", "reason": "Update"}, headers=headers
    )
    assert paused.status_code == 200
    (line,) = [one for one in operator.get("/api/operations").json()["passages"] if one["name"] == "pipelines"]
    assert (line["mode"], line["actor"], line["reason"]) == ("paused", "otto", "Update")
    urgent = send("PUT", f"/api/cases/{waiting.case_id}/priority", json={"priority": "urgent"}, headers=headers)
    assert urgent.status_code == 204
    discarded = send("POST", f"/api/cases/{failed.case_id}/discard", json={"reason": "A test."}, headers=headers)
    assert discarded.status_code == 204
    with services.sessions() as session:
        assert session.get_one(Case, waiting.case_id).priority == "urgent"
        assert session.get_one(Case, failed.case_id).state == CaseState.DISCARDED.value
    assert send("PUT", "/api/operations/gates/none", json={"mode": "open"}, headers=headers).status_code == 409
