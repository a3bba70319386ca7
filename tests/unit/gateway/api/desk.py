"""A reader at one case, by the same requests as the viewer's."""

from __future__ import annotations

from httpx import Response

from gateway.api.schemas import AssessmentChange, CaseDetail, Signature, VerdictChange
from processing.domain.decision import Acceptance, Reading, Verdict
from tests.unit.gateway.api.conftest import Browser
from tests.unit.gateway.front import PASSWORD


class Desk:
    """One reader at one case.

    Parameters
    ----------
    browser : Browser
        Signed in.
    case_id : str
    """

    def __init__(self, browser: Browser, case_id: str) -> None:
        self.browser, self.path = browser, f"/api/cases/{case_id}"

    def detail(self) -> CaseDetail:
        return CaseDetail.model_validate(self.browser.get(self.path).json())

    @property
    def edit(self) -> int:
        review = self.detail().review
        return review.edit if review is not None else 0

    def decide(self, *verdicts: Verdict) -> None:
        """Decide on the lesions, or parts, from the first on."""
        for number, verdict in enumerate(verdicts, start=1):
            change = VerdictChange(edit=self.edit, verdict=verdict)
            assert self.browser.put(f"{self.path}/lesions/{number}/verdict", change).is_success

    def assess(self, visual: Reading | None = None, comment: str = "") -> None:
        change = AssessmentChange(
            edit=self.edit, acceptance=Acceptance.ACCEPTABLE, rating=4, comment=comment, visual_reading=visual
        )
        assert self.browser.put(f"{self.path}/assessment", change).is_success

    def signature(self) -> Response:
        """Ask for the signature, which may be refused."""
        return self.browser.post(f"{self.path}/signature", Signature(edit=self.edit, password=PASSWORD))

    def sign(self) -> CaseDetail:
        answer = self.signature()
        assert answer.is_success, answer.text
        return CaseDetail.model_validate(answer.json())
