"""A tumour on the worklist and the case page: its parts are decided on, and what is doubtful comes first."""

from __future__ import annotations

import pytest

from gateway.api.schemas import AssessmentChange, CaseDetail, Signature, VerdictChange, Worklist
from gateway.api.schemas.outlines import OutlineChange, OutlineMask
from gateway.flow import Services
from processing.domain.case import CaseState
from processing.domain.decision import Acceptance, Reading, Verdict
from processing.domain.messages import JobOrder, JobOutcome, OutcomeStatus, StudyOrder
from processing.domain.side import Side
from processing.domain.study import SeriesRole
from processing.domain.tumour import Alarm, Diameters, SegmenterVote, TumourFindings, TumourVolumes
from tests.unit.gateway.api.conftest import Browser
from tests.unit.gateway.front import PASSWORD, Made, make_case, state_of
from tests.unit.gateway.front_result import Compared


def findings(alarms: int) -> TumourFindings:
    return TumourFindings(
        volumes=TumourVolumes(core_ml=0.0, hyperintensity_ml=30.0, enhancing_ml=10.0),
        diameters=Diameters(4, 30.0, 9.0),
        votes=(SegmenterVote("level set", (1.0, 0.5, 0.0)),),
        alarms=tuple(Alarm("level set", "Dice overlap", f"region {n}", 0.1, 0.5) for n in range(alarms)),
        comparisons=8,
        places=((), (3, 4, 5), (4, 6, 7)),
        side=Side.LEFT,
    )


def made_tumour(services: Services, study_uid: str, alarms: int = 2) -> Made:
    job_id = f"job-{study_uid}"
    order = JobOrder(
        job_id=job_id,
        case_id="case",
        attempt=1,
        pipeline="tumour_volumetry",
        version="0.1.0",
        current=StudyOrder(study_instance_uid=study_uid, series={SeriesRole.T1C: "2.25.9"}),
        prior=None,
    )
    outcome = JobOutcome(job_id=job_id, attempt=1, status=OutcomeStatus.SUCCEEDED, tumour=findings(alarms))
    return make_case(services.sessions, study_uid=study_uid, order=order, outcome=outcome)


@pytest.fixture
def tumour(app: object, services: Services, compared: Compared) -> Made:
    assert app
    return made_tumour(services, compared.current.study_instance_uid)


def detail(browser: Browser, case_id: str) -> CaseDetail:
    return CaseDetail.model_validate(browser.get(f"/api/cases/{case_id}").json())


def decide(browser: Browser, made: Made, number: int, verdict: Verdict, edit: int) -> int:
    change = VerdictChange(edit=edit, verdict=verdict)
    return browser.put(f"/api/cases/{made.case_id}/lesions/{number}/verdict", change).status_code


def test_the_case_page_shows_parts_ratios_diameters_alarms_and_risk(reader: Browser, tumour: Made) -> None:
    shown = detail(reader, tumour.case_id)
    assert shown.lesions == []
    assert shown.prior_study_date is None
    assert shown.tumour is not None
    assert [(part.number, part.volume_ml, part.place) for part in shown.tumour.parts] == [
        (2, 30.0, (3, 4, 5)),
        (3, 10.0, (4, 6, 7)),
    ]
    assert (shown.tumour.whole_ml, shown.tumour.side, shown.tumour.risk) == (40.0, Side.LEFT, 0.25)
    assert len(shown.tumour.alarms) == 2
    assert shown.tumour.diameters is not None
    assert not shown.tumour.diameters.measurable, "9 mm across"
    assert {ratio.name: ratio.value for ratio in shown.tumour.ratios}["enhancing tumour to whole tumour"] == 0.25


def test_the_worklist_is_ordered_by_the_alarms(
    reader: Browser, services: Services, tumour: Made, compared: Compared
) -> None:
    worse = made_tumour(services, f"{compared.current.study_instance_uid[:50]}.7", alarms=5)
    lines = Worklist.model_validate(reader.get("/api/cases").json()).cases
    assert [line.case_id for line in lines] == [worse.case_id, tumour.case_id]
    assert [len(line.alarms) for line in lines] == [5, 2]
    assert [(line.tumour_ml, line.new_lesions) for line in lines] == [(40.0, None), (40.0, None)]


def test_every_part_wants_a_verdict_before_the_signature(reader: Browser, services: Services, tumour: Made) -> None:
    assert decide(reader, tumour, 1, Verdict.ACCEPTED, 0) == 404, "there is no core"
    assert decide(reader, tumour, 2, Verdict.ACCEPTED, 0) == 200
    fine = AssessmentChange(edit=1, acceptance=Acceptance.ACCEPTABLE, rating=4, comment="")
    assert reader.put(f"/api/cases/{tumour.case_id}/assessment", fine).status_code == 200
    door, signature = f"/api/cases/{tumour.case_id}/signature", Signature(edit=2, password=PASSWORD)
    assert reader.post(door, signature).status_code == 409
    assert decide(reader, tumour, 3, Verdict.REJECTED, 2) == 200
    signed = CaseDetail.model_validate(reader.post(door, signature.model_copy(update={"edit": 3})).json())
    assert state_of(services.sessions, tumour.case_id) is CaseState.SIGNED
    assert signed.tumour is not None
    assert [part.verdict for part in signed.tumour.parts] == [Verdict.ACCEPTED, Verdict.REJECTED]


def test_a_rejected_tumour_shows_no_volume_to_anybody(reader: Browser, tumour: Made) -> None:
    bad = AssessmentChange(edit=0, acceptance=Acceptance.UNACCEPTABLE, rating=1, comment="missed half of it")
    assert reader.put(f"/api/cases/{tumour.case_id}/assessment", bad).status_code == 200
    reader.post(f"/api/cases/{tumour.case_id}/signature", Signature(edit=1, password=PASSWORD))
    shown = detail(reader, tumour.case_id)
    assert shown.tumour is None
    assert shown.summary.tumour_ml is None
    assert "40" not in shown.model_dump_json(include={"summary": {"alarms", "tumour_ml"}, "tumour": True})


def test_what_is_about_change_or_lesions_alone_is_refused(reader: Browser, tumour: Made) -> None:
    seen = AssessmentChange(edit=0, acceptance=None, rating=None, comment="", visual_reading=Reading.STABLE)
    assert reader.put(f"/api/cases/{tumour.case_id}/assessment", seen).status_code == 409
    mask = OutlineMask(first=(0, 0, 0), size=(1, 1, 1), bits="eJwDAAAAAAE=")
    drawn = reader.put(f"/api/cases/{tumour.case_id}/lesions/3/outline", OutlineChange(edit=0, mask=mask))
    assert drawn.status_code >= 400
