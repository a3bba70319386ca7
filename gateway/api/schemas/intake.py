"""Uploads, and what waits for an operator."""

from __future__ import annotations

from datetime import datetime

from gateway.api.schemas.body import Body
from gateway.api.schemas.worklist import CaseSummary


class QuarantineLine(Body):
    """An upload that is no usable DICOM object."""

    upload_id: int
    at: datetime
    source: str
    size_bytes: int
    reason: str


class Quarantine(Body):
    """Everything that waits for an operator's decision."""

    cases: list[CaseSummary]
    uploads: list[QuarantineLine]


class UploadResult(Body):
    """What became of the parts of an upload."""

    accepted: int
    quarantined: list[QuarantineLine]
