"""A missed lesion by click and a corrected outline, from the browser to what is signed."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import pytest

from gateway.api.schemas import (
    AssessmentChange,
    CaseDetail,
    DrawnReview,
    GrownRegion,
    GrowRequest,
    OutlineChange,
    OutlineMask,
    Outlines,
    Signature,
)
from gateway.db.tables import Job
from gateway.flow import Services
from gateway.review import decisions
from gateway.review.edits import standing_edits
from gateway.review.finalise import final_objects
from processing.dicom.result import ObjectKind
from processing.dicom.write_seg import read_segmentation
from processing.domain.decision import Acceptance, SignedReview, Verdict
from processing.domain.result import LesionChange, Outline, Region, Side
from tests.unit.gateway.api.conftest import Browser
from tests.unit.gateway.front import NOON, PASSWORD, Made
from tests.unit.gateway.front_result import Compared


def outline(first: tuple[int, int, int], size: tuple[int, int, int]) -> OutlineMask:
    """A full box, as a browser sends it."""
    bits = np.packbits(np.ones(size, bool)).tobytes()
    return OutlineMask(first=first, size=size, bits=base64.b64encode(zlib.compress(bits)).decode())


def drawn(reader: Browser, ready: Made, number: int, change: OutlineChange) -> DrawnReview:
    answer = reader.put(f"/api/cases/{ready.case_id}/lesions/{number}/outline", change)
    assert answer.is_success, answer.text
    return DrawnReview.model_validate(answer.json())


def test_a_corrected_outline_changes_the_figures_at_once(reader: Browser, ready: Made, compared: Compared) -> None:
    after = drawn(reader, ready, 1, OutlineChange(edit=0, mask=outline((2, 20, 10), (1, 1, 2))))
    assert after.review.edit == 1
    line = after.lesions[0]
    assert line.volume_mm3 == pytest.approx(24.0)
    assert (line.outline, line.measured_mm3) == (Outline.CORRECTED, compared.outcome.lesions[0].volume_mm3)
    assert line.verdict is Verdict.ACCEPTED, "who draws a lesion says that it is one"
    detail = CaseDetail.model_validate(reader.get(f"/api/cases/{ready.case_id}").json())
    assert detail.lesions == after.lesions
    outlines = Outlines.model_validate(reader.get(f"/api/cases/{ready.case_id}/outlines").json())
    assert [(one.number, one.mask.first, one.mask.size) for one in outlines.outlines] == [(1, (2, 20, 10), (1, 1, 2))]
    pixels = reader.get(f"/api/cases/{ready.case_id}/images/lesions/pixels").content
    assert pixels == compared.result.lesion_map.array.astype("u1").tobytes(), "the algorithm's own stays as it is"

    answer = reader.delete(f"/api/cases/{ready.case_id}/lesions/1/outline?edit=1")
    back = DrawnReview.model_validate(answer.json())
    assert back.lesions[0].outline is Outline.ALGORITHM
    assert back.lesions[0].verdict is Verdict.ACCEPTED


def test_a_missed_lesion_is_added_and_taken_back(reader: Browser, ready: Made) -> None:
    change = OutlineChange(edit=0, mask=outline((1, 10, 8), (1, 2, 2)), region=Region.INFRATENTORIAL, side=Side.LEFT)
    after = drawn(reader, ready, 3, change)
    line = after.lesions[-1]
    assert (line.number, line.outline, line.region, line.side) == (3, Outline.ADDED, Region.INFRATENTORIAL, Side.LEFT)
    assert line.verdict is Verdict.ACCEPTED
    answer = reader.delete(f"/api/cases/{ready.case_id}/lesions/3/outline?edit=1")
    assert [line.number for line in DrawnReview.model_validate(answer.json()).lesions] == [1, 2]
    # Its number is not given to another lesion.
    assert (
        reader.put(f"/api/cases/{ready.case_id}/lesions/3/outline", change.model_copy(update={"edit": 2})).status_code
        == 404
    )
    drawn(reader, ready, 4, change.model_copy(update={"edit": 2}))


def test_an_added_lesion_that_grows_keeps_what_it_was(reader: Browser, ready: Made) -> None:
    change = OutlineChange(
        edit=0,
        mask=outline((1, 10, 8), (1, 2, 2)),
        region=Region.PERIVENTRICULAR,
        side=Side.LEFT,
        change=LesionChange.GROWING,
        prior_volume_mm3=36.0,
    )
    line = drawn(reader, ready, 3, change).lesions[-1]
    assert (line.change, line.prior_volume_mm3) == (LesionChange.GROWING, 36.0)
    assert line.volume_mm3 == pytest.approx(48.0)
    report = reader.get(f"/api/cases/{ready.case_id}/report").json()
    assert "added to 36 mm³" in report["draft"]


@pytest.mark.parametrize(
    ("number", "change", "status", "said"),
    [
        (1, {"edit": 5}, 409, "in the meantime"),
        (9, {}, 404, "no lesion"),
        (3, {}, 404, "no lesion"),
        (1, {"region": Region.INFRATENTORIAL, "side": Side.LEFT}, 400, "algorithm's"),
        (3, {"region": Region.INFRATENTORIAL, "side": Side.LEFT, "change": LesionChange.GROWING}, 400, "earlier study"),
        (3, {"region": Region.INFRATENTORIAL, "side": Side.LEFT, "prior_volume_mm3": 9.0}, 400, "is new, or growing"),
        (3, {"region": Region.INFRATENTORIAL, "side": Side.LEFT, "change": LesionChange.VANISHED}, 400, "is new"),
        (1, {"mask": outline((4, 30, 25), (1, 1, 1))}, 400, "overlaps lesion 2"),
        (1, {"mask": OutlineMask(first=(0, 0, 0), size=(1, 1, 1), bits="?")}, 400, "can't be read"),
        (1, {"mask": outline((5, 47, 39), (2, 2, 2))}, 400, "leaves the images"),
    ],
)
def test_what_can_not_stand_is_refused_and_changes_nothing(
    reader: Browser, ready: Made, number: int, change: dict[str, object], status: int, said: str
) -> None:
    wanted = OutlineChange(edit=0, mask=outline((2, 20, 10), (1, 1, 1))).model_copy(update=change)
    answer = reader.put(f"/api/cases/{ready.case_id}/lesions/{number}/outline", wanted)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["detail"]
    assert Outlines.model_validate(reader.get(f"/api/cases/{ready.case_id}/outlines").json()).outlines == []
    detail = CaseDetail.model_validate(reader.get(f"/api/cases/{ready.case_id}").json())
    assert detail.review is not None
    assert detail.review.edit == 0


def test_a_click_proposes_and_stores_nothing(reader: Browser, ready: Made, services: Services) -> None:
    path = f"/api/cases/{ready.case_id}/region"
    # The test's head is one ramp: its brighter end stands out from the middle of the scan.
    answers = [reader.post(path, GrowRequest(index=index)) for index in ((3, 24, 20), (3, 24, 39), (9, 0, 0))]
    assert {answer.status_code for answer in answers} <= {200, 400}
    assert answers[2].status_code == 400
    for answer in answers:
        if answer.is_success:
            assert GrownRegion.model_validate(answer.json()).volume_mm3 > 0
    with services.sessions() as session:
        job = session.get_one(Job, ready.job_id)
        assert decisions.review_of(session, job) is None


def test_the_signed_segmentation_holds_the_readers_outlines(
    reader: Browser, ready: Made, services: Services, compared: Compared
) -> None:
    drawn(reader, ready, 1, OutlineChange(edit=0, mask=outline((2, 20, 10), (1, 1, 2))))
    change = OutlineChange(
        edit=1,
        mask=outline((1, 10, 8), (1, 2, 2)),
        region=Region.INFRATENTORIAL,
        side=Side.LEFT,
        change=LesionChange.GROWING,
        prior_volume_mm3=36.0,
    )
    drawn(reader, ready, 3, change)
    with services.sessions() as session:
        standing = standing_edits(session, decisions.review_of(session, session.get_one(Job, ready.job_id)))
    verdicts = {1: Verdict.ACCEPTED, 2: Verdict.REJECTED, 3: Verdict.ACCEPTED}
    review = SignedReview("Dr. Anna Muster", NOON, Acceptance.ACCEPTABLE, 4, "", verdicts)
    finals = final_objects(compared.archive, compared.order, compared.outcome, review, standing)
    by_kind = {final.kind: final.dataset for final in finals}
    segmentation = by_kind[ObjectKind.SEGMENTATION]
    labels = read_segmentation(segmentation, compared.result.lesion_map.grid)
    assert {label: int((labels.array == label).sum()) for label in labels.labels} == {1: 2, 3: 4}
    assert [item.SegmentAlgorithmType for item in segmentation.SegmentSequence] == ["SEMIAUTOMATIC"] * 2
    said = " ".join(
        str(element.value) for element in by_kind[ObjectKind.REPORT].iterall() if element.keyword == "TextValue"
    )
    assert "added by the reader" in said
    assert f"{compared.outcome.lesions[0].volume_mm3:.1f} mm3 as the algorithm drew it" in said


def test_a_rejected_results_outlines_are_shown_to_nobody(reader: Browser, ready: Made) -> None:
    path = f"/api/cases/{ready.case_id}"
    drawn(reader, ready, 1, OutlineChange(edit=0, mask=outline((2, 20, 10), (1, 1, 2))))
    assert reader.put(
        f"{path}/assessment", AssessmentChange(edit=1, acceptance=Acceptance.UNACCEPTABLE, rating=1, comment="blurred")
    ).is_success
    assert reader.post(f"{path}/signature", Signature(edit=2, password=PASSWORD)).is_success
    assert Outlines.model_validate(reader.get(f"{path}/outlines").json()).outlines == []
    answer = reader.put(f"{path}/lesions/1/outline", OutlineChange(edit=3, mask=outline((2, 20, 10), (1, 1, 1))))
    assert answer.status_code == 409
