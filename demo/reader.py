"""A demo reader at the gateway's API: sees the worklist, accepts, rejects and signs, as the viewer does."""

from __future__ import annotations

import ssl
from typing import Self

import httpx
from pydantic import BaseModel

from gateway.api.schemas import (
    AssessmentChange,
    CaseDetail,
    CaseSummary,
    Credentials,
    ImageHeader,
    ReviewState,
    SessionInfo,
    Signature,
    VerdictChange,
    Worklist,
)
from processing.domain.decision import Acceptance, Verdict

TIMEOUT_S = 60.0


class Reader:
    """A signed-in session.

    Parameters
    ----------
    url : str
        Root address of the gateway.
    user_name, password : str
    trust : SSLContext, optional
        Whose certificates are believed over https; the usual authorities' unless given.

    Raises
    ------
    httpx.HTTPStatusError
        If the gateway refuses a request.
    """

    def __init__(self, url: str, user_name: str, password: str, trust: ssl.SSLContext | None = None) -> None:
        self._password = password
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT_S, verify=trust if trust is not None else True)
        session = SessionInfo.model_validate(
            self._send("POST", "/api/session", Credentials(user_name=user_name, password=password)).json()
        )
        self._http.headers["X-CSRF-Token"] = session.csrf_token

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def worklist(self, *, superseded: bool = False) -> list[CaseSummary]:
        """Every case, those that want a reader first; replaced revisions only when asked for."""
        path = f"/api/cases?superseded={str(superseded).lower()}"
        return Worklist.model_validate(self._send("GET", path).json()).cases

    def case(self, case_id: str) -> CaseDetail:
        """Everything about one case but its pixels."""
        return CaseDetail.model_validate(self._send("GET", f"/api/cases/{case_id}").json())

    def image(self, case_id: str, name: str) -> ImageHeader:
        """Where a displayed volume lies."""
        return ImageHeader.model_validate(self._send("GET", f"/api/cases/{case_id}/images/{name}").json())

    def pixels(self, case_id: str, name: str) -> bytes:
        """The raw pixels of one displayed volume."""
        return self._send("GET", f"/api/cases/{case_id}/images/{name}/pixels").content

    def decide(self, case_id: str, number: int, verdict: Verdict) -> None:
        """Accept or reject one lesion."""
        change = VerdictChange(edit=self._edit(case_id), verdict=verdict)
        self._send("PUT", f"/api/cases/{case_id}/lesions/{number}/verdict", change)

    def assess(self, case_id: str, acceptance: Acceptance, rating: int, comment: str) -> None:
        """Judge the result as a whole."""
        change = AssessmentChange(edit=self._edit(case_id), acceptance=acceptance, rating=rating, comment=comment)
        self._send("PUT", f"/api/cases/{case_id}/assessment", change)

    def sign(self, case_id: str) -> CaseDetail:
        """Sign the review as it stands."""
        signature = Signature(edit=self._edit(case_id), password=self._password)
        return CaseDetail.model_validate(self._send("POST", f"/api/cases/{case_id}/signature", signature).json())

    def _edit(self, case_id: str) -> int:
        review: ReviewState | None = self.case(case_id).review
        return review.edit if review is not None else 0

    def _send(self, method: str, path: str, body: BaseModel | None = None) -> httpx.Response:
        content = body.model_dump(mode="json") if body is not None else None
        response = self._http.request(method, path, json=content)
        response.raise_for_status()
        return response
